"""Numbers as people read them, for the command line, the dashboard and the advice: one wording for all.

`units.py`: sizes, times, speeds, counts. `sparkline.py`: a line of numbers as one line of characters.

Pure, and it imports nothing of Paddock.
To add a unit: a function in `units.py`, with an example in its docstring and a test in tests/figures.
"""
