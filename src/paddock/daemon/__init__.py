"""The daemon: it decides nothing (`core` does), performs what was decided, and knows what became of it.

Start at `loop.py`: an event comes in, the scheduler decides, effects are performed. Then `daemon.py`
puts the parts together, `orders.py` is what clients ask for, `supervisor.py` runs the instances.

The rooms, imports pointing down (checked by import-linter):
daemon → orders → aftermath | configuration → reports → parts → supervisor | history → starter → memory →
loop | jobs → activity | logs | lease → profiles | instances → what needs nothing of these.

Never: wait inside `Loop.feed`; call `Scheduler.handle` elsewhere; pass the daemon to a part.
To add something that goes on all the time: a class with `async run`, and a line in `Daemon._tasks`.
"""
