"""What verbs find out without a daemon: the files, this machine, the engines, and plans for it.

Start at `files.py`: models.conf and paddock.toml as the daemon would read them. `planning.py` plans,
`profile_facts.py` gathers what the rules of advice want, `draft.py` writes a models.conf for a folder,
`import_page.py` one from another program's files. Most of it is blocking.

It prints nothing, and what it decides it asks `placement/`, `config/` and `importing/`.
To add something that verbs find out: a function that takes `Files` and returns values, which a file in `output/` prints.
"""
