"""The books that the scheduler keeps, and the questions they answer. Nothing here decides or changes."""

from dataclasses import dataclass, field

from paddock.core.away import Away
from paddock.core.eviction import Resident, leavers, worth
from paddock.core.live import Coming, Live, Serving
from paddock.core.model import (
    UNKNOWN,
    Asker,
    Cause,
    Demand,
    InstanceId,
    ProfileId,
    Room,
    Rules,
    Spec,
    Ticket,
)
from paddock.core.room import fits, need, shares_device, shortage

_LONG_AGO = float("-inf")


@dataclass(frozen=True, slots=True)
class Waiter:
    ticket: Ticket
    profile: ProfileId
    since: float
    insist: bool
    force: bool = False
    asker: Asker = UNKNOWN
    is_order: bool = False  # for the load alone: no request


@dataclass(frozen=True, slots=True)
class Setback:
    """A profile that failed: no request makes it try again before `until`."""

    count: int
    until: float
    cause: Cause


@dataclass(frozen=True, slots=True)
class Want:
    """A profile that should be live and is not."""

    profile: ProfileId
    since: float
    insist: bool
    priority: int
    force: bool = False  # to be tried although it is known to fail
    askers: frozenset[Asker] = frozenset()  # for whom others left


@dataclass(frozen=True, slots=True)
class Promise:
    """Room that is spoken for: of a profile that waits until others have left."""

    profile: ProfileId
    demand: Demand


