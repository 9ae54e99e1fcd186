"""An honest world around the scheduler: it performs every effect, and asserts what may never be.

Processes load, get ready, exit and give their memory back when they are made to `proceed`, or in
their usual times when the world is left to `settle`. Each assertion says in a few words which
promise was broken; the tests with planted bugs look for these words.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Literal

from paddock.core import events as ev
from paddock.core.effects import Effect, Grant, Refuse, Spawn, Stop, SwitchDone
from paddock.core.live import Coming, Serving
from paddock.core.model import (
    HOST,
    UNKNOWN,
    Asker,
    Cause,
    Demand,
    DeviceId,
    InstanceId,
    ProfileId,
    Room,
    Rules,
    Spec,
    Ticket,
)
from paddock.core.scheduler import Scheduler
from tests.core.askers import is_missed, waits_for_itself

ENDED = Cause("exited", "it ended")


@dataclass(slots=True)
class Process:
    instance: InstanceId
    profile: ProfileId
    demand: Demand
    since: float  # in this state
    state: Literal["loading", "ready", "exited"] = "loading"  # exited: its memory is not free yet
    ending: bool = False  # it was ordered to
    users: dict[Asker, float] = field(default_factory=dict)  # when each last used it
    given_up: frozenset[Asker] = frozenset()  # before it was started for them, too


@dataclass(frozen=True, slots=True)
class Request:
    profile: ProfileId
    since: float
    instance: InstanceId | None = None
    asker: Asker = UNKNOWN
    insists: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything takes, in seconds, when nobody disturbs."""

    load: float = 5.0
    request: float = 2.0
    exit: float = 1.0
    free: float = 0.5


