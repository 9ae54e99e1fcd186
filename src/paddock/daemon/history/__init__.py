"""What each load was like, over restarts: where it lay, how fast it ran, and what was thought of it.

Start at `chronicle.py` (writes loads and speeds, has each load judged), then `store.py` (SQLite) and
`schema.py` (tables, versions, what happens to a damaged file). `probes.py` measures a model that nobody
uses yet. `switch_log.py` writes each switch down, with its phases; `usage_log.py` who used what. `case.py` is one load
under observation, `observer.py` describes where it lies and beside whom, `prompt_pace.py` how fast it reads.

Never: let the disk hold anybody up. Work is queued and written in order by one task; where the file cannot
be opened, `NullHistoryStore` stands in (`opening.py`).
To add a column: a field of `LoadEntry`, the table in `schema.py` with a new version and the step to it.
"""