@dataclass(slots=True)
class Books:
    """All facts that events brought."""

    rules: Rules
    room: Room = field(default_factory=Room)
    specs: dict[ProfileId, Spec] = field(default_factory=dict)
    live: dict[InstanceId, Live] = field(default_factory=dict)
    waiting: dict[Ticket, Waiter] = field(default_factory=dict)
    leased: dict[Ticket, InstanceId] = field(default_factory=dict)
    setbacks: dict[ProfileId, Setback] = field(default_factory=dict)
    flaws: dict[ProfileId, Cause] = field(default_factory=dict)  # who is known to fail, and why
    costs: dict[ProfileId, float] = field(default_factory=dict)  # measured load times
    evicted_at: dict[ProfileId, float] = field(default_factory=dict)
    inflation: float = 0.0  # the most that was worth what left: see `eviction`
    owed: dict[ProfileId, tuple[ProfileId, ...]] = field(default_factory=dict)  # who left for whom
    begun: dict[ProfileId, Want] = field(default_factory=dict)  # it comes, whoever still waits
    restoring: list[ProfileId] = field(default_factory=list)
    ran: dict[ProfileId, str] = field(default_factory=dict)  # fingerprint that last got ready
    away: Away | None = None  # set while the GPUs are yielded: see `yielding`
    closing: Cause | None = None  # why nobody is let in any more: the daemon ends

    def live_of(self, profile: ProfileId) -> Live | None:
        """The live instance of this profile; the newest, if an old one is still leaving."""
        for live in reversed(self.live.values()):
            if live.profile == profile:
                return live
        return None

    def is_up(self, profile: ProfileId) -> bool:
        """Whether it serves or will, and need not go."""
        live = self.live_of(profile)
        return live is not None and not live.is_going

    def serves_as_written(self, profile: ProfileId) -> bool:
        """Whether it serves, need not go, and is what models.conf says: no request needs a load for it."""
        live, spec = self.live_of(profile), self.specs.get(profile)
        if live is None or spec is None:
            return False
        state = live.state
        is_serving = isinstance(state, Serving) and not state.leaving
        return is_serving and spec.fingerprint == live.fingerprint

    def is_stale(self, live: Live) -> bool:
        """Whether models.conf says something else than what it was started with."""
        spec = self.specs.get(live.profile)
        return spec is None or spec.fingerprint != live.fingerprint

    def is_forced(self, profile: ProfileId) -> bool:
        """Whether somebody who waits wants it tried although it is known to fail."""
        begun = self.begun.get(profile)
        return bool(begun and begun.force) or any(
            waiter.force for waiter in self.waiting.values() if waiter.profile == profile
        )

    def cost(self, profile: ProfileId) -> float:
        """Seconds to bring it back: as measured, else as estimated."""
        spec = self.specs.get(profile)
        return self.costs.get(profile, spec.cost if spec else 0.0)

    def wants(self, now: float) -> list[Want]:
        """What should be live and is not: overdue first, then by priority, then by age."""
        wants = dict(self.begun)
        for waiter in self.waiting.values():
            seen = wants.get(waiter.profile)
            wants[waiter.profile] = Want(
                waiter.profile,
                min(waiter.since, seen.since) if seen else waiter.since,
                waiter.insist or bool(seen and seen.insist),
                self.specs[waiter.profile].priority,
                waiter.force or bool(seen and seen.force),
                seen.askers if seen else frozenset(),
            )
        missing = [want for want in wants.values() if not self.is_up(want.profile)]
        return sorted(missing, key=lambda want: self._rank(want, now))

    def _rank(self, want: Want, now: float) -> tuple[bool, int, float]:
        due = self.is_due(want, now)
        return (not due, 0 if due else -want.priority, want.since)

    def patience(self, profile: ProfileId) -> float:
        """How long a request for it may be overtaken.

        Where loads are slow, long enough for a rival to load and then to serve as long again: less
        would give one request per load (measured: 45 s loads, 72 requests in 73 loads).
        """
        return max(self.rules.patience, 2 * self.cost(profile))

    def is_due(self, want: Want, now: float) -> bool:
        """Whether nobody may overtake it any more."""
        if want.profile in self.begun or want.insist:
            return True
        return now >= want.since + self.patience(want.profile)

    def need(self, profile: ProfileId) -> Demand:
        """The MiB by device that must be free for it."""
        spec = self.specs.get(profile)
        return need(spec, self.room) if spec else {}

    def has_room(self, demand: Demand, promises: list[Promise], doomed: set[InstanceId]) -> bool:
        """Room now, beside all that lives, and later, beside all that was promised room before."""
        present = [live.demand for live in self.live.values()]
        promised = [promise.demand for promise in promises]
        if fits(demand, [*present, *promised], self.room):
            return True
        later = [live.demand for live in self.live.values() if live.id not in doomed]
        return fits(demand, present, self.room) and fits(demand, [*later, *promised], self.room)

    def may_load(self, demand: Demand) -> bool:
        """Two loads on one device would each count the other's memory as free."""
        return not any(
            isinstance(live.state, Coming) and shares_device(live.demand, demand, self.room)
            for live in self.live.values()
        )

    def choose_leavers(
        self, profile: ProfileId, promises: list[Promise], doomed: set[InstanceId]
    ) -> list[Live] | None:
        """Whose leaving makes room for it, those already leaving not counted; None: nobody's does."""
        residents, staying = self._beside(promises, doomed)
        chosen = leavers(self.need(profile), residents, staying, self.room)
        return None if chosen is None else [self.live[resident.instance] for resident in chosen]

    def _beside(
        self, promises: list[Promise], doomed: set[InstanceId]
    ) -> tuple[list[Resident], list[Demand]]:
        """Who can be chosen to leave, and what stays."""
        others = [live for live in self.live.values() if live.id not in doomed]
        staying = [live.demand for live in others if self.is_pinned(live)]
        staying += [promise.demand for promise in promises]
        return [self._as_resident(live) for live in others if self.may_ever_leave(live)], staying

    def is_pinned(self, live: Live) -> bool:
        spec = self.specs.get(live.profile)
        return spec is not None and spec.pin and not live.is_going

    def may_ever_leave(self, live: Live) -> bool:
        """Whether it can be chosen to leave; who was ordered to go makes room anyway."""
        return not self.is_pinned(live) and not live.is_ending

    def _as_resident(self, live: Live) -> Resident:
        spec = self.specs.get(live.profile)
        return Resident(
            live.id,
            live.demand,
            busy=live.is_busy,
            outdated=spec is None,
            priority=spec.priority if spec else 0,
            kept=live.ttl == 0.0,
            cost=self.cost(live.profile),
            last_used=live.state.idle_since if isinstance(live.state, Serving) else 0.0,
            floor=self._floor(live),
        )

    def _floor(self, live: Live) -> float:
        state = live.state
        return state.floor if isinstance(state, Serving) and not state.leases else self.inflation

    def worth(
        self, live: Live, profile: ProfileId, promises: list[Promise], doomed: set[InstanceId]
    ) -> float:
        """What is lost when it leaves for this profile, as it was chosen: see `eviction.worth`."""
        residents, staying = self._beside(promises, doomed)
        beside = [*staying, *(resident.demand for resident in residents)]
        return worth(self._as_resident(live), shortage(self.need(profile), beside, self.room))

    def may_leave(self, live: Live, want: Want, now: float) -> bool:
        """Whether it may be stopped for `want` at this moment."""
        state = live.state
        if not isinstance(state, Serving):
            return False
        if state.leases:
            timeout, closed = self.rules.drain_timeout, state.closed_since
            return bool(timeout) and closed is not None and now >= closed + timeout
        return self.is_due(want, now) or now >= self.tenure_end(live, want)

    def tenure_end(self, live: Live, want: Want) -> float:
        """When an idle instance need no longer be kept for fear of pushing each other out by turns.

        It is kept for those who may come back to it, never for one who waits for another now.
        """
        state = live.state
        assert isinstance(state, Serving)
        if state.idle_since - self.evicted_at.get(want.profile, _LONG_AGO) > self.patience(
            want.profile
        ):
            return _LONG_AGO
        missed = self.missed_since(live)
        if missed == _LONG_AGO:
            return _LONG_AGO
        cost = self.cost(live.profile)
        left = max(missed, state.since)
        return min(state.since + self.rules.tenure * cost, left + self.rules.linger * cost)

    def missed_since(self, live: Live) -> float:
        """When it was last used by somebody who may come back: see `Users.missed`."""
        elsewhere: dict[Asker, float] = {}
        for waiter in self.waiting.values():
            asker = waiter.asker
            if asker != UNKNOWN and asker in live.users.last:
                since = waiter.since if waiter.profile != live.profile else _LONG_AGO
                elsewhere[asker] = min(since, elsewhere.get(asker, since))
        return live.users.missed(elsewhere)

    def askers(self, profile: ProfileId) -> frozenset[Asker]:
        """Who waits for this profile."""
        return frozenset(w.asker for w in self.waiting.values() if w.profile == profile)

    def ttl(self, live: Live) -> float:
        """Idle seconds before it is unloaded, 0 = never: as a client asked, else as its profile says."""
        spec = self.specs.get(live.profile)
        if spec is None or spec.pin:
            return 0.0
        return spec.ttl if live.ttl is None else live.ttl

    def ttl_end(self, live: Live) -> float | None:
        """When it will have been idle for too long; None while that clock stands still."""
        ttl, state = self.ttl(live), live.state
        if not ttl or not isinstance(state, Serving) or state.leases:
            return None
        return state.idle_since + ttl

    def next_deadline(self, now: float) -> float | None:
        """When time alone will next change a decision."""
        if self.closing:
            return None
        due = [end for live in self.live.values() if (end := self.ttl_end(live)) is not None]
        if self.waiting or self.begun:
            for want in self.wants(now):
                due.append(want.since + self.patience(want.profile))
                due += [self._release(live, want) for live in self.live.values()]
        return min((moment for moment in due if moment > now), default=None)

    def _release(self, live: Live, want: Want) -> float:
        state = live.state
        if not isinstance(state, Serving):
            return _LONG_AGO
        if not state.leases:
            return self.tenure_end(live, want)
        if state.closed_since is None or not self.rules.drain_timeout:
            return _LONG_AGO
        return state.closed_since + self.rules.drain_timeout
