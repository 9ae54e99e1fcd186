"""A profile's flags improved by measurement: what is varied, which trials are made, what is beyond the noise.

Start with `study.py` (what a study will do, and the whole of one) and `search.py` (the order of trials).
`trials.py` makes one: it has the daemon plan it, asks `pruning.py` whether it need be loaded, and measures it with
`bench`'s own parts. `space.py` says what is varied for a profile, `goals.py` what a score is, `budget.py` what it
may cost, `result.py` which change brings what and whether the best is better than today. `optuna_study.py` is the one
module that uses Optuna, an extra: trials kept in SQLite over a kill, and guesses. `hold.py` keeps the study open at
the daemon, which loads the trial's profile as any other and brings back what ran (`daemon/tunings.py`).
It must never write models.conf (`paddock tune --apply` does), call a change better that lies within the spread of
both, or load what a plan says cannot be loaded.
To add something that is varied: its flag in `TUNABLE` (`api/tunings.py`), a maker in `space.py`, its line in docs/tune.md.
"""
