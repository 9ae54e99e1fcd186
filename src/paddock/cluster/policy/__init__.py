"""Which home a request is sent to, and where a model is warmed. Facts in, a choice with its reason out.

Start with `facts.py` (what is known of nodes and models there), then `choice.py` (what is wanted, what comes
out, what each second of the cost is for), `books.py` (what was sent, promised and read where) and `choose.py`.

It never waits, measures, logs or asks the time: no asyncio, no clock, no I/O (an import contract). The
front reads the facts, keeps one `ClusterBooks`, and does what a `HomeChoice` says. What is loaded on a node is
decided by the daemon there alone: a choice only says to which daemon a request goes.

To add a reason for which a home is preferred: a term of `Bill`, and a promise of `tests/cluster/policy`.
"""
