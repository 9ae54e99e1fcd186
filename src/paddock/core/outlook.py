"""What a switch would do, without doing it: who would leave, or why it would be refused. Only reads."""

from dataclasses import dataclass

from paddock.core.books import Books, Promise, Want
from paddock.core.live import Live, Serving
from paddock.core.model import InstanceId, ProfileId
from paddock.core.room import arithmetic
from paddock.core.yielding import CAUSE, is_held


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of one profile, as of now."""

    leavers: tuple[Live, ...] = ()  # who would have to leave for it
    leaving: tuple[Live, ...] = ()  # who leaves already and would be waited for
    refused: str = ""  # the sum that does not work out
    needs_load: bool = True  # False: it is up, and as models.conf says


def outlook(books: Books, profile: ProfileId, now: float) -> Outlook:
    """As `settle` would decide if a person asked for this profile now, and nothing else happened."""
    own = books.live_of(profile)
    is_outdated = own is not None and isinstance(own.state, Serving) and books.is_stale(own)
    if own and not own.is_going and not is_outdated:
        return Outlook(needs_load=False)
    if is_held(books, profile):
        return Outlook(refused=f"{CAUSE.message}; {CAUSE.hint}")
    promises, doomed = _before(books, profile, now)
    renewed = (own,) if own and is_outdated and not own.is_going else ()
    chosen = books.choose_leavers(profile, promises, doomed | {live.id for live in renewed})
    if chosen is None and not promises:
        return Outlook(refused=shortfall(books, profile))
    leavers = (*renewed, *(live for live in chosen or () if not live.is_going))
    if not own and books.has_room(books.need(profile), promises, doomed):
        return Outlook(leavers)
    return Outlook(leavers, tuple(live for live in books.live.values() if live.is_going))


def _before(books: Books, profile: ProfileId, now: float) -> tuple[list[Promise], set[InstanceId]]:
    """What is promised to those before it in the queue, and who leaves for them."""
    promises: list[Promise] = []
    doomed: set[InstanceId] = set()
    for want in _queue(books, profile, now):
        demand = books.need(want.profile)
        if books.live_of(want.profile):
            demand = {}  # comes back when its old process is gone
        elif not books.has_room(demand, promises, doomed):
            leaving = books.choose_leavers(want.profile, promises, doomed)
            if leaving is None:
                continue
            doomed |= {live.id for live in leaving}
        promises.append(Promise(want.profile, demand))
    return promises, doomed


def _queue(books: Books, profile: ProfileId, now: float) -> list[Want]:
    """Those whose turn comes before that of somebody who insists on this profile now."""
    wants = books.wants(now)
    mine = next((w.since for w in wants if w.profile == profile), now)
    return [
        want
        for want in wants
        if want.profile != profile and books.is_due(want, now) and want.since <= mine
    ]


def shortfall(books: Books, profile: ProfileId) -> str:
    """The sum that does not work out: what it needs, what there is, and who keeps how much of it."""
    staying = [(live.id, live.demand) for live in books.live.values() if books.is_pinned(live)]
    return arithmetic(books.need(profile), staying, books.room)
