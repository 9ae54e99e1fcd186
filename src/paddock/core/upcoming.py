"""Who is loaded next, once those who leave for it are gone: known beforehand, so that its process can be
started meanwhile. Only reads; whether that is done decides nothing here."""

from dataclasses import dataclass

from paddock.core.books import Books, Want
from paddock.core.live import Live, Serving
from paddock.core.model import InstanceId, ProfileId
from paddock.core.room import fits
from paddock.core.yielding import is_held


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the next `Spawn` will be, unless the facts change before it."""

    instance: InstanceId
    profile: ProfileId
    fingerprint: str
    leavers: frozenset[InstanceId]  # whose memory it waits for


def upcoming(books: Books, number: int, now: float) -> Upcoming | None:
    """The first in the queue, where all that it still waits for is that others leave.

    They were ordered to end, or get no more requests. `number` is that of the next instance.
    """
    leavers = [live for live in books.live.values() if _leaves(live)]
    if books.closing or not leavers or not (books.waiting or books.begun):
        return None
    want = next((w for w in books.wants(now) if not is_held(books, w.profile)), None)
    if want is None or not _waits_only_for(books, want, leavers):
        return None
    return Upcoming(
        InstanceId(f"{want.profile}.{number}"),
        want.profile,
        books.specs[want.profile].fingerprint,
        frozenset(live.id for live in leavers),
    )


def _leaves(live: Live) -> bool:
    return live.is_ending or (
        isinstance(live.state, Serving) and live.state.closed_since is not None
    )


def _waits_only_for(books: Books, want: Want, leavers: list[Live]) -> bool:
    if want.profile in books.flaws and not want.force:
        return False
    staying = [live for live in books.live.values() if live not in leavers]
    if any(live.profile == want.profile for live in staying):
        return False
    demand = books.need(want.profile)
    return books.may_load(demand) and fits(demand, [live.demand for live in staying], books.room)
