"""Which profiles fit together, and which pairs a page holds."""

from itertools import combinations, islice

from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import DevicePlan, Plan
from paddock.placement.pairs import count, pair, pairs, places

_MIB = st.integers(0, 30_000)


@st.composite
def plans(draw):
    """Of up to eight profiles on GPUs that they share or do not, an RPC server among them."""
    ids = ("CUDA0", "CUDA1", "RPC0[far:50052]", "host")
    found = []
    for number in range(draw(st.integers(0, 8))):
        used = draw(st.lists(st.sampled_from(ids), unique=True))
        devices = [
            DevicePlan(
                device=id_,
                id=id_,
                model=draw(_MIB),
                overhead=draw(st.integers(0, 600)),
                margin=draw(st.sampled_from([0, 512, 1024])),
                available=draw(st.none() | _MIB),
            )
            for id_ in used
        ]
        found.append(Plan(profile=f"p{number}", source="engine", fits=True, devices=devices))
    return found


@given(plans())
def test_two_fit_together_where_every_device_has_room_for_both_and_the_larger_margin(found):
    for listed, (one, other) in zip(pairs(found), combinations(found, 2), strict=True):
        assert (listed.one, listed.other) == (one.profile, other.profile)
        assert listed.fits == (not listed.why) == _fit(one, other)


def _fit(one: Plan, other: Plan) -> bool:
    """The sum anew, device by device."""
    for device in one.devices:
        twin = other.device(device.device)
        if twin is None or not (device.total and twin.total) or device.available is None:
            continue
        margin = max(device.margin, twin.margin)
        is_shared_server = device.id.startswith("RPC")
        if is_shared_server or device.total + twin.total + margin > device.available:
            return False
    return True


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
