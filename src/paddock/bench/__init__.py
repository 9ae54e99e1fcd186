"""What profiles can do on this machine, measured through the daemon's own API, and how two runs differ.

Start with `run.py` (all profiles, what ran put back) and `profile_bench.py` (one profile). A measured
request is `measured_request.py`; `watch.py` sees who else is served and what the GPUs draw, and
`taking.py` repeats what other traffic spoilt. `depths.py` (which prompts), `forecast.py` (the time left),
`spread.py` (repeated figures), `circumstances.py` (what they go together with) and `comparison.py` are
pure; so are `sheet.py` (the rows of tables), `markdown.py`, `plots.py` and `html_page.py`, which show a run.
`evaluation.py` runs the program of `--each`; `cold_files.py` empties the page cache of a model's files.
It must never ask an instance in another way than clients do, and never sleep while it could measure.
To add something to be measured: a figure in `api/bench.py`, its request in `profile_bench.py`, its row in
`sheet.py` and, where two runs should be compared by it, its line in `comparison.py`.
"""
