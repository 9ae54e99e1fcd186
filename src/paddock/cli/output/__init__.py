"""What people see: tables, bars, reports. `terminal.py` is what all of it is printed with.

Start at `terminal.py`. Results go to stdout by `print_table` or `print_json`; `complain` writes to stderr.
What comes from models, files or clients passes `harmless`, so that it cannot move the terminal.

It never asks the engine or the machine anything: it is given what it prints. Only `import_flow.py` and
`dashboard.py`, which do one thing to its end for several verbs, have `offline/` and `background/` do so. Numbers and times are
worded by `paddock.figures.units`.

To add a report: a file with one public function that takes what `offline/` or the API returned.
"""
