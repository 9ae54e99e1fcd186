"""Imports other programs' configuration: it becomes the lines of a models.conf, each with its source.

Start with `page.py` (a models.conf in the making), `healing.py` (until `paddock check` accepts it) and
`started.py` (the start of a llama-server becomes a section). One module or two read each kind of
source: `llama_swap.py` and `swap_*.py`, `ollama*.py` and `modelfile.py`, `compose_*.py`,
`container_run.py`, `unit_file.py`, `shell*.py`, `wrapper.py`. `launch.py` takes command lines apart,
`programs.py` chooses the engine, `sharing.py` moves what all profiles share to `[*]`.
It must never run what it reads, never change a file that it reads, and never drop anything silently:
what has no counterpart becomes a note with its place.
To add a source: a reader that gives `PageSection`s, a verb that calls it (`paddock import …`), the
mark by which `config/foreign.py` recognises such a file, and a folder in `tests/importing/corpus` that
holds the input and the expected models.conf.
"""
