"""What fits and who must leave, for any devices, any demands and any pins."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from paddock.core.eviction import Resident, leavers
from paddock.core.model import HOST, POOL, Demand, DeviceId, InstanceId, ProfileId, Room, Spec
from paddock.core.room import arithmetic, fits, need, shares_device, shortage

GPU, GPU2 = DeviceId("gpu0"), DeviceId("gpu1")
TEN = Room({GPU: 10})

demands = st.dictionaries(st.sampled_from([GPU, GPU2, HOST]), st.integers(0, 12))
capacities = st.dictionaries(st.sampled_from([GPU, GPU2]), st.integers(0, 20))
limits = st.sampled_from([0, 1, 2, 3])
rooms_apart = st.builds(
    Room, capacities, limits, exclusive=st.sampled_from([frozenset(), frozenset({GPU2})])
)
rooms_in_ram = st.builds(  # what the GPU reaches may be less than the pool, or unknown
    lambda host, aside, reach, limit: Room(
        {HOST: host, POOL: host + aside} | ({} if reach is None else {GPU: reach}),
        limit,
        in_ram=frozenset({GPU}),
    ),
    st.integers(0, 20),
    st.integers(0, 5),
    st.none() | st.integers(0, 25),
    limits,
)
rooms = rooms_apart | rooms_in_ram
residents = st.lists(
    st.builds(
        Resident,
        st.uuids().map(lambda uuid: InstanceId(str(uuid))),
        demands,
        busy=st.booleans(),
        outdated=st.booleans(),
        priority=st.integers(-1, 1),
        kept=st.booleans(),
        cost=st.floats(0, 60),
        last_used=st.floats(0, 100),
    ),
    max_size=5,
)


def resident(name: str, mib: int = 4, **rest: bool | float) -> Resident:
    facts: dict[str, Any] = {"busy": False, "outdated": False, "priority": 0, "kept": False}
    return Resident(
        InstanceId(name), {GPU: mib}, **(facts | {"cost": 10.0, "last_used": 0.0} | rest)
    )


def names(chosen: tuple[Resident, ...] | None) -> list[str]:
    assert chosen is not None
    return [resident.instance for resident in chosen]


def others(candidates: list[Resident], chosen: tuple[Resident, ...]) -> list[Demand]:
    return [c.demand for c in candidates if c not in chosen]


# ---- who must leave ----


@given(demands, residents, st.lists(demands, max_size=3), rooms)
def test_when_they_have_left_there_is_room(wanted, candidates, staying, room):
    chosen = leavers(wanted, candidates, staying, room)
    if chosen is not None:
        assert fits(wanted, [*staying, *others(candidates, chosen)], room)


@given(demands, residents, st.lists(demands, max_size=3), rooms)
def test_none_leaves_who_could_stay(wanted, candidates, staying, room):
    for spared in (chosen := leavers(wanted, candidates, staying, room) or ()):
        fewer = tuple(c for c in chosen if c is not spared)
        assert not fits(wanted, [*staying, *others(candidates, fewer)], room)


@given(demands, residents, st.lists(demands, max_size=3), rooms)
def test_there_is_no_answer_exactly_when_not_even_all_would_do(wanted, candidates, staying, room):
    chosen = leavers(wanted, candidates, staying, room)
    assert (chosen is None) == (not fits(wanted, staying, room))


@given(demands, residents, st.lists(demands, max_size=3), rooms)
def test_the_busy_leave_only_where_the_idle_are_not_enough(wanted, candidates, staying, room):
    chosen = leavers(wanted, candidates, staying, room)
    busy = [c.demand for c in candidates if c.busy]
    if chosen and fits(wanted, [*staying, *busy], room):
        assert not any(c.busy for c in chosen)


def test_who_leaves_first():
    """Idle, gone from models.conf, low priority, not kept, cheap, long unused: in this order."""
    ranks = [
        resident("long unused", last_used=1.0),
        resident("used", last_used=2.0),
        resident("dear", cost=20.0),
        resident("kept", kept=True, cost=1.0),
        resident("high", priority=1, cost=1.0),
        resident("busy", busy=True, priority=-1, cost=1.0),
        resident("busy and dear", busy=True, cost=99.0),
    ]
    ranks.insert(0, resident("outdated", outdated=True, priority=9, cost=99.0))
    for first, second in combinations(ranks, 2):
        assert names(leavers({GPU: 2}, [second, first], [], TEN)) == []
        assert names(leavers({GPU: 6}, [second, first], [], TEN)) == [first.instance]


def test_the_cost_counts_by_what_it_frees():
    small, large = resident("small", 2, cost=10.0), resident("large", 8, cost=20.0)
    assert names(leavers({GPU: 8}, [small, large], [], TEN)) == ["large"]


def test_what_it_frees_beyond_what_lacks_does_not_count():
    small, large = resident("small", 2, cost=10.0), resident("large", 8, cost=20.0)
    assert names(leavers({GPU: 2}, [small, large], [], TEN)) == ["small"]


@given(demands, st.lists(demands, max_size=4), rooms)
def test_something_lacks_exactly_where_it_does_not_fit(wanted, beside, room):
    short = shortage(wanted, beside, room)
    assert bool(short.mib or short.instances) == (not fits(wanted, beside, room))
    assert all(lack > 0 for lack in short.mib.values())
    assert all(0 <= short.share(demand) <= 1 for demand in beside)


def test_who_frees_nothing_where_it_matters_stays():
    far = Resident(InstanceId("far"), {GPU2: 4}, False, False, 0, False, 0.1, 0.0)
    near = resident("near", 8)
    assert names(leavers({GPU: 4}, [far, near], [], TEN)) == ["near"]


# ---- what fits ----


@given(demands, st.lists(demands, max_size=3), rooms_apart)
def test_fitting_is_keeping_every_sum_within_the_device(wanted, beside, room):
    crowded = room.max_instances and len(beside) >= room.max_instances
    crowded = crowded or any(wanted.get(d) and b.get(d) for b in beside for d in room.exclusive)
    sums = {d: mib + sum(b.get(d, 0) for b in beside) for d, mib in wanted.items() if mib}
    within = all(total <= room.capacity.get(d, total) for d, total in sums.items())
    assert fits(wanted, beside, room) == (within and not crowded)


@given(demands, st.lists(demands, max_size=3), demands, rooms)
def test_what_fits_beside_many_fits_beside_fewer(wanted, beside, another, room):
    if fits(wanted, [*beside, another], room):
        assert fits(wanted, beside, room)


@given(demands, rooms)
def test_an_elastic_profile_fits_alone_and_a_stiff_one_is_taken_at_its_word(demand, room):
    elastic = Spec(ProfileId("a"), demand)
    stiff = Spec(ProfileId("a"), demand, stiff=frozenset(demand))
    assert fits(need(elastic, room), [], room)
    assert need(stiff, room) == demand


def test_a_full_device_that_is_not_wanted_does_not_matter():
    assert fits({GPU: 0, GPU2: 5}, [{GPU: 99}], Room({GPU: 10, GPU2: 5}))


@given(demands, demands, rooms)
def test_sharing_a_device_is_mutual(one, other, room):
    common = {d for d in one if one[d] and other.get(d)}
    assert shares_device(one, other, room) == shares_device(other, one, room)
    assert shares_device(one, other, room) or common <= {HOST}


@given(demands, demands, rooms_in_ram)
def test_what_loads_into_a_gpu_in_ram_shares_it_with_whatever_goes_into_ram(one, other, room):
    pool = {GPU, HOST}
    takes_gpu = one.get(GPU) or other.get(GPU)
    takes_pool = [any(demand.get(device) for device in pool) for demand in (one, other)]
    if takes_gpu and all(takes_pool):
        assert shares_device(one, other, room)


def test_loads_share_the_hosts_memory_but_come_one_at_a_time_where_they_go_nowhere_else():
    spills, on_the_gpu, only_there = {GPU: 5, HOST: 2}, {GPU2: 5, HOST: 1}, {HOST: 4, GPU: 0}
    assert not shares_device(spills, on_the_gpu, TEN)
    assert not shares_device(spills, only_there, TEN)
    assert shares_device(only_there, {HOST: 1}, TEN)


@given(demands, demands, rooms)
def test_a_margin_is_wanted_beside_the_demand_and_only_where_there_is_one(demand, margin, room):
    spec = Spec(ProfileId("a"), demand, margin, stiff=frozenset(demand))
    assert need(spec, room) == {d: m + margin.get(d, 0) if m else 0 for d, m in demand.items()}
    assert fits(need(Spec(ProfileId("a"), demand, margin), room), [], room)


def test_a_device_that_people_know_by_a_name_is_called_so():
    room = Room({GPU: 10}, names={GPU: "CUDA0"})
    assert arithmetic({GPU: 11}, [], room) == "CUDA0: needs 11 MiB of 10"


# ---- why it does not fit ----


@given(demands, st.lists(demands, max_size=3), rooms)
def test_there_is_always_a_reason_for_what_does_not_fit(wanted, staying, room):
    rows = [(InstanceId(f"x.{n}"), demand) for n, demand in enumerate(staying)]
    if not fits(wanted, staying, room):
        assert arithmetic(wanted, rows, room)


def test_the_reason_names_each_device_and_who_keeps_it():
    rows = [(InstanceId("a.1"), {GPU: 6}), (InstanceId("b.2"), {GPU2: 1, GPU: 0})]
    words = arithmetic({GPU: 5, GPU2: 8, HOST: 99}, rows, Room({GPU: 10, GPU2: 8}))
    assert words == ("gpu0: needs 5 MiB of 10, a.1 keeps 6; gpu1: needs 8 MiB of 8, b.2 keeps 1")


def test_the_reason_does_not_blame_a_device_that_is_not_wanted():
    rows = [(InstanceId("a.1"), {GPU: 12})]
    words = arithmetic({GPU: 0, GPU2: 9}, rows, Room({GPU: 10, GPU2: 8}))
    assert words == "gpu1: needs 9 MiB of 8"


def test_the_reason_counts_instances_where_their_number_is_the_limit():
    rows = [(InstanceId("a.1"), {GPU: 1})]
    words = arithmetic({GPU: 1}, rows, Room({GPU: 10}, max_instances=1))
    assert words == "1 of at most 1 instances are pinned"


def test_a_device_that_serves_one_at_a_time_is_not_shared_however_much_is_free():
    room = Room({GPU: 10}, exclusive=frozenset({GPU}), names={GPU: "RPC0"})
    assert fits({GPU: 1}, [{GPU2: 9}], room)
    assert not fits({GPU: 1}, [{GPU: 1}], room)
    words = arithmetic({GPU: 1}, [(InstanceId("a.1"), {GPU: 1})], room)
    assert words == "RPC0: serves one instance at a time, a.1 keeps it"


# ---- a GPU in RAM ----

APU = DeviceId("0000:c5:00.0")
SHARED = Room({HOST: 12_000, POOL: 12_500}, in_ram=frozenset({APU}), names={POOL: "RAM with APU"})


def asks(*, stiff: bool = False, **demand: int) -> Spec:
    ids = {"apu": APU, "host": HOST}
    return Spec(
        ProfileId("a"),
        demand={ids[name]: mib for name, mib in demand.items()},
        stiff=frozenset({APU}) if stiff else frozenset(),
    )


def test_a_gpu_in_ram_and_the_host_are_booked_once():
    model = {APU: 4000, HOST: 2000}
    assert fits(model, [model], SHARED), "together 12,000 of 12,500"
    assert not fits(model, [{APU: 4000, HOST: 2600}], SHARED)
    assert not fits({APU: 600}, [{HOST: 12_000}], SHARED), "the host's part lies there, too"
    assert not fits({HOST: 9000}, [{APU: 4000}], SHARED)


def test_what_was_set_aside_for_a_gpu_is_not_the_hosts():
    much = Room(capacity={HOST: 30_000, POOL: 126_000}, in_ram=frozenset({APU}))
    assert fits({APU: 90_000, HOST: 2000}, [], much)
    assert not fits({HOST: 31_000}, [], much)


def test_a_stiff_profile_on_a_gpu_in_ram_is_refused_only_where_all_is_too_small():
    assert fits(need(asks(stiff=True, apu=8000, host=500), SHARED), [], SHARED)
    assert not fits(need(asks(stiff=True, apu=13_000, host=500), SHARED), [], SHARED)


@given(st.integers(0, 40_000), st.integers(0, 40_000))
def test_an_elastic_profile_fits_a_gpu_in_ram_alone(apu: int, host: int):
    assert fits(need(asks(apu=apu, host=host), SHARED), [], SHARED)


@pytest.mark.parametrize("device", [APU, HOST])
def test_of_two_in_ram_the_quicker_to_load_leaves(device: DeviceId):
    """Also where neither the wanted GPU nor the host alone is full, but both together are."""
    held = {device: 5000}
    quick = replace(resident("quick", cost=1.0, last_used=9.0), demand=held)
    slow = replace(resident("slow", cost=100.0), demand=held)
    for wanted in ({APU: 3000}, {APU: 2800, HOST: 200}, {HOST: 2600}):
        assert names(leavers(wanted, [slow, quick], [], SHARED)) == ["quick"]


def test_the_reason_counts_all_that_lies_in_ram():
    words = arithmetic({APU: 8000, HOST: 1000}, [(InstanceId("b.1"), {APU: 4000})], SHARED)
    assert words == "RAM with APU: needs 9000 MiB of 12500, b.1 keeps 4000"


def test_a_gpu_in_ram_has_no_more_than_it_reaches_however_much_ram_is_free():
    room = replace(SHARED, capacity={**SHARED.capacity, APU: 6000})
    assert fits({APU: 3000}, [{APU: 3000}], room)
    assert not fits({APU: 3001}, [{APU: 3000}], room)
    assert fits({HOST: 6000}, [{APU: 6000}], room), "what it does not reach is the host's"
    assert need(asks(apu=9000), room) == {APU: 6000}


@given(demands, st.lists(demands, max_size=4), rooms_in_ram)
def test_no_mib_of_ram_is_booked_twice(wanted, beside, room):
    """Whoever fits together takes no more than there is: of the GPU, of the host, and of both."""
    if not fits(wanted, beside, room):
        return
    all_of_it = [wanted, *beside]
    for devices, limit in (({GPU}, GPU), ({HOST}, HOST), ({GPU, HOST}, POOL)):
        if limit in room.capacity and any(wanted.get(device) for device in devices):
            taken = sum(demand.get(device, 0) for demand in all_of_it for device in devices)
            assert taken <= room.capacity[limit]


@given(st.integers(0, 25), st.integers(0, 25), rooms_in_ram)
def test_what_the_pool_has_is_never_refused_for_ever(gpu, host, room):
    """Alone, who must have all of it fits exactly where the GPU, the host and both have enough."""
    spec = Spec(ProfileId("a"), {GPU: gpu, HOST: host}, stiff=frozenset({GPU, HOST}))
    has_room = (
        gpu <= room.capacity.get(GPU, gpu)
        and host <= room.capacity[HOST]
        and gpu + host <= room.capacity[POOL]
    )
    assert fits(need(spec, room), [], room) == has_room


def test_two_gpus_in_ram_and_the_host_share_one_pool():
    both = replace(SHARED, in_ram=frozenset({APU, GPU}))
    assert fits({APU: 4000}, [{GPU: 4000}, {HOST: 4500}], both)
    assert not fits({APU: 4000}, [{GPU: 4000}, {HOST: 4501}], both)
    assert sum(need(Spec(ProfileId("a"), {APU: 9000, GPU: 9000}), both).values()) <= 12_500
