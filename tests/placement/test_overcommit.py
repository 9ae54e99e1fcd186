"""What was placed on a GPU, against what it could have. The numbers of the first are an H200's, with 4 GiB left."""

from dataclasses import replace

import pytest

from paddock.api.placement import Buffer, Placement
from paddock.core.model import DeviceId
from paddock.placement.devices import Reading, Taker
from paddock.placement.overcommit import overcommitted

HOG = Taker("python3", 138_674)
FULL = Reading(DeviceId("a"), "CUDA0", 143_771, 3, 586, takers=(HOG,))
PLACED = Placement(
    buffers=[
        Buffer(device="CUDA0", kind="model", mib=8075.0),
        Buffer(device="CUDA0", kind="context", mib=1024.0),
        Buffer(device="CUDA0", kind="compute", mib=124.0),
        Buffer(device="Host", kind="model", mib=1002.0),
    ]
)


def test_what_has_no_room_beside_other_programs_lies_in_ram():
    assert overcommitted(PLACED, {"CUDA0": FULL}, {}) == (
        "9.0 GiB were placed on CUDA0, which had 5.0 GiB: the rest is fetched from RAM for each token"
    )


@pytest.mark.parametrize("ours", [0, 134_000, 134_549, 135_000])
def test_what_others_of_ours_hold_is_not_there_either(ours: int):
    free = replace(FULL, takers=())
    assert bool(overcommitted(PLACED, {"CUDA0": free}, {"CUDA0": ours})) is (ours > 134_804)


@pytest.mark.parametrize(
    "reading",
    [
        replace(FULL, takers=()),
        replace(FULL, is_in_ram=True),
        replace(FULL, is_reported=True),
        replace(FULL, total_mib=None),
        replace(FULL, takers=(Taker("python3", None),)),
    ],
)
def test_nothing_is_said_where_it_has_room_or_nobody_knows(reading: Reading):
    assert not overcommitted(PLACED, {"CUDA0": reading}, {})


def test_a_card_behind_two_backends_has_one_memory():
    """Each holds less than it had; both together do not."""
    half = Buffer(device="CUDA0", kind="model", mib=3_000.0)
    both = Placement(buffers=[half, Buffer(device="Vulkan0", kind="model", mib=3_000.0)])
    readings = {"CUDA0": FULL, "Vulkan0": replace(FULL)}
    assert overcommitted(both, readings, {"CUDA0": 0, "Vulkan0": 0}).startswith(
        "5.9 GiB were placed on CUDA0 and Vulkan0, which had 5.0 GiB"
    )
    roomy = replace(FULL, takers=(Taker("python3", 130_000),))
    held = {"CUDA0": 7_000, "Vulkan0": 7_000}  # of others of ours, who hold that once
    assert not overcommitted(both, dict.fromkeys(readings, roomy), held)
    apart = {"CUDA0": FULL, "Vulkan0": replace(FULL, id=DeviceId("b"))}
    assert not overcommitted(both, apart, {})
