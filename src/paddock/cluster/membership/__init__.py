"""Which machines the stable has, as Ray knows it; on each an ordinary daemon is kept running.

Start at `ray_membership.py`: what the front holds. It starts `ray_agent.py`, a process of its own and the only one of
ours that imports Ray, and reads what that finds by `lines.py`. The agent has a `node_actor.py` on each machine, a
detached actor that Ray restarts; that one calls `paddock node up` there, which finds or starts the daemon.

The front's secret never passes through Ray: machines are given its digest (`node_key.py`). What is said of a machine
is put together in `machines.py`, without I/O. `keeper.py` is for a machine: it stays in the cluster by it.

To add something that a machine says of itself: `paddock node up`, and `NodeReport` in `lines.py`.
"""
