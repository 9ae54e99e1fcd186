"""Which profiles fit together, and which pairs a page holds."""

from itertools import combinations, islice

from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import DevicePlan, Plan
from paddock.placement.pairs import count, pair, pairs, places

_MIB = st.integers(0, 30_000)


@st.composite
def plans(draw):
    """Of up to eight profiles on GPUs that they share or do not, an RPC server and a GPU in RAM among them.

    A card may be seen through two backends.
    """
    names = {"CUDA0": "card", "Vulkan0": "card", "CUDA1": "other", "Vulkan1": "apu", "Host": "host"}
    names["RPC0"] = "RPC0[far:50052]"
    there = {id_: draw(st.none() | _MIB) for id_ in sorted(set(names.values()))}
    aside = draw(st.none() | st.integers(0, 2000))
    found = []
    for number in range(draw(st.integers(0, 8))):
        used = draw(st.lists(st.sampled_from(sorted(names)), unique=True))
        devices = [
            DevicePlan(
                device=name,
                id=names[name],
                model=draw(_MIB),
                overhead=draw(st.integers(0, 600)),
                margin=draw(st.sampled_from([0, 512, 1024])) if name != "Host" else 0,
                available=there[names[name]],
                in_ram=names[name] == "apu",
                set_aside=aside if names[name] == "apu" else None,
            )
            for name in used
        ]
        found.append(Plan(profile=f"p{number}", source="engine", fits=True, devices=devices))
    return found


@given(plans())
def test_two_fit_together_where_every_memory_has_room_for_both_and_the_larger_margin(found):
    for listed, (one, other) in zip(pairs(found), combinations(found, 2), strict=True):
        assert (listed.one, listed.other) == (one.profile, other.profile)
        assert listed.fits == (not listed.why) == _fit(one, other)


def _fit(one: Plan, other: Plan) -> bool:
    """The sum anew: of every card, of RAM, and of RAM with the GPU that lies there."""
    both = [*one.devices, *other.devices]
    there = {d.id: d.available for d in both}
    host = there.get("host")
    if any(_held(plan, "apu") for plan in (one, other)) and host is not None:
        there["pool"] = host + next((d.set_aside or 0 for d in both if d.in_ram), 0)
    for memory, available in there.items():
        ids = ("apu", "host") if memory == "pool" else (memory,)
        held = [_held(plan, *ids) for plan in (one, other)]
        if not all(held) or available is None:
            continue
        margin = max(d.margin for d in both if d.id in ids and (d.total or memory != "pool"))
        if memory.startswith("RPC") or sum(held) + margin > available:
            return False
    return True


def _held(plan: Plan, *ids: str) -> int:
    return sum(device.total for device in plan.devices if device.id in ids)


def test_two_on_a_made_up_gpu_in_ram_fit_together_only_where_ram_has_both():
    """Its own figure, what the engine sees of RAM, would give the same RAM away twice."""

    def apu_plan(name: str, apu: int, host: int) -> Plan:
        gpu = DevicePlan(device="Vulkan0", id="apu", model=apu, available=15_800, in_ram=True, set_aside=460)  # fmt: skip
        ram = DevicePlan(device="Host", id="host", model=host, available=12_000)
        return Plan(profile=name, source="engine", fits=True, devices=[gpu, ram])

    assert pair(apu_plan("a", 5000, 300), apu_plan("b", 5000, 300)).fits
    clash = pair(apu_plan("a", 6000, 300), apu_plan("b", 6000, 300))
    assert clash.why == "RAM with Vulkan0: 6.2 GiB and 6.2 GiB, of 12.2 GiB"
    only_host = Plan(profile="c", source="engine", fits=True, devices=[DevicePlan(device="Host", id="host", model=7000, available=12_000)])  # fmt: skip
    assert not pair(only_host, apu_plan("b", 6000, 300)).fits


@given(st.integers(0, 40), st.integers(0, 900), st.integers(0, 100))
def test_a_page_holds_the_pairs_that_all_of_them_in_a_row_would_have_there(n, offset, limit):
    wanted = islice(combinations(range(n), 2), offset, offset + limit)
    assert list(places(n, offset, limit)) == list(wanted)
    assert count(n) == len(list(combinations(range(n), 2)))


@given(plans(), st.integers(1, 9))
def test_all_pages_together_are_all_pairs(found, limit):
    listed = [
        pair(found[row], found[column])
        for offset in range(0, count(len(found)) + limit, limit)
        for row, column in places(len(found), offset, limit)
    ]
    assert listed == pairs(found)


def test_of_thousands_of_profiles_the_last_page_is_found_too():
    assert list(places(3000, count(3000) - 2, 10)) == [(2997, 2999), (2998, 2999)]