class World:
    def __init__(
        self, scheduler: type[Scheduler], rules: Rules, specs: Iterable[Spec], room: Room
    ) -> None:
        self.now = 0.0
        self.pace = Pace()
        self.rules = rules
        self.processes: dict[InstanceId, Process] = {}
        self.waiting: dict[Ticket, Request] = {}
        self.leased: dict[Ticket, Request] = {}
        self.spawns = 0
        self.is_sound = True
        self.is_crowded = False
        self.pending: set[ProfileId] = set()  # asked for, and not started since
        self.is_switching = False  # somebody was pushed out for those who are pending
        self.evicted_at: dict[ProfileId, float] = {}
        self.last_end: dict[Asker, float] = {}  # of a request, or of waiting for one
        self._given_up: dict[ProfileId, frozenset[Asker]] = {}  # since it was started last
        self.flawed: set[ProfileId] = set()  # known to fail
        self._forced: set[ProfileId] = set()  # of the pending ones: to be tried all the same
        self.is_yielded = False
        self._tickets = 0
        self._begin(scheduler)
        self.configure(specs)
        self.measure(room)

    def _begin(self, scheduler: type[Scheduler]) -> None:
        self.scheduler = scheduler(self.rules, first_number=self.spawns + 1)

    # ---- what happens ----

    def ask(
        self,
        profile: ProfileId,
        *,
        insist: bool = False,
        force: bool = False,
        asker: Asker = UNKNOWN,
    ) -> Ticket:
        self._tickets += 1
        ticket = Ticket(self._tickets)
        self.waiting[ticket] = Request(profile, self.now, asker=asker, insists=insist)
        self.pending.add(profile)
        self._forced |= {profile} if force else set()
        self.feed(ev.Asked(ticket, profile, insist, force, asker))
        return ticket

    def examine(self, profile: ProfileId, flaw: Cause | None) -> None:
        self.flawed = self.flawed | {profile} if flaw else self.flawed - {profile}
        self.feed(ev.Examined(profile, flaw))

    def leave(self, ticket: Ticket) -> None:
        request = self.waiting.pop(ticket, None) or self.leased.pop(ticket, None)
        if request:
            self._note_end(request)
        self.feed(ev.Left(ticket))

    def _note_end(self, request: Request) -> None:
        """It used its instance, or leaves one behind that loads for it."""
        self.last_end[request.asker] = self.now
        if request.instance is None:
            given_up = self._given_up.get(request.profile, frozenset())
            self._given_up[request.profile] = given_up | {request.asker}
        for process in self.processes.values():
            is_for_it = process.profile == request.profile and process.state == "loading"
            if process.instance == request.instance or is_for_it:
                process.users[request.asker] = self.now

    def proceed(self, process: Process) -> None:
        """It goes its way: to ready, or once ordered to, to its end; then its memory is free."""
        if process.state == "exited":
            del self.processes[process.instance]
            self.feed(ev.MemoryFreed(process.instance))
        elif process.ending:
            self.end(process)
        elif process.state == "loading":
            self.get_ready(process)

    def get_ready(self, process: Process) -> None:
        process.state, process.since = "ready", self.now
        self.feed(ev.BecameReady(process.instance))
        self._place(process)

    def _place(self, process: Process) -> None:
        """What it really holds is read: all that it booked but the margin, which stays free."""
        spec = self.specs.get(process.profile)
        margin = spec.margin if spec else {}
        process.demand = {d: max(0, mib - margin.get(d, 0)) for d, mib in process.demand.items()}
        self.feed(ev.Placed(process.instance, process.demand))

    def end(self, process: Process, cause: Cause = ENDED) -> None:
        process.state, process.since = "exited", self.now
        self.feed(ev.Exited(process.instance, cause))

    def configure(self, specs: Iterable[Spec]) -> None:
        self.specs = {spec.id: spec for spec in specs}
        self.pending &= self.specs.keys()
        self.flawed &= self.specs.keys()
        self.feed(ev.Configured(tuple(self.specs.values())))

    def measure(self, room: Room) -> None:
        self.room = room
        self.feed(ev.Measured(room))

    def cancel(self, profile: ProfileId) -> None:
        self.pending.discard(profile)
        self._forced.discard(profile)
        self.feed(ev.CancelAsked(profile))

    def unload(self, profile: ProfileId, *, now: bool) -> None:
        self.pending.discard(profile)
        self._forced.discard(profile)
        self.feed(ev.UnloadAsked(profile, now))

    def restart(self, scheduler: type[Scheduler]) -> None:
        """The daemon dies and comes back: every connection is cut, what is alive is adopted."""
        self.waiting, self.leased, self.pending = {}, {}, set()
        self.flawed, self._forced = set(), set()
        self.is_switching, self.evicted_at = False, {}
        self.is_yielded = False  # of that, this world keeps no record
        self._begin(scheduler)
        self.configure(self.specs.values())
        self.measure(self.room)
        known = {i: p for i, p in self.processes.items() if p.state != "exited" and not p.ending}
        self.processes = known  # what was ordered to end is gone then
        for process in self.processes.values():
            self._adopt(process)

    def _adopt(self, process: Process) -> None:
        process.users = {}
        spec = self.specs.get(process.profile)
        process.demand = self.need(process.profile)
        fingerprint = spec.fingerprint if spec else ""
        is_ready = process.state == "ready"
        self.feed(ev.Adopted(process.instance, process.profile, fingerprint, is_ready))
        if is_ready:
            self._place(process)

    def yield_gpus(self, *, at_once: bool) -> None:
        self.is_yielded = True
        self.feed(ev.Yielded(at_once))

    def resume(self) -> None:
        self.is_yielded = False
        self.feed(ev.Resumed())

    def close(self, *, keep: bool) -> None:
        self.feed(ev.ClosingDown(keep))
        self.promise(not self.waiting, "lost waiter")

    def pass_time(self, until: float) -> None:
        """Wake the scheduler at every deadline that it gives on the way."""
        while self.scheduler.deadline is not None and self.scheduler.deadline <= until:
            self.now = self.scheduler.deadline
            self.feed(ev.TimePassed())
        self.now = until

    # ---- what is ordered ----

    def feed(self, event: ev.Event) -> None:
        self.is_sound = False  # until every promise was found kept
        staying = [p for p in self.processes.values() if not p.ending and p.state != "exited"]
        for effect in self.scheduler.handle(event, self.now):
            self._perform(effect, event, staying)
        deadline = self.scheduler.deadline
        self.promise(deadline is None or deadline > self.now, "busy loop")
        self._compare_leases()
        self._look_for_hopeless_ones()
        self.promise(self.is_yielded or not waits_for_itself(self), "waits for itself")
        self._look_at_yielded_gpus()
        ending = any(process.ending for process in self.processes.values())
        self.is_switching = bool(self.pending) and (self.is_switching or ending)
        self.is_sound = True

    def _perform(self, effect: Effect, event: ev.Event, staying: list[Process]) -> None:
        match effect:
            case Spawn(instance, profile):
                staying.append(self._spawn(instance, profile))
            case Stop(instance):
                self._stop(effect, event, staying)
                self.processes[instance].ending = True
                self.processes[instance].since = self.now
            case Grant(ticket, instance):
                self._grant(ticket, instance)
            case Refuse(ticket):
                self.promise(ticket in self.waiting, "refused who did not wait")
                request = self.waiting.pop(ticket)
                if all(other.profile != request.profile for other in self.waiting.values()):
                    self.pending.discard(request.profile)
            case SwitchDone():
                pass

    def _spawn(self, instance: InstanceId, profile: ProfileId) -> Process:
        demand, others = self.need(profile), self.processes.values()
        on_gpu = self._is_on_gpu(self.specs[profile].demand)
        self.promise(not (self.is_yielded and on_gpu), "took a yielded GPU")
        self.promise(all(p.profile != profile for p in others), "double load")
        beside = [p.demand for p in others]
        self.promise(self._has_room(demand, beside), "memory over-committed")
        loads = [p.demand for p in others if p.state == "loading"]
        self.promise(not any(_collide(demand, load) for load in loads), "loads overlap")
        self.spawns += 1
        self.pending.discard(profile)
        self._forced.discard(profile)
        given_up = self._given_up.pop(profile, frozenset())
        process = Process(instance, profile, demand, self.now, given_up=given_up)
        self.processes[instance] = process
        return self.processes[instance]

    def _stop(self, effect: Stop, event: ev.Event, staying: list[Process]) -> None:
        process = self.processes[effect.instance]
        self.promise(not process.ending and process.state != "exited", "stopped twice")
        used = any(request.instance == process.instance for request in self.leased.values())
        ordered = (
            isinstance(event, ev.ClosingDown | ev.UnloadAsked | ev.Yielded)
            and effect.why != "evicted"
        )
        self.promise(not used or ordered or self._drain_is_over(effect), "killed under a client")
        if effect.why == "evicted":
            self.promise(not self._all_fits(staying), "evicted though everything fits")
            asked = self.pending | {request.profile for request in self.waiting.values()}
            hopeful = asked - self.flawed | self._forced
            self.promise(bool(hopeful), "evicted for what is known to fail")
            self.promise(not is_missed(self, process), "pushed out too soon")
            self.evicted_at[process.profile] = self.now

    def _drain_is_over(self, effect: Stop) -> bool:
        limit = self.rules.drain_timeout
        patient = any(r.since + limit <= self.now for r in self.waiting.values())
        return bool(limit) and effect.why == "evicted" and patient

    def _all_fits(self, staying: list[Process]) -> bool:
        asked = self.pending | {request.profile for request in self.waiting.values()}
        wanted = asked - {p.profile for p in staying}
        demands = [*(p.demand for p in staying), *(self.need(profile) for profile in wanted)]
        return (
            self._has_room(dict.fromkeys(self.room.capacity, 0), demands[1:])
            and all(
                sum(demand.get(d, 0) for demand in demands) <= mib
                for d, mib in self.room.capacity.items()
            )
            and all(
                sum(bool(demand.get(d)) for demand in demands) <= 1 for d in self.room.exclusive
            )
        )

    def _grant(self, ticket: Ticket, instance: InstanceId) -> None:
        self.promise(ticket in self.waiting, "granted who did not wait")
        request, process = self.waiting.pop(ticket), self.processes[instance]
        self.promise(process.state == "ready" and not process.ending, "granted what is not ready")
        self.promise(request.profile == process.profile, "granted another profile")
        self.leased[ticket] = replace(request, since=self.now, instance=instance)
        spec, using = self.specs[request.profile], [r.instance for r in self.leased.values()]
        crowd = using.count(instance)
        self.promise(not spec.concurrency or crowd <= spec.concurrency, "too many at once")

    def _has_room(self, demand: Demand, beside: list[Demand]) -> bool:
        if self.room.max_instances and len(beside) >= self.room.max_instances:
            return False
        return all(
            not mib or self._is_free(d, mib, [other.get(d, 0) for other in beside])
            for d, mib in demand.items()
        )

    def _is_free(self, device: DeviceId, mib: int, taken: list[int]) -> bool:
        if device in self.room.exclusive and any(taken):
            return False
        return device not in self.room.capacity or sum(taken) + mib <= self.room.capacity[device]

    def need(self, profile: ProfileId) -> Demand:
        spec = self.specs.get(profile)
        if spec is None:
            return {}
        wanted = {d: mib + spec.margin.get(d, 0) if mib else 0 for d, mib in spec.demand.items()}
        return {
            d: mib if d in spec.stiff else min(mib, self.room.capacity.get(d, mib))
            for d, mib in wanted.items()
        }

    def _compare_leases(self) -> None:
        booked = {
            ticket
            for live in self.scheduler.live.values()
            if isinstance(live.state, Serving)
            for ticket in live.state.leases
        }
        self.promise(booked <= self.leased.keys(), "leaked lease")

    def _look_for_hopeless_ones(self) -> None:
        """Whoever is known to fail is refused, unless it is there, or forced."""
        there = {process.profile for process in self.processes.values()}
        hopeless = self.flawed - there - self._forced
        waiting = {request.profile for request in self.waiting.values()}
        self.promise(not waiting & hopeless, "waits for what is known to fail")

    def _look_at_yielded_gpus(self) -> None:
        """What nobody uses is on its way out."""
        used = {request.instance for request in self.leased.values()}
        kept = any(
            not p.ending and p.state != "exited" and p.instance not in used
            for p in self.processes.values()
            if self._is_on_gpu(p.demand)
        )
        self.promise(not (self.is_yielded and kept), "keeps a yielded GPU")

    @staticmethod
    def _is_on_gpu(demand: Demand) -> bool:
        return any(mib for device, mib in demand.items() if device != HOST)

    def promise(self, kept: bool, words: str) -> None:
        if not kept:
            self.is_sound = False
            raise AssertionError(words)

    # ---- left to itself ----

    def agenda(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """What will happen when nobody disturbs, and when."""
        for process in self.processes.values():
            if process.ending or process.state != "ready":
                yield process.since + self._takes(process), partial(self.proceed, process)
        for ticket, request in self.leased.items():
            end = self._hand_over if self.is_crowded else self.leave
            yield request.since + self.pace.request, partial(end, ticket)

    def _takes(self, process: Process) -> float:
        if process.state == "exited":
            return self.pace.free
        return self.pace.exit if process.ending else self.pace.load

    def step(self, extra: Iterable[tuple[float, Callable[[], None]]] = ()) -> bool:
        """Go on to whatever comes next; whether anything does."""
        coming = [*self.agenda(), *extra]
        if self.scheduler.deadline is not None:
            coming.append((self.scheduler.deadline, partial(self.feed, ev.TimePassed())))
        if not coming:
            return False
        moment, act = min(coming, key=lambda item: item[0])
        self.now = max(self.now, moment)
        act()
        return True

    def settle(self, *, crowded: bool) -> None:
        """All who wait are answered in the end, even while those served come again and again."""
        in_time = not crowded or self._stay_crowded()
        steps = takewhile(bool, (self.step() for _ in range(2000)))
        self.promise(sum(steps) < 2000, "never at rest")
        self.promise(not self.waiting, "lost waiter")
        self.promise(in_time, "starved")
        self.promise(not self.scheduler._books.leased, "leaked lease")

    def _stay_crowded(self) -> bool:
        """Whoever leaves is at once followed by another; whether those first in line get through."""
        line, pace = set(self.waiting), self.pace
        turns = len(line) + len(self.specs) + len(self.processes) + 2
        turn = pace.load + pace.exit + pace.free + 2 * pace.request
        dearest = self._dearest_load()
        patience = max(self.rules.patience, 2 * dearest)
        end = self.now + patience + turns * turn
        self.is_crowded = True
        while line & self.waiting.keys() and self.now < end and self.step():
            pass
        self.is_crowded = False
        return not line & self.waiting.keys()

    def cost(self, profile: ProfileId) -> float:
        return self.scheduler._books.cost(profile)

    def _dearest_load(self) -> float:
        """What the slowest profile costs, by the books or once its load that is under way is over."""
        books = self.scheduler._books
        costs = [books.cost(profile) for profile in self.specs]
        states = [live.state for live in books.live.values()]
        starts = [state.since for state in states if isinstance(state, Coming)]
        return max([*costs, *(self.now - since + self.pace.load for since in starts)], default=0.0)

    def _hand_over(self, ticket: Ticket) -> None:
        """Somebody asks for the same a moment before this one leaves: it is never idle."""
        self.ask(self.leased[ticket].profile, asker=self.leased[ticket].asker)
        self.leave(ticket)


def _collide(one: Demand, other: Demand) -> bool:
    """Whether they take memory of one GPU, or both of nothing but the host."""
    mine, theirs = ({d for d, mib in demand.items() if mib} for demand in (one, other))
    return any(d != HOST for d in mine & theirs) or mine == theirs == {HOST}
