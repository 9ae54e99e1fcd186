"""Plans before a load, what was measured after it, and margins between the two."""

import hypothesis.strategies as st
from hypothesis import given

from paddock.core.model import HOST, DeviceId, InstanceId, ProfileId, Room, Rules, Spec
from paddock.core.scheduler import Scheduler
from tests.core.story import GPU, A, B, C, Story, asked, left, placed, ready, refused, spawn, stop
from tests.core.story import spec as spec_of
from tests.core.world import World

GPU2 = DeviceId("gpu1")


def test_what_took_less_than_planned_leaves_room_for_another():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, placed("a.1", 4))
    assert s(2, asked(1, "b")) == [spawn("b.2")]


def test_what_took_more_than_planned_makes_the_next_one_evict():
    s = Story(A, C)
    s.used(0, "a", "a.1")
    s(1, placed("a.1", 8))
    assert s(2, asked(1, "c")) == [stop("a.1")]


def test_a_measurement_lets_in_who_waits_for_the_room():
    s = Story(A, spec_of("b", 5))
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, asked(2, "b")) == []
    assert s(3, placed("a.1", 5)) == [spawn("b.2")]


def test_what_is_measured_while_it_loads_or_leaves_is_no_measurement():
    s = Story(A, B)
    s(0, asked(1, "a"))
    assert s(1, placed("a.1", 1)) == []
    assert s.scheduler.live[InstanceId("a.1")].demand == {GPU: 6}


def test_a_margin_is_free_when_the_load_begins_and_may_be_used_afterwards():
    s = Story(spec_of("a", 6, margin={GPU: 2}), spec_of("b", 3, margin={GPU: 1}))
    s(0, asked(1, "a"))
    s(0, ready("a.1"))
    s(0, placed("a.1", 6))
    assert s(1, asked(2, "b")) == [spawn("b.2")], "6, and 3 with its margin of 1, are 10"


def test_a_margin_that_is_not_there_evicts():
    s = Story(spec_of("a", 6), spec_of("b", 3, margin={GPU: 2}))
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "b")) == [stop("a.1")]


def test_who_may_spill_into_ram_is_stiff_only_where_its_owner_says_so():
    room = Room({GPU: 10, HOST: 8}, names={HOST: "RAM"})
    profile = ProfileId("big")
    bends = Spec(profile, {GPU: 12, HOST: 9})
    refuses = Spec(profile, {GPU: 12, HOST: 9}, stiff=frozenset({HOST}))
    assert Story(bends, room=room)(1, asked(1, "big")) == [spawn("big.1")]
    effects = Story(refuses, room=room)(1, asked(1, "big"))
    assert refused(effects) == {1: "cannot_fit"}
    assert "RAM: needs 9 MiB of 8" in effects[0].cause.message  # type: ignore[union-attr]


def test_two_who_only_share_ram_load_at_the_same_time():
    room = Room({GPU: 10, GPU2: 10, HOST: 8})
    one = Spec(ProfileId("a"), {GPU: 9, HOST: 2})
    other = Spec(ProfileId("b"), {GPU2: 9, HOST: 2})
    s = Story(one, other, room=room)
    assert s(0, asked(1, "a")) == [spawn("a.1")]
    assert s(0, asked(2, "b")) == [spawn("b.2")]


mib = st.integers(0, 12)
ledgers = st.fixed_dictionaries({GPU: st.integers(4, 24), GPU2: st.integers(4, 24)})


@st.composite
def pairs_that_fit(draw):
    """Two profiles and a room that holds both, each with its margin."""
    capacity = draw(ledgers)
    first = {d: draw(st.integers(0, room)) for d, room in capacity.items()}
    margin = {d: draw(st.integers(0, room - first[d])) for d, room in capacity.items()}
    second = {d: draw(st.integers(0, room - first[d] - margin[d])) for d, room in capacity.items()}
    return capacity, first, second, margin


@given(pairs_that_fit(), st.lists(st.sampled_from("ab"), min_size=2, max_size=30))
def test_traffic_that_fits_together_causes_exactly_one_load_each(pair, wishes):
    capacity, first, second, margin = pair
    specs = [
        Spec(ProfileId("a"), first, margin, stiff=frozenset(first)),
        Spec(ProfileId("b"), second, margin, stiff=frozenset(second)),
    ]
    world = World(Scheduler, Rules(), specs, Room(capacity))
    for wish in wishes:
        world.ask(ProfileId(wish))
        world.settle(crowded=False)
    assert world.spawns == len(set(wishes))


def test_a_request_served_leaves_the_measured_room_as_it_is():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, placed("a.1", 4))
    s(2, asked(1, "a"))
    s(3, left(1))
    assert s.scheduler.live[InstanceId("a.1")].demand == {GPU: 4}
