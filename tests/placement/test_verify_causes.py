"""What may be the cause of a load that is not as it should be: when it is reported, and of what."""

import pytest

from paddock.placement.verify_load import Pace
from tests.placement.verified import before, codes, judged, load, placement, plan


def test_causes_are_reported_only_where_something_is_wrong():
    """Less memory, another engine, heat: no matter while it lies and runs as it should."""
    found = judged(
        load(placement(free={"CUDA0": 1000}), foreign={"CUDA0": (9000, "vlc")}),
        plan(),
        Pace((40.0,), throttled=frozenset({"thermal", "power"}), pages_swapped_in=9, was_shared=True),
        last=before(engine_version="b1"),
        best=40.0,
    )  # fmt: skip
    assert (found.state, found.reasons) == ("verified", [])


@pytest.mark.parametrize(("free", "reported"), [(11244, True), (11245, False)])
def test_256_mib_of_missing_memory_are_worth_reporting(free: int, reported: bool):
    """11,500 MiB were planned for: what there is, less the driver's context."""
    found = judged(load(placement(layers_overflowing=11, free={"CUDA0": free})), plan())
    assert ("foreign-memory" in codes(found)) == reported


def test_the_more_that_was_ever_free_counts():
    placed = placement(layers_overflowing=11, free={"CUDA0": 11500})
    roomy = before(placement(free={"CUDA0": 14000}))
    found = judged(load(placed), plan(), last=roomy)
    assert (
        found.reasons[1].message
        == "CUDA0 had 2.4 GiB less free memory; no other program is known to hold any"
    )


def test_where_the_last_context_is_unknown_nothing_is_said_of_it():
    found = judged(load(placement(graph_splits=30)), last=before(placement(n_ctx=None)))
    assert codes(found) == ["more-splits"]


def test_of_two_devices_each_has_its_cause():
    placed = placement(layers_overflowing=14, free={"CUDA0": 9000, "CUDA1": 2000})
    last = before(placement(free={"CUDA0": 11500, "CUDA1": 4000}))
    assert codes(judged(load(placed), last=last)) == ["more-in-ram", "foreign-memory", "foreign-memory"]  # fmt: skip
