"""What a switch would do: found without doing it, and then just that is done."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, given, settings

from paddock.core.effects import Refuse
from paddock.core.live import Serving
from paddock.core.model import ProfileId, Room, Rules, Spec
from paddock.core.scheduler import Scheduler
from tests.core.story import A, B, C, Story, asked, configured, ready, spec, stop, unload
from tests.core.test_properties import GPU, GPU2, NAMES, policies, rooms, spec_of
from tests.core.world import World

AT = 100.0


def leavers(s: Story, name: str) -> list[str]:
    return [live.id for live in s.scheduler.preview(ProfileId(name), AT).leavers]


def test_who_is_idle_and_in_the_way_would_leave():
    s = Story(A, B, C)
    s.used(0, "a", "a.1")
    assert leavers(s, "b") == ["a.1"]
    assert leavers(s, "c") == [], "it fits beside it"
    assert leavers(s, "a") == [], "it is there"
    assert stop("a.1") in s(AT, asked(1, "b", insist=True)), "nothing was changed by looking"


def test_a_busy_one_would_be_waited_for():
    s = Story(A, B, C)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert leavers(s, "b") == ["a.1"]
    assert s(AT, asked(2, "b", insist=True)) == []


def test_who_is_stopping_is_no_leaver_but_is_waited_for():
    s = Story(A, B, C)
    s.used(0, "a", "a.1")
    s(1, unload("a"))
    outlook = s.scheduler.preview(ProfileId("b"), AT)
    assert (outlook.leavers, [live.id for live in outlook.leaving]) == ((), ["a.1"])
    assert s.scheduler.preview(ProfileId("c"), AT).leaving == (), "that fits beside it"


def test_an_outdated_one_would_make_way_for_itself():
    s = Story(A, B, C)
    s.used(0, "a", "a.1")
    s(1, configured(spec("a", 6, fingerprint="new"), B, C))
    assert leavers(s, "a") == ["a.1"]


def test_those_before_it_in_the_queue_are_counted():
    """`b` pushes out `a` already; `c` then fits beside `b`."""
    s = Story(A, B, C, spec("d", 6))
    s.used(0, "a", "a.1")
    s(1, asked(1, "a"))
    s(2, asked(2, "b", insist=True))
    assert leavers(s, "c") == []
    assert s.scheduler.preview(ProfileId("d"), AT).refused == "", "its turn comes after b's"


def test_the_refusal_has_the_same_sum():
    s = Story(spec("a", 6, pin=True), B, C)
    s.used(0, "a", "a.1")
    sums = s.scheduler.preview(ProfileId("b"), AT).refused
    [refusal] = s(AT, asked(1, "b", insist=True))
    assert isinstance(refusal, Refuse)
    assert refusal.cause.message == f"b cannot fit: {sums}"
    assert sums == "gpu0: needs 6 MiB of 10, a.1 keeps 6"


def _world(rules: Rules, room: Room, specs: tuple[Spec, ...], loaded: list[ProfileId]) -> World:
    """Those of `loaded` that had room were used one after another; all is at rest."""
    world = World(Scheduler, rules, specs, room)
    for name in loaded:
        world.ask(name)
        world.settle(crowded=False)
        world.now += 1
    return world


def _drain(world: World, name: ProfileId) -> None:
    """The switch goes its way; requests end only on those that would have to leave for it."""
    for _ in range(100):
        moving = [p for p in world.processes.values() if p.ending or p.state != "ready"]
        closed = [
            ticket
            for ticket, request in world.leased.items()
            if request.instance
            and isinstance(state := world.scheduler.live[request.instance].state, Serving)
            and state.closed_since is not None
        ]
        if moving:
            world.proceed(moving[0])
        elif closed:
            world.leave(closed[0])
        else:
            return
    raise AssertionError(f"the switch to {name} never ends")


def _sizeable(name: ProfileId) -> st.SearchStrategy[Spec]:
    """Few of these fit beside one another."""
    return st.builds(
        Spec,
        st.just(name),
        st.fixed_dictionaries({GPU: st.integers(2, 7), GPU2: st.sampled_from([0, 0, 2, 3])}),
        margin=st.fixed_dictionaries({GPU: st.sampled_from([0, 1])}),
        pin=st.sampled_from([False, False, False, False, True]),
        priority=st.integers(0, 2),
    )


def _some(names: list[ProfileId]) -> st.SearchStrategy[list[ProfileId]]:
    return st.lists(st.sampled_from(names), max_size=5)


@pytest.mark.long
@settings(
    max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    rules=policies,
    room=rooms,
    specs=st.tuples(*map(_sizeable, NAMES)) | st.tuples(*map(spec_of, NAMES)),
    loaded=_some(NAMES[1:]),
    busy=_some(NAMES[1:]),
    wanted=st.sampled_from([*NAMES, NAMES[0], NAMES[0], NAMES[0]]),
)
def test_just_those_leave_who_were_said_to(rules, room, specs, loaded, busy, wanted):
    world = _world(rules, room, specs, loaded)
    for name in busy:
        if world.scheduler.live_of(name):
            world.ask(name)
    outlook = world.scheduler.preview(wanted, world.now)
    assert outlook == world.scheduler.preview(wanted, world.now), "looking changes nothing"
    before = set(world.processes)
    ticket = world.ask(wanted, insist=True)
    assert bool(outlook.refused) == (ticket not in world.waiting and ticket not in world.leased)
    _drain(world, wanted)
    gone = before - set(world.processes)
    assert gone == {live.id for live in outlook.leavers}
    event(f"{len(gone)} leave, {len(busy)} busy, refused: {bool(outlook.refused)}")
