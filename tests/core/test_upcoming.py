"""Who is loaded next is known while others still leave for it, and that is what comes then."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from paddock.core.books import Want
from paddock.core.effects import Spawn
from paddock.core.events import ClosingDown, Yielded
from paddock.core.model import Cause, InstanceId, ProfileId, Room, Rules, Spec
from paddock.core.scheduler import Scheduler
from paddock.core.upcoming import Upcoming
from tests.core.story import (
    A,
    B,
    C,
    Story,
    adopted,
    asked,
    cancel,
    configured,
    examined,
    exited,
    freed,
    left,
    ready,
    spawn,
    spec,
    stop,
    unload,
)
from tests.core.test_properties import NAMES, policies, rooms, spec_of
from tests.core.world import World


def coming(instance: str, *leavers: str, fingerprint: str = "") -> Upcoming:
    return Upcoming(
        InstanceId(instance),
        ProfileId(instance.split(".")[0]),
        fingerprint,
        frozenset(map(InstanceId, leavers)),
    )


def busy() -> Story:
    """`a` serves ticket 1 and is full of it."""
    s = Story(A, B, C)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    return s


def test_from_the_order_to_leave_until_the_load():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    assert s.scheduler.upcoming is None
    assert stop("a.1") in s(9, asked(2, "b"))
    assert s.scheduler.upcoming == coming("b.2", "a.1")
    s(10, exited("a.1"))
    assert s.scheduler.upcoming == coming("b.2", "a.1")
    assert s(11, freed("a.1")) == [spawn("b.2")]
    assert s.scheduler.upcoming is None


def test_from_the_last_request_that_is_let_in():
    s = busy()
    s(2, asked(2, "b"))
    assert s.scheduler.upcoming is None, "others may still overtake it"
    s(3, asked(3, "b", insist=True))
    assert s.scheduler.upcoming == coming("b.2", "a.1")


def test_who_waits_no_more_does_not_come():
    s = busy()
    s(2, asked(2, "b", insist=True))
    s(3, left(2))
    assert s.scheduler.upcoming is None
    s(4, asked(3, "b", insist=True))
    s(5, cancel("b"))
    assert s.scheduler.upcoming is None


def test_what_fits_beside_the_others_waits_for_nobody():
    s = busy()
    assert s(2, asked(2, "c", insist=True)) == [spawn("c.2")]
    assert s.scheduler.upcoming is None


def test_a_load_that_waits_for_another_one_is_not_begun_beside_it():
    s = Story(A, B, C)
    s.used(0, "a", "a.1")
    s(1, asked(2, "c"))
    s(2, unload("a"))
    s(3, asked(3, "b", insist=True))
    assert s.scheduler.upcoming is None


def test_what_is_known_to_fail_does_not_come_unless_it_is_forced():
    s = busy()
    s(2, examined("b", Cause("unloadable", "broken")))
    s(3, asked(2, "b", insist=True, force=True))
    assert s.scheduler.upcoming == coming("b.2", "a.1")


def test_a_changed_version_comes_in_its_place():
    s = busy()
    s(2, asked(2, "b", insist=True))
    s(3, configured(A, spec("b", fingerprint="new"), C))
    assert s.scheduler.upcoming == coming("b.2", "a.1", fingerprint="new")


def test_a_daemon_that_ends_begins_nothing():
    s = busy()
    s(2, asked(2, "b", insist=True))
    s(3, ClosingDown(keep=True))
    assert s.scheduler.upcoming is None


def test_nothing_is_begun_for_gpus_that_are_yielded():
    s = busy()
    s(2, asked(2, "b", insist=True))
    assert s.scheduler.upcoming is not None
    s(3, Yielded())
    assert s.scheduler.upcoming is None


def test_a_renewed_one_comes_while_its_old_process_ends():
    s = Story(A)
    s(0, adopted("a.7", "old"))
    assert stop("a.7", "outdated") in s(1, asked(1, "a", insist=True))
    assert s.scheduler.upcoming == coming("a.1", "a.7")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    policies,
    rooms,
    st.tuples(*map(spec_of, NAMES)),
    st.lists(st.tuples(st.sampled_from(NAMES), st.booleans(), st.integers(0, 8)), max_size=12),
)
def test_what_comes_is_what_was_foreseen_unless_something_else_happened(
    rules: Rules, room: Room, specs: tuple[Spec, ...], asks: list[tuple[ProfileId, bool, int]]
):
    """Left to itself, a world spawns what was upcoming, in that version, under that name."""
    foreseen: list[Upcoming] = []
    spawned: list[Spawn] = []

    class Watching(World):
        def _perform(self, effect, event, staying):
            if isinstance(effect, Spawn):
                spawned.append(effect)
            super()._perform(effect, event, staying)

    world = Watching(Scheduler, rules, specs, room)
    for name, insist, steps in asks:
        world.ask(name, insist=insist)
        for _ in range(steps):
            before, count = world.scheduler.upcoming, len(spawned)
            wants = world.scheduler._books.wants(world.now)
            if not world.step():
                break
            if before and len(spawned) > count and _goes_first(world, before, wants):
                foreseen.append(before)
                first = spawned[count]
                assert (first.instance, first.fingerprint) == (before.instance, before.fingerprint)
            _sound(world)


def _goes_first(world: World, before: Upcoming, wants: list[Want]) -> bool:
    """Whether nobody else who waited has become overdue meanwhile."""
    first = min(wants, key=lambda want: world.scheduler._books._rank(want, world.now))
    return first.profile == before.profile


def _sound(world: World) -> None:
    """Only who waits, is not there, and takes the room of those who leave comes next."""
    upcoming = world.scheduler.upcoming
    if upcoming is None:
        return
    staying = [p for p in world.processes.values() if p.instance not in upcoming.leavers]
    assert upcoming.leavers <= world.processes.keys()
    assert all(p.profile != upcoming.profile for p in staying)
    assert world._has_room(world.need(upcoming.profile), [p.demand for p in staying])
