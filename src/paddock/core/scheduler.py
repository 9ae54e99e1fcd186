"""Decide which instances live: events in, effects out. Pure: no I/O, no clock, no tasks.

`note` takes a fact into the books; `settle` then derives every decision from the facts alone, so
that a decision never depends on the order in which the facts arrived.
"""

from collections import Counter
from collections.abc import Mapping

from paddock.core import events as ev
from paddock.core import setbacks, yielding
from paddock.core.books import Books, Setback
from paddock.core.effects import Effect, Grant
from paddock.core.live import Live, Serving
from paddock.core.model import (
    Cause,
    InstanceId,
    Numbers,
    ProfileId,
    Rules,
    Ticket,
)
from paddock.core.note import note, note_left
from paddock.core.outlook import Outlook, outlook
from paddock.core.settle import settle
from paddock.core.upcoming import Upcoming, upcoming


class Scheduler:
    """Feed it events, perform the effects it returns, feed `TimePassed` when `deadline` has come."""

    def __init__(self, rules: Rules | None = None, *, first_number: int = 1) -> None:
        self._books = Books(rules or Rules())
        self._numbers = Numbers(first_number)
        self.deadline: float | None = None
        self.upcoming: Upcoming | None = None  # whose process may be started before its `Spawn`

    def handle(self, event: ev.Event, now: float) -> list[Effect]:
        """Take note of `event`; what must be done about it, in this order."""
        if (effects := self._at_once(event, now)) is not None:
            return effects
        effects = [*note(self._books, event, now), *settle(self._books, self._numbers, now)]
        self.deadline = self._books.next_deadline(now)
        self.upcoming = upcoming(self._books, self._numbers.following, now)
        return effects

    # ---- the short way ----
    # Nearly every event is a request for what is ready, or its end, while nobody waits: then there
    # is nothing else to decide. (Measured: 31 µs of a relayed request's 350 on the long way.)

    def _at_once(self, event: ev.Event, now: float) -> list[Effect] | None:
        """The effects, if the event changes nothing for anybody else; None: the long way."""
        books = self._books
        if books.waiting or books.begun or books.restoring or books.closing:
            return None
        if self.deadline is not None and self.deadline <= now:
            return None
        if isinstance(event, ev.Asked):
            return self._serve_at_once(event)
        if isinstance(event, ev.Left):
            return self._leave_at_once(event.ticket, now)
        return None

    def _serve_at_once(self, event: ev.Asked) -> list[Effect] | None:
        books = self._books
        spec, live = books.specs.get(event.profile), books.live_of(event.profile)
        if spec is None or live is None or not isinstance(live.state, Serving):
            return None
        state = live.state
        is_full = spec.concurrency and len(state.leases) >= spec.concurrency
        if event.insist or state.leaving or state.closed_since is not None or is_full:
            return None
        books.leased[event.ticket] = live.id
        state.leases[event.ticket] = event.asker
        return [Grant(event.ticket, live.id)]

    def _leave_at_once(self, ticket: Ticket, now: float) -> list[Effect] | None:
        """Not for the last to leave where that starts a clock, or lets the instance go."""
        books = self._books
        live = books.live.get(books.leased.get(ticket, InstanceId("")))
        if live is None or not isinstance(live.state, Serving):
            return None
        state = live.state
        if len(state.leases) < 2 and (state.leaving or books.ttl(live)):
            return None
        note_left(books, ticket, now)
        return []

    # ---- what others may look at ----

    @property
    def live(self) -> Mapping[InstanceId, Live]:
        return self._books.live

    @property
    def is_calm(self) -> bool:
        """Whether nothing loads, ends or is started beforehand, so that free memory stays as it is."""
        serving = all(isinstance(live.state, Serving) for live in self.live.values())
        return serving and self.upcoming is None

    def live_of(self, profile: ProfileId) -> Live | None:
        return self._books.live_of(profile)

    def is_up(self, profile: ProfileId) -> bool:
        """Whether it serves or will, and need not go."""
        return self._books.is_up(profile)

    def serves_as_written(self, profile: ProfileId) -> bool:
        """Whether it serves, need not go, and is what models.conf says: no request needs a load for it."""
        return self._books.serves_as_written(profile)

    def is_stale(self, live: Live) -> bool:
        return self._books.is_stale(live)

    def idle_left(self, live: Live, now: float) -> float | None:
        """Seconds until it is unloaded if nobody asks for it again; None: it stays.

        While it is used, as if its last request ended now.
        """
        ttl, end = self._books.ttl(live), self._books.ttl_end(live)
        if not ttl:
            return None
        return ttl if end is None else max(end - now, 0.0)

    def setback(self, profile: ProfileId) -> Setback | None:
        """Its last failure, until a load succeeded."""
        return self._books.setbacks.get(profile)

    def flaw(self, profile: ProfileId) -> Cause | None:
        """Why it is known that it cannot be loaded."""
        return self._books.flaws.get(profile)

    def held_back(self, profile: ProfileId, now: float) -> Cause | None:
        """Why a request does not have it loaded now, if its last failure was a moment ago."""
        return setbacks.held_back(self._books, profile, now)

    @property
    def away(self) -> tuple[ProfileId, ...] | None:
        """Who comes back when the GPUs are ours again; None: they are."""
        away = self._books.away
        return None if away is None else tuple(away.profiles)

    def is_held(self, profile: ProfileId) -> bool:
        """Whether it may not be started now, because the GPUs are yielded."""
        return yielding.is_held(self._books, profile)

    def waiting(self) -> Counter[ProfileId]:
        """Who waits, by profile: requests, and orders for the load itself."""
        return Counter(waiter.profile for waiter in self._books.waiting.values())

    def queue(self) -> Counter[ProfileId]:
        """Requests that wait, by profile."""
        return Counter(w.profile for w in self._books.waiting.values() if not w.is_order)

    def in_the_way(self, profile: ProfileId) -> list[Live]:
        """Whom a waiting profile waits for: those that are leaving, else those that would have to."""
        leaving = [live for live in self.live.values() if live.is_ending]
        if leaving or profile not in self._books.specs:
            return leaving
        return self._books.choose_leavers(profile, [], set()) or []

    def preview(self, profile: ProfileId, now: float) -> Outlook:
        """What a switch to this profile, which there must be, would do now. Changes nothing."""
        return outlook(self._books, profile, now)
