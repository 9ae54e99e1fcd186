"""Take note of an event in the books: the facts, before anything is decided from them. Pure."""

from collections.abc import Iterator
from typing import assert_never

from paddock.core import events as ev
from paddock.core import setbacks, yielding
from paddock.core.admission import objection
from paddock.core.books import Books, Waiter
from paddock.core.effects import Effect, Outcome, Refuse, Stop, SwitchDone
from paddock.core.live import Coming, Ending, Live, Serving
from paddock.core.model import Cause, Demand, InstanceId, ProfileId, Spec, Ticket
from paddock.core.settle import bring_back, refuse_all, stop

_CLOSING = Cause("shutting_down", "Paddock is shutting down")
_RESTARTING = Cause("restarting", "Paddock is restarting, and the models stay loaded")


def note(books: Books, event: ev.Event, now: float) -> Iterator[Effect]:
    """What the event alone brings about: who is refused, who must end, which switch is over."""
    match event:
        case ev.Asked():
            yield from _note_asked(books, event, now)
        case ev.Examined(profile, flaw):
            _note_examined(books, profile, flaw)
        case ev.Left(ticket):
            note_left(books, ticket, now)
        case ev.BecameReady(instance):
            yield from _note_ready(books, instance, now)
        case ev.Exited(instance, cause):
            yield from _note_exited(books, instance, cause, now)
        case ev.MemoryFreed(instance):
            _note_freed(books, instance)
        case ev.Measured(room):
            books.room = room
        case ev.Placed(instance, demand):
            _note_placed(books, instance, demand)
        case ev.Configured():
            yield from _note_configured(books, event)
        case ev.Adopted():
            _note_adopted(books, event, now)
        case ev.UnloadAsked(profile, at_once):
            yield from _note_unload(books, profile, at_once=at_once)
        case ev.KeepAsked(profile, ttl):
            if live := books.live_of(profile):
                live.ttl = ttl
        case ev.CancelAsked(profile):
            yield from _give_up(
                books, profile, Cause("cancelled", f"the load of {profile} was cancelled")
            )
        case ev.Yielded():
            yield from yielding.note_yielded(books, event)
        case ev.Resumed():
            bring_back(books, yielding.note_resumed(books, event))
        case ev.Displaced(profiles):
            _note_displaced(books, profiles)
        case ev.ClosingDown(keep):
            yield from _note_closing(books, keep=keep)
        case ev.TimePassed():
            pass
        case _:
            assert_never(event)


def _note_asked(books: Books, event: ev.Asked, now: float) -> Iterator[Refuse]:
    if cause := objection(books, event, now):
        yield Refuse(event.ticket, cause)
        return
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


def _note_examined(books: Books, profile: ProfileId, flaw: Cause | None) -> None:
    if flaw is None:
        books.flaws.pop(profile, None)
    else:
        books.flaws[profile] = flaw


def note_left(books: Books, ticket: Ticket, now: float) -> None:
    """Whoever has this ticket waits no longer, or has given the lease back."""
    if waiter := books.waiting.pop(ticket, None):
        _note_given_up(books, waiter, now)
    live = books.live.get(books.leased.pop(ticket, InstanceId("")))
    if live and isinstance(live.state, Serving):
        live.users.note(live.state.leases.pop(ticket), now)
        if not live.state.leases:
            live.state.idle_since, live.state.floor = now, books.inflation


def _note_given_up(books: Books, waiter: Waiter, now: float) -> None:
    """A load outlives whoever wanted it, and is spared a while for them: they may ask again."""
    live = books.live_of(waiter.profile)
    if live and isinstance(live.state, Coming):
        live.users.note(waiter.asker, now)


def _note_ready(books: Books, instance: InstanceId, now: float) -> Iterator[Effect]:
    live = books.live.get(instance)
    if live is None or not isinstance(live.state, Coming) or live.state.cancelled:
        return  # it was ordered to end a moment before
    if not live.adopted:
        books.costs[live.profile] = now - live.state.since
    live.state = Serving(since=now, idle_since=now, floor=books.inflation)
    books.ran[live.profile] = live.fingerprint
    setbacks.note_ready(books, live.profile)
    yield SwitchDone(live.profile, instance, "ready")


def _note_placed(books: Books, instance: InstanceId, demand: Demand) -> None:
    live = books.live.get(instance)
    if live and isinstance(live.state, Serving):
        live.demand = demand


def _note_exited(books: Books, instance: InstanceId, cause: Cause, now: float) -> Iterator[Effect]:
    live = books.live.get(instance)
    if live is None:
        return
    state, live.state = live.state, Ending(exited=True)
    match state:
        case Coming(cancelled=None):
            setbacks.note_failed_load(books, live.profile, cause, now)
            yield from refuse_all(books, live.profile, cause)
            yield _ended_unready(books, live, "failed", cause)
        case Coming(cancelled=reason):
            yield _ended_unready(books, live, "cancelled", reason or cause)
        case Serving():
            lived = now - state.since
            if crash := setbacks.note_crash(books, live.profile, cause, now, lived=lived):
                yield from refuse_all(books, live.profile, crash)
        case Ending():
            pass


def _ended_unready(books: Books, live: Live, outcome: Outcome, cause: Cause) -> SwitchDone:
    back = () if live.restored else bring_back(books, live.replaced)
    return SwitchDone(live.profile, live.id, outcome, cause, back)


def _note_freed(books: Books, instance: InstanceId) -> None:
    live = books.live.get(instance)
    if live and isinstance(live.state, Ending) and live.state.exited:
        del books.live[instance]


def _note_configured(books: Books, event: ev.Configured) -> Iterator[Effect]:
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


def _note_adopted(books: Books, event: ev.Adopted, now: float) -> None:
    if event.ready:
        books.ran[event.profile] = event.fingerprint
    state = (
        Serving(since=now, idle_since=now, floor=books.inflation) if event.ready else Coming(now)
    )
    books.live[event.instance] = Live(
        event.instance,
        event.profile,
        books.need(event.profile),
        event.fingerprint,
        state,
        adopted=True,
    )


def _note_unload(books: Books, profile: ProfileId, *, at_once: bool) -> Iterator[Effect]:
    yield from _give_up(books, profile, Cause("cancelled", f"{profile} was unloaded"))
    for live in books.live.values():
        if live.profile == profile and isinstance(live.state, Serving):
            live.state.leaving, live.state.renewed = True, False
            live.state.yielding = False
            if at_once:
                yield stop(live, "unloaded")


def _give_up(books: Books, profile: ProfileId, cause: Cause) -> Iterator[Effect]:
    """Whoever waits for it is refused now, its load is ended, what left for it comes back."""
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


def _note_displaced(books: Books, profiles: tuple[ProfileId, ...]) -> None:
    for profile in bring_back(books, profiles):
        books.ran.pop(profile, None)  # it comes as models.conf says now


def _note_closing(books: Books, *, keep: bool) -> Iterator[Effect]:
    books.closing = _RESTARTING if keep else _CLOSING
    for ticket in list(books.waiting):
        del books.waiting[ticket]
        yield Refuse(ticket, books.closing)
    for live in books.live.values():
        if not keep and not live.is_ending:
            yield stop(live, "closing")


def _fingerprint(spec: Spec | None) -> str | None:
    return spec.fingerprint if spec else None
