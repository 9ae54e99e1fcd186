"""The daemon: it decides nothing (`core` does), performs what was decided, and knows what became of it.

Start at `loop.py`: an event comes in, the scheduler decides, effects are performed. Then `wiring.py`
puts the parts together, `daemon.py` is their life, `desk.py` what clients know of them, `orders.py` what they ask
for, by `model_names.py`, `editor.py` what they may do with the text of models.conf. `supervisor.py` begins instances,
`adoption.py` takes them over, `instance_tasks.py` sees each through to its end, `pulls.py` has models fetched, `fetches.py`
those that a load waits for, `tunings.py` has trials of other flags loaded, `lent.py` ends what lies on a machine that is gone.

The rooms, imports pointing down (checked by import-linter):
daemon → desk → wiring → tunings | lent → orders → fetches → engine_desk | pulls | yield_to | editor → aftermath | configuration | model_names | yielding → reports → parts → supervisor | adoption | history →
early_starts | instance_tasks → early_start | starter → memory → loop | jobs → activity | logs | lease | keyring → profiles | instances |
yield_state → alarm | faults | refusals → what needs nothing of these (aside, clock, collector, heap, lock, turns).

Never: wait inside `Loop.feed`; call `Scheduler.handle` elsewhere; pass the daemon to a part.
To add something that goes on all the time: a class with `async run`, built in `wiring.py`, and a line in `Daemon._tasks`.
"""
