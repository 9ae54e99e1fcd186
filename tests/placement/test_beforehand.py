"""What may be started while others still hold the memory that it will take."""

import pytest

from paddock.core.model import HOST, DeviceId
from paddock.placement.beforehand import hindrance
from paddock.placement.devices import Reading
from paddock.placement.replayable import Replay
from tests.placement.ground import written

REPLAY = Replay(flags=["--fit", "off"])
FREE = 2_000


def having(*gpus: int | None, ram: int = 8_000) -> dict[DeviceId, Reading]:
    """GPUs with so many MiB free."""
    host = Reading(HOST, "RAM", 16_000, ram)
    found = [Reading(DeviceId(f"0000:0{i}"), f"CUDA{i}", 24_000, g) for i, g in enumerate(gpus)]
    return {reading.id: reading for reading in (host, *found)}


def test_without_a_gpu_nothing_depends_on_what_is_free():
    assert hindrance(written(), None, having()) == ""


def test_fit_has_to_see_the_memory_that_there_will_be():
    assert hindrance(written(), None, having(FREE)) == "fit reads what is free when it starts"
    assert hindrance(written(), REPLAY, having(FREE)) == ""
    assert hindrance(written("--fit off"), None, having(FREE)) == ""


def test_a_split_that_nobody_gave_depends_on_it_too():
    split = "llama.cpp splits by what is free when it starts"
    assert hindrance(written("--fit off"), None, having(FREE, FREE)) == split
    assert hindrance(written("--fit off", "--tensor-split 3,1"), None, having(FREE, FREE)) == ""
    assert hindrance(written(), REPLAY, having(FREE, FREE)) == ""


@pytest.mark.parametrize("free", [700, None])
def test_every_gpu_needs_room_for_one_more_context(free: int | None):
    why = "CUDA1 has no room for another driver's context"
    assert hindrance(written(), REPLAY, having(FREE, free)) == why


def test_ram_that_is_short_is_left_alone():
    assert hindrance(written(), REPLAY, having(FREE, ram=500)) == "RAM is short"


def test_an_rpc_server_is_not_asked_by_two():
    why = "an RPC server answers one client at a time"
    assert hindrance(written("--rpc localhost:50052"), REPLAY, having(FREE)) == why
