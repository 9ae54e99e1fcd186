"""Whatever the load: what keeps to its plan is verified, and nothing is found twice."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import (
    Buffer,
    DevicePlan,
    Placement,
    Plan,
)
from paddock.placement.verify import DOUBTS, FINDINGS, by_device
from paddock.placement.verify_causes import CAUSES
from paddock.placement.verify_load import Pace
from tests.placement.verified import before, codes, judged, load, plan

mib = st.floats(0, 200_000).map(lambda n: round(n, 2))
counts = st.none() | st.integers(0, 100)
names = st.sampled_from(["CUDA0", "CUDA1", "RPC0", "Host"])
kinds = st.sampled_from(["model", "context", "compute"])
buffers = st.lists(
    st.builds(Buffer, device=names, kind=kinds, mib=mib),
    min_size=1,
    unique_by=lambda buffer: (buffer.device, buffer.kind),
)
placements = st.builds(
    Placement,
    buffers=buffers,
    layers=st.just(100),
    layers_offloaded=counts,
    layers_overflowing=counts,
    graph_splits=counts,
    n_ctx=st.none() | st.integers(1, 200_000),
    free=st.dictionaries(names, st.integers(0, 200_000)),
)
paces = st.builds(
    Pace,
    generation=st.lists(st.floats(0.1, 1000)),
    throttled=st.frozensets(st.sampled_from(["thermal", "power", "hardware"])),
    pages_swapped_in=st.integers(0, 9),
    was_shared=st.booleans(),
    was_starved=st.booleans(),
)
speeds = st.none() | st.floats(0.1, 1000)


def planned(placed: Placement) -> Plan:
    """The plan that this placement keeps to."""
    devices = [
        DevicePlan(device=name, id=name, model=round(held), available=placed.free.get(name))
        for name, held in by_device(placed).items()
    ]
    if devices:
        devices[0].overflowing = placed.layers_overflowing or 0
    return plan(
        devices=devices,
        n_ctx=placed.n_ctx,
        layers_on_devices=placed.layers_offloaded,
        graph_splits=placed.graph_splits,
    )


@given(placements)
def test_a_load_equal_to_its_plan_and_to_its_last_is_verified(placed: Placement):
    found = judged(load(placed), planned(placed), last=before(placed))
    assert (found.state, found.reasons) == ("verified", [])


@given(placements, placements, placements, paces, speeds, speeds)
def test_nothing_is_found_twice_and_nothing_unheard_of(
    now: Placement,
    meant: Placement,
    last: Placement,
    pace: Pace,
    best: float | None,
    expected: float | None,
):
    found = judged(load(now), planned(meant), pace, before(last), best, expected)
    assert {*codes(found)} <= {*FINDINGS, *CAUSES, *DOUBTS}
    doubts = {*codes(found)} & {*DOUBTS}
    assert bool(doubts - {"machine-busy"}) == (found.placement == "unknown")
    assert ("machine-busy" in doubts) == (pace.was_starved and bool(pace.generation))
    said = Counter((reason.code, reason.message) for reason in found.reasons)
    assert max(said.values(), default=1) == 1
    alone = Counter(codes(found))
    assert all(n == 1 for code, n in alone.items() if code not in PER_DEVICE)
    assert (found.state == "degraded") == bool({*codes(found)} & {*FINDINGS})


PER_DEVICE = {"placement-differs", "foreign-memory", "shared-memory"}
