"""The policy: which instances live, who waits, who leaves. Events in, effects out, and nothing else.

Start with `settle.py`, which derives every decision from the facts, then `books.py`, which keeps them,
and `live.py`, an instance and its three states.
`scheduler.py` is the way in, `note.py` takes events into the books, `admission.py` says who may wait, `setbacks.py` what is not tried again,
`yielding.py` what leaves the GPUs to other programs, `eviction.py` who leaves for a wanted one,
`users.py` for whom an idle one is spared, `room.py` what fits, `outlook.py` what a switch would do.

It never waits, measures, logs or asks the time: no asyncio, no clock, no I/O (an import contract). The
daemon's loop alone feeds it.
To add a fact: an event in `events.py`, a case in `note`, and a
rule of the machine in `tests/core/test_properties.py`. To add an action: an effect. Each promise that
matters is one of the world's in `tests/core/world.py`, and has a planted bug that breaks it.
"""
