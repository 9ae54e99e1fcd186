"""Decide which instances live: events in, effects out. Pure: no I/O, no clock, no tasks.

`handle` notes a fact in the books; `settle` then derives every decision from the facts alone, so
that a decision never depends on the order in which the facts arrived.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import assert_never

from paddock.core import events as ev
from paddock.core import setbacks, yielding
from paddock.core.admission import objection
from paddock.core.books import Books, Coming, Ending, Live, Serving, Setback, Waiter
from paddock.core.effects import Effect, Grant, Outcome, Refuse, Stop, SwitchDone
from paddock.core.model import (
    Cause,
    Demand,
    InstanceId,
    Numbers,
    ProfileId,
    Rules,
    Spec,
    Ticket,
)
from paddock.core.outlook import Outlook, outlook
from paddock.core.settle import bring_back, refuse_all, settle, stop
from paddock.core.upcoming import Upcoming, upcoming

_CLOSING = Cause("shutting_down", "Paddock is shutting down")
_RESTARTING = Cause("restarting", "Paddock is restarting, and the models stay loaded")


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
        effects = [*self._note(event, now), *settle(self._books, self._numbers, now)]
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
        self._note_left(ticket, now)
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

    # ---- facts ----

    def _note(self, event: ev.Event, now: float) -> Iterator[Effect]:
        match event:
            case ev.Asked():
                yield from self._note_asked(event, now)
            case ev.Examined(profile, flaw):
                self._note_examined(profile, flaw)
            case ev.Left(ticket):
                self._note_left(ticket, now)
            case ev.BecameReady(instance):
                yield from self._note_ready(instance, now)
            case ev.Exited(instance, cause):
                yield from self._note_exited(instance, cause, now)
            case ev.MemoryFreed(instance):
                self._note_freed(instance)
            case ev.Measured(room):
                self._books.room = room
            case ev.Placed(instance, demand):
                self._note_placed(instance, demand)
            case ev.Configured():
                yield from self._note_configured(event)
            case ev.Adopted():
                self._note_adopted(event, now)
            case ev.UnloadAsked(profile, at_once):
                yield from self._note_unload(profile, at_once=at_once)
            case ev.KeepAsked(profile, ttl):
                if live := self._books.live_of(profile):
                    live.ttl = ttl
            case ev.CancelAsked(profile):
                yield from self._give_up(
                    profile, Cause("cancelled", f"the load of {profile} was cancelled")
                )
            case ev.Yielded():
                yield from yielding.note_yielded(self._books, event)
            case ev.Resumed():
                bring_back(self._books, yielding.note_resumed(self._books, event))
            case ev.ClosingDown(keep):
                yield from self._note_closing(keep=keep)
            case ev.TimePassed():
                pass
            case _:
                assert_never(event)

    def _note_asked(self, event: ev.Asked, now: float) -> Iterator[Refuse]:
        if cause := objection(self._books, event, now):
            yield Refuse(event.ticket, cause)
            return
        books = self._books
        books.waiting[event.ticket] = Waiter(
            event.ticket,
            event.profile,
            now,
            event.insist,
            event.force,
            event.asker,
            event.is_order,
        )
        if event.profile in books.restoring:
            books.restoring.remove(event.profile)
        live = books.live_of(event.profile)
        if event.insist and live and isinstance(live.state, Serving) and books.is_stale(live):
            # To switch to a changed profile means to the changed one.
            live.state.leaving = live.state.renewed = True

    def _note_examined(self, profile: ProfileId, flaw: Cause | None) -> None:
        if flaw is None:
            self._books.flaws.pop(profile, None)
        else:
            self._books.flaws[profile] = flaw

    def _note_left(self, ticket: Ticket, now: float) -> None:
        books = self._books
        if waiter := books.waiting.pop(ticket, None):
            self._note_given_up(waiter, now)
        live = books.live.get(books.leased.pop(ticket, InstanceId("")))
        if live and isinstance(live.state, Serving):
            live.users.note(live.state.leases.pop(ticket), now)
            if not live.state.leases:
                live.state.idle_since, live.state.floor = now, books.inflation

    def _note_given_up(self, waiter: Waiter, now: float) -> None:
        """A load outlives whoever wanted it, and is spared a while for them: they may ask again."""
        live = self._books.live_of(waiter.profile)
        if live and isinstance(live.state, Coming):
            live.users.note(waiter.asker, now)

    def _note_ready(self, instance: InstanceId, now: float) -> Iterator[Effect]:
        live = self._books.live.get(instance)
        if live is None or not isinstance(live.state, Coming) or live.state.cancelled:
            return  # it was ordered to end a moment before
        if not live.adopted:
            self._books.costs[live.profile] = now - live.state.since
        live.state = Serving(since=now, idle_since=now, floor=self._books.inflation)
        self._books.ran[live.profile] = live.fingerprint
        setbacks.note_ready(self._books, live.profile)
        yield SwitchDone(live.profile, instance, "ready")

    def _note_placed(self, instance: InstanceId, demand: Demand) -> None:
        live = self._books.live.get(instance)
        if live and isinstance(live.state, Serving):
            live.demand = demand

    def _note_exited(self, instance: InstanceId, cause: Cause, now: float) -> Iterator[Effect]:
        live = self._books.live.get(instance)
        if live is None:
            return
        state, live.state = live.state, Ending(exited=True)
        match state:
            case Coming(cancelled=None):
                setbacks.note_failed_load(self._books, live.profile, cause, now)
                yield from refuse_all(self._books, live.profile, cause)
                yield self._ended_unready(live, "failed", cause)
            case Coming(cancelled=reason):
                yield self._ended_unready(live, "cancelled", reason or cause)
            case Serving():
                lived = now - state.since
                if crash := setbacks.note_crash(self._books, live.profile, cause, now, lived=lived):
                    yield from refuse_all(self._books, live.profile, crash)
            case Ending():
                pass

    def _ended_unready(self, live: Live, outcome: Outcome, cause: Cause) -> SwitchDone:
        back = () if live.restored else bring_back(self._books, live.replaced)
        return SwitchDone(live.profile, live.id, outcome, cause, back)

    def _note_freed(self, instance: InstanceId) -> None:
        live = self._books.live.get(instance)
        if live and isinstance(live.state, Ending) and live.state.exited:
            del self._books.live[instance]

    def _note_configured(self, event: ev.Configured) -> Iterator[Effect]:
        books = self._books
        old, books.specs = books.specs, {spec.id: spec for spec in event.specs}
        for profile in {w.profile for w in books.waiting.values()} - set(books.specs):
            cause = Cause("model_not_found", f"{profile} was removed from models.conf")
            yield from refuse_all(books, profile, cause)
        for profile in books.setbacks.keys() & old.keys():
            if old[profile].fingerprint != _fingerprint(books.specs.get(profile)):
                del books.setbacks[profile]
        books.flaws = {p: flaw for p, flaw in books.flaws.items() if p in books.specs}
        books.restoring = [p for p in books.restoring if p in books.specs]
        books.ran = {p: version for p, version in books.ran.items() if p in books.specs}
        for profile in books.begun.keys() - books.specs.keys():
            del books.begun[profile]
            bring_back(books, books.owed.pop(profile, ()))

    def _note_adopted(self, event: ev.Adopted, now: float) -> None:
        if event.ready:
            self._books.ran[event.profile] = event.fingerprint
        state = (
            Serving(since=now, idle_since=now, floor=self._books.inflation)
            if event.ready
            else Coming(now)
        )
        self._books.live[event.instance] = Live(
            event.instance,
            event.profile,
            self._books.need(event.profile),
            event.fingerprint,
            state,
            adopted=True,
        )

    def _note_unload(self, profile: ProfileId, *, at_once: bool) -> Iterator[Effect]:
        yield from self._give_up(profile, Cause("cancelled", f"{profile} was unloaded"))
        for live in self._books.live.values():
            if live.profile == profile and isinstance(live.state, Serving):
                live.state.leaving, live.state.renewed = True, False
                live.state.yielding = False
                if at_once:
                    yield stop(live, "unloaded")

    def _give_up(self, profile: ProfileId, cause: Cause) -> Iterator[Effect]:
        """Whoever waits for it is refused now, its load is ended, what left for it comes back."""
        books = self._books
        yield from refuse_all(books, profile, cause)
        if books.begun.pop(profile, None):
            bring_back(books, books.owed.pop(profile, ()))
        if profile in books.restoring:
            books.restoring.remove(profile)
        if books.away and profile in books.away.profiles:
            books.away.profiles.remove(profile)
        for live in books.live.values():
            state = live.state
            if live.profile == profile and isinstance(state, Coming) and not state.cancelled:
                state.cancelled = cause
                yield Stop(live.id, "cancelled")

    def _note_closing(self, *, keep: bool) -> Iterator[Effect]:
        books = self._books
        books.closing = _RESTARTING if keep else _CLOSING
        for ticket in list(books.waiting):
            del books.waiting[ticket]
            yield Refuse(ticket, books.closing)
        for live in books.live.values():
            if not keep and not live.is_ending:
                yield stop(live, "closing")


def _fingerprint(spec: Spec | None) -> str | None:
    return spec.fingerprint if spec else None
