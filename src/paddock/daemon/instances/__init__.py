"""The live llama-servers: what each was started with, which phase it is in, where it is reached.

Start at `instance.py` (what is known of one), then `life.py` (its process from start to end), `phase.py` for
the phases and `stages.py` for how a load's phase is recognised. `registry.py` has all that live; `records.py` the files by which the next
daemon finds them; `contexts.py` what their slots held, for the next instance.

Never: start a process here (`supervisor.py` does), decide who leaves, or publish anything. What
happens goes to the `Listener` that every instance is given, whose errors harm nobody (`sheltered.py`).
To add a phase: a class and a row of `MOVES` in `phase.py`, its name in `api/types.py`, who enters it in
`stages.py`.
"""
