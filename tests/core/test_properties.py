"""What holds in every history: Hypothesis drives the scheduler through an honest world."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from paddock.core import events as ev
from paddock.core.model import HOST, UNKNOWN, Asker, Cause, DeviceId, ProfileId, Room, Rules, Spec
from paddock.core.scheduler import Scheduler
from tests.core.world import Process, World

pytestmark = pytest.mark.long

GPU, GPU2 = DeviceId("gpu0"), DeviceId("gpu1")
NAMES = [ProfileId(name) for name in "abcd"]
X, Y = Asker("x"), Asker("y")
BROKEN = Cause("load_failed", "out of memory", exit_code=1)

names = st.sampled_from(NAMES)
whose = st.integers(0, 11)  # which of those that there are, counted round
mib = st.sampled_from([0, 2, 3, 5, 6, 9, 12])
margins = st.sampled_from([0, 1])
crowds = st.sampled_from([(UNKNOWN,), (X,), (X,), (X, Y), (UNKNOWN, X, Y)])
rooms = st.builds(
    Room,
    st.fixed_dictionaries({GPU: st.sampled_from([8, 10, 16]), GPU2: st.sampled_from([4, 10])}),
    st.sampled_from([0, 0, 1, 2]),
    exclusive=st.sampled_from([frozenset(), frozenset(), frozenset({GPU2})]),
)
policies = st.builds(
    Rules,
    patience=st.sampled_from([5.0, 30.0]),
    queue_limit=st.sampled_from([3, 256]),
    drain_timeout=st.sampled_from([0.0, 0.0, 12.0]),
    crashes=st.sampled_from([1, 3]),
    refuse_while_yielded=st.booleans(),
)


def spec_of(name: ProfileId) -> st.SearchStrategy[Spec]:
    return st.builds(
        Spec,
        st.just(name),
        st.fixed_dictionaries({GPU: mib, GPU2: mib, HOST: st.sampled_from([0, 0, 1])}),
        margin=st.fixed_dictionaries({GPU: st.sampled_from([0, 0, 1, 2]), GPU2: margins}),
        stiff=st.frozensets(st.sampled_from([GPU, GPU2, HOST])),
        fingerprint=st.sampled_from(["old", "new"]),
        pin=st.sampled_from([False, False, False, True]),
        priority=st.integers(0, 2),
        ttl=st.sampled_from([0.0, 0.0, 20.0]),
        concurrency=st.sampled_from([0, 0, 1, 2]),
    )


class Stable(RuleBasedStateMachine):
    """Anything may happen at any time, but processes keep to the order of their lives."""

    scheduler: type[Scheduler] = Scheduler
    world: World

    @initialize(
        rules=policies,
        room=rooms,
        specs=st.tuples(*map(spec_of, NAMES)),
        crowd=crowds,
        ending=st.sampled_from(["quiet", "crowded", "crowded", "closed", "kept"]),
    )
    def begin(
        self,
        rules: Rules,
        room: Room,
        specs: tuple[Spec, ...],
        crowd: tuple[Asker, ...],
        ending: str,
    ) -> None:
        self.world = World(self.scheduler, rules, specs, room)
        self.crowd = crowd
        self.ending = ending

    # Which processes there are to choose from; a rule with none is not tried.

    def moving(self) -> list[Process]:
        return [p for p in self.world.processes.values() if p.ending or p.state != "ready"]

    def alive(self) -> list[Process]:
        return [p for p in self.world.processes.values() if p.state != "exited"]

    def too_late(self) -> list[Process]:
        return [p for p in self.world.processes.values() if p.ending and p.state == "loading"]

    @rule(name=names, how=st.sampled_from(["", "", "", "insist", "force"]), who=whose)
    def ask(self, name: ProfileId, how: str, who: int) -> None:
        asker = self.crowd[who % len(self.crowd)]
        self.world.ask(name, insist=bool(how), force=how == "force", asker=asker)

    @rule(name=names, flaw=st.sampled_from([None, BROKEN]))
    def examine(self, name: ProfileId, flaw: Cause | None) -> None:
        self.world.examine(name, flaw)

    @rule(asked=st.lists(st.tuples(names, whose), min_size=2, max_size=4))
    def several_ask(self, asked: list[tuple[ProfileId, int]]) -> None:
        for name, who in asked:
            self.world.ask(name, asker=self.crowd[who % len(self.crowd)])

    @rule(errands=st.lists(st.tuples(names, whose), min_size=2, max_size=4))
    def come_one_after_the_other(self, errands: list[tuple[ProfileId, int]]) -> None:
        """Each asks when the one before was served, in the time that everything takes."""
        for name, who in errands:
            ticket = self.world.ask(name, asker=self.crowd[who % len(self.crowd)])
            for _ in range(20):
                if ticket not in self.world.waiting or not self.world.step():
                    break
            self.world.pass_time(self.world.now + 1.0)
            if ticket in self.world.leased:
                self.world.leave(ticket)

    @precondition(lambda self: self.world.leased)
    @rule(index=whose)
    def finish(self, index: int) -> None:
        tickets = list(self.world.leased)
        self.world.leave(tickets[index % len(tickets)])

    @precondition(lambda self: self.world.waiting)
    @rule(index=whose)
    def give_up(self, index: int) -> None:
        tickets = list(self.world.waiting)
        self.world.leave(tickets[index % len(tickets)])

    @precondition(lambda self: self.moving())
    @rule(index=whose)
    def proceed(self, index: int) -> None:
        moving = self.moving()
        self.world.proceed(moving[index % len(moving)])

    @precondition(lambda self: self.moving())
    @rule()
    def all_proceed(self) -> None:
        for process in self.moving():
            self.world.proceed(process)

    @precondition(lambda self: self.too_late())
    @rule()
    def get_ready_too_late(self) -> None:
        self.world.get_ready(self.too_late()[0])

    @precondition(lambda self: self.alive())
    @rule(index=whose)
    def crash(self, index: int) -> None:
        alive = self.alive()
        self.world.end(alive[index % len(alive)], BROKEN)

    @rule()
    def reach_the_deadline(self) -> None:
        self.world.pass_time(self.world.scheduler.deadline or self.world.now + 1)

    @rule(seconds=st.sampled_from([0.5, 3.0, 11.0, 40.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(self.world.now + seconds)

    @rule(name=names, order=st.sampled_from(["cancel", "unload", "unload now"]))
    def order(self, name: ProfileId, order: str) -> None:
        if order == "cancel":
            self.world.cancel(name)
        else:
            self.world.unload(name, now=order == "unload now")

    @rule(how=st.sampled_from(["yield", "yield at once", "resume", "resume"]))
    def yield_gpus(self, how: str) -> None:
        if how == "resume":
            self.world.resume()
        else:
            self.world.yield_gpus(at_once=how == "yield at once")

    @rule(profiles=st.lists(names, max_size=3))
    def displace(self, profiles: list[ProfileId]) -> None:
        self.world.feed(ev.Displaced(tuple(profiles)))

    @rule(name=names, ttl=st.sampled_from([0.0, 5.0, 50.0]))
    def keep(self, name: ProfileId, ttl: float) -> None:
        self.world.feed(ev.KeepAsked(name, ttl))

    @rule(spec=st.one_of(*map(spec_of, NAMES)), change=st.sampled_from(["removed", "pin", "all"]))
    def configure(self, spec: Spec, change: str) -> None:
        old = self.world.specs.get(spec.id, spec)
        others = [other for other in self.world.specs.values() if other.id != spec.id]
        changed = replace(old, pin=spec.pin) if change == "pin" else spec
        self.world.configure(others if change == "removed" else [*others, changed])

    @precondition(lambda self: self.alive())
    @rule(room=rooms)
    def measure(self, room: Room) -> None:
        self.world.measure(room)

    @precondition(lambda self: self.alive())
    @rule()
    def restart(self) -> None:
        self.world.restart(self.scheduler)

    def teardown(self) -> None:
        if not hasattr(self, "world") or not self.world.is_sound:
            return  # the history has ended already
        if self.ending in ("closed", "kept"):
            self.world.close(keep=self.ending == "kept")
        elif self.world.is_yielded:
            self.world.resume()
        if self.ending == "crowded":
            for name in self.world.specs:
                self.world.ask(name)
        self.world.settle(crowded=self.ending == "crowded")


TestStable = pytest.mark.timeout(500)(
    Stable.TestCase
)  # the search for the shortest history takes long
TestStable.settings = settings(
    max_examples=250,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
