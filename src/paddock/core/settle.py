"""The policy: from the facts in the books to what must be done.

In the order of precedence:

1. What is ready is served, unless somebody else's patience with it has run out.
2. What fits beside the others is loaded beside them; loads that share a device come one at a time.
3. Otherwise those leave that are worth least (`eviction`): idle ones at once, busy ones after their
   last request.
4. A load, once begun, belongs to no request. What had to leave for one that fails comes back,
   unless somebody else took the room.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

from paddock.core.books import Books, Promise, Waiter, Want
from paddock.core.effects import Effect, Grant, Refuse, Spawn, Stop, Why
from paddock.core.live import Coming, Ending, Live, Serving
from paddock.core.model import Cause, InstanceId, Numbers, ProfileId
from paddock.core.outlook import shortfall
from paddock.core.users import Users
from paddock.core.yielding import CAUSE, is_held, leave_gpus


def settle(books: Books, numbers: Numbers, now: float) -> Iterator[Effect]:
    """Derive every decision that the facts allow now; `numbers` gives new instances their numbers."""
    if books.closing:
        return
    if books.waiting:
        yield from _grant(books)
    yield from leave_gpus(books)
    yield from _end_what_is_over(books, now)
    if books.waiting or books.begun or books.restoring:
        yield from _bring_out(books, numbers, now)
        yield from _grant(books)  # somebody may have been let in again
    else:
        _close_only(books, set(), now)  # the next drain starts a clock of its own


def stop(live: Live, why: Why) -> Stop:
    """Note that it is ordered to end."""
    live.state = Ending()
    return Stop(live.id, why)


def refuse_all(books: Books, profile: ProfileId, cause: Cause) -> Iterator[Refuse]:
    """Refuse whoever waits for this profile."""
    for waiter in [w for w in books.waiting.values() if w.profile == profile]:
        del books.waiting[waiter.ticket]
        yield Refuse(waiter.ticket, cause)


def bring_back(books: Books, profiles: tuple[ProfileId, ...]) -> tuple[ProfileId, ...]:
    """Note that these should come back if there is room; those of them that can."""
    back = tuple(p for p in profiles if p in books.specs and not books.is_up(p))
    books.restoring += [p for p in back if p not in books.restoring]
    return back


def _grant(books: Books) -> Iterator[Grant]:
    """Serve, in the order of asking, who waits for something ready."""
    for waiter in list(books.waiting.values()):
        live = books.live_of(waiter.profile)
        state = live.state if live else None
        if live and isinstance(state, Serving) and _may_serve(books, state, waiter):
            del books.waiting[waiter.ticket]
            books.leased[waiter.ticket] = live.id
            state.leases[waiter.ticket] = waiter.asker
            yield Grant(waiter.ticket, live.id)


def _may_serve(books: Books, state: Serving, waiter: Waiter) -> bool:
    if state.leaving or (state.closed_since is not None and waiter.since >= state.closed_since):
        return False
    limit = books.specs[waiter.profile].concurrency
    return not limit or len(state.leases) < limit


def _end_what_is_over(books: Books, now: float) -> Iterator[Stop]:
    for live in books.live.values():
        state = live.state
        if not isinstance(state, Serving):
            continue
        if state.leaving and not state.leases:
            if state.renewed and live.profile in books.specs:
                _renew(books, live.profile, now)
            yield stop(live, _why(books, live, state))
        elif (end := books.ttl_end(live)) is not None and end <= now:
            yield stop(live, "idle")


def _why(books: Books, live: Live, state: Serving) -> Why:
    if state.yielding:
        return "yielded"
    return "outdated" if books.is_stale(live) else "unloaded"


def _renew(books: Books, profile: ProfileId, now: float) -> None:
    """Its changed profile comes next; if that fails, the version that ran comes back."""
    priority = books.specs[profile].priority
    books.begun[profile] = Want(profile, now, insist=True, priority=priority)
    _owe(books, profile, [profile])


def _bring_out(books: Books, numbers: Numbers, now: float) -> Iterator[Effect]:
    """Load what is wanted, each with the room that those before it in the queue leave."""
    promises: list[Promise] = []
    doomed: set[InstanceId] = set()  # who will have to leave for those before
    closed: set[InstanceId] = set()
    for want in books.wants(now):
        demand = books.need(want.profile)
        if (flaw := books.flaws.get(want.profile)) and not want.force:
            yield from _refuse_as_known(books, want.profile, flaw)
        elif is_held(books, want.profile):
            yield from _hold(books, want.profile)
        elif books.live_of(want.profile):
            promises.append(Promise(want.profile, {}))  # comes back when its old process is gone
        elif books.has_room(demand, promises, doomed):
            if books.may_load(demand):
                yield _spawn(books, numbers, want.profile, now)
            else:
                promises.append(Promise(want.profile, demand))
        else:
            leaving = books.choose_leavers(want.profile, promises, doomed)
            if leaving is None:
                if not promises:
                    yield from _refuse_as_impossible(books, want.profile)
                continue
            if leaving and all(books.may_leave(live, want, now) for live in leaving):
                _age(books, leaving, want.profile, promises, doomed)
                yield from _evict(books, leaving, want, now)
            elif books.is_due(want, now):
                closed |= {live.id for live in leaving}
            doomed |= {live.id for live in leaving}
            promises.append(Promise(want.profile, demand))
    _close_only(books, closed, now)
    yield from _restore(books, numbers, now)


def _hold(books: Books, profile: ProfileId) -> Iterator[Refuse]:
    """It waits until the GPUs are ours again, or is refused, as the rules say."""
    if books.rules.refuse_while_yielded:
        yield from refuse_all(books, profile, CAUSE)


def _evict(books: Books, leaving: list[Live], want: Want, now: float) -> Iterator[Stop]:
    books.begun[want.profile] = replace(want, askers=want.askers | books.askers(want.profile))
    _owe(books, want.profile, [live.profile for live in leaving])
    for live in leaving:
        books.evicted_at[live.profile] = now
        yield stop(live, "evicted")


def _age(
    books: Books,
    leaving: list[Live],
    profile: ProfileId,
    promises: list[Promise],
    doomed: set[InstanceId],
) -> None:
    """What stays is by so much less worth than what comes, until it is used again."""
    worths = [books.worth(live, profile, promises, doomed) for live in leaving]
    books.inflation = max(books.inflation, *filter(isfinite, worths), 0.0)


def _owe(books: Books, profile: ProfileId, leaving: list[ProfileId]) -> None:
    """Note who leaves for it, to come back if it fails."""
    owed = books.owed.get(profile, ())
    books.owed[profile] = (*owed, *(p for p in leaving if p not in owed))


def _close_only(books: Books, closed: set[InstanceId], now: float) -> None:
    """These get no new leases, so that they run dry; all others are open again."""
    for live in books.live.values():
        if isinstance(live.state, Serving):
            if live.id not in closed:
                live.state.closed_since = None
            elif live.state.closed_since is None:
                live.state.closed_since = now


def _restore(books: Books, numbers: Numbers, now: float) -> Iterator[Spawn]:
    """Bring back what left for a load that failed, where nobody else took the room."""
    somebody_leaves = any(live.is_ending for live in books.live.values())
    somebody_comes = any(not is_held(books, profile) for profile in books.begun)
    promises: list[Promise] = []  # of those before: what somebody is about to leave is theirs
    for profile in [p for p in books.restoring if not is_held(books, p)]:
        demand = books.need(profile)
        if books.live_of(profile) is None and books.has_room(demand, promises, set()):
            if not somebody_comes and books.may_load(demand):
                books.restoring.remove(profile)
                yield _spawn(books, numbers, profile, now, restored=True)
            else:
                promises.append(Promise(profile, demand))
        elif books.is_up(profile) or not somebody_leaves:
            books.restoring.remove(profile)
        else:
            promises.append(Promise(profile, demand))


def _spawn(
    books: Books, numbers: Numbers, profile: ProfileId, now: float, *, restored: bool = False
) -> Spawn:
    instance = InstanceId(f"{profile}.{next(numbers)}")
    newest = books.specs[profile].fingerprint
    version = books.ran.get(profile, newest) if restored else newest
    begun = books.begun.pop(profile, None)
    books.live[instance] = Live(
        instance,
        profile,
        books.need(profile),
        version,
        Coming(now),
        replaced=books.owed.pop(profile, ()),
        restored=restored,
        users=Users(dict.fromkeys(begun.askers, begun.since) if begun else {}),
    )
    return Spawn(instance, profile, version)


def _refuse_as_impossible(books: Books, profile: ProfileId) -> Iterator[Refuse]:
    hint = "unpin or unload what keeps the memory, or give the profile less context"
    cause = Cause("cannot_fit", f"{profile} cannot fit: {shortfall(books, profile)}", hint)
    yield from _refuse_as_known(books, profile, cause)


def _refuse_as_known(books: Books, profile: ProfileId, cause: Cause) -> Iterator[Refuse]:
    """It is known that no load would do: whoever left for it already comes back."""
    yield from refuse_all(books, profile, cause)
    books.begun.pop(profile, None)
    bring_back(books, books.owed.pop(profile, ()))
