"""Python's search for cyclic garbage, which holds up everybody: kept away from what lives long."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def calm() -> None:
    """Have it look seldom, at little, and not at what was made until now.

    Requests leave next to none, but looking took 3 % of the CPU time under load, and a look at
    everything 45 ms, in which nobody was answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 5, 100)


@contextmanager
def undisturbed() -> Iterator[None]:
    """What is made in here lives long: it is not looked at, now or later.

    A look at what the profiles of a large models.conf consist of takes 80 ms for 3,000 of them. The
    price: cycles that exist at the end and die later are never found, of which requests leave few.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
