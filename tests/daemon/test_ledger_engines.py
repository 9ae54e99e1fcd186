"""What the ledger knows because an engine reported it: names, devices that no driver reads, what loads saw."""

import pytest

from paddock.api.placement import Buffer, DevicePlan, Placement
from paddock.core.model import HOST
from paddock.daemon.instances.registry import Booked
from paddock.host.gpus import GpuProcess
from paddock.llama.fit import FitDevice
from tests.daemon.ledgers import ALPHA, FAR, FIRST, NOTHING, SECOND, gpu, holding, ledger, plan


def test_engines_names_are_peoples_names():
    books = ledger(gpu(0, 20000), gpu(1, 10000))
    books.learn(plan(DevicePlan(device="CUDA0", id=SECOND), DevicePlan(device="Host", id=HOST)))
    assert books.read(NOTHING).names == {FIRST: "GPU0", SECOND: "CUDA0", HOST: "Host"}


def test_a_device_that_only_an_engine_sees_is_as_it_was_reported():
    books = ledger(gpu(0, 20000))
    books.learn(plan(DevicePlan(device="RPC0", id=FAR, available=16000, size=16384)))
    room = books.read({ALPHA: holding(7, far=5000)})
    assert (room.capacity[FAR], room.names[FAR]) == (16000, "RPC0")
    assert room.exclusive == {FAR}
    reading = books.readings[FAR]
    assert (reading.free_mib, reading.ours_mib, reading.total_mib) == (11000, 5000, 16384)
    assert reading.foreign_mib == 384
    assert books.device_set.endswith(f"; {FAR}")


def test_a_made_up_card_without_a_driver_has_what_its_engine_reported_and_others_use_is_unknown():
    books = ledger()
    books.learn(plan(DevicePlan(device="Vulkan0", id=FIRST, available=15000, size=16384)))
    room = books.read({ALPHA: holding(7, first=5000)})
    assert (room.capacity[FIRST], room.names[FIRST], room.exclusive) == (
        15000,
        "Vulkan0",
        frozenset(),
    )
    reading = books.readings[FIRST]
    assert (reading.free_mib, reading.ours_mib, reading.foreign_mib) == (10000, 5000, None)
    assert [
        info.booked_mib
        for info in books.devices({ALPHA: holding(7, first=5000)})
        if info.id == FIRST
    ] == [{ALPHA: 5000}]


@pytest.mark.parametrize(
    ("free", "beside", "capacity"),
    [
        (9_000, {}, 9_000),
        (4_000, {}, 5_000),  # less is no news: or who is refused for it would be so for ever
        (5_064, {}, 5_000),
        (90_000, {}, 16_384),
        # Of 4,300 MiB that are booked 300 are reckoned, and may be no memory at all.
        (5_000, {ALPHA: holding(7, first=4_300)}, 9_000),
    ],
)
def test_a_made_up_card_without_a_driver_has_what_a_load_saw_of_it(
    free: int, beside: Booked, capacity: int
):
    books = ledger()
    books.learn(plan(DevicePlan(device="Vulkan0", id=FIRST, available=5000, size=16384)))
    books.saw({"Vulkan0": free, "CUDA3": 1}, {"Vulkan0": FIRST}, beside)
    room = books.read(NOTHING)
    assert room.capacity[FIRST] == capacity
    assert books.readings[FIRST].loads_seen == (capacity != 5_000)
    books.saw({"Vulkan0": free}, {"Vulkan0": FIRST}, beside)
    books.read(NOTHING)
    assert books.readings[FIRST].loads_seen == (capacity != 5_000), "the same again is no news"


def test_a_made_up_card_that_a_driver_reads_is_not_taken_at_its_engines_word():
    books = ledger(gpu(0, 20000))
    books.learn(plan(DevicePlan(device="Vulkan0", id=FIRST, available=15000, size=16384)))
    assert books.read(NOTHING).capacity[FIRST] == 20000


def test_a_made_up_card_whose_driver_reports_no_memory_has_what_its_engine_sees():
    books = ledger(gpu(0, None, total=None, drives_display=True))
    assert FIRST not in books.read(NOTHING).capacity
    books.learn(plan(DevicePlan(device="CUDA0", id=FIRST, available=15000, size=16384)))
    assert books.read({ALPHA: holding(7, first=5000)}).capacity[FIRST] == 15000
    assert books.readings[FIRST].drives_display


def test_a_made_up_card_that_two_backends_use_has_one_row_and_is_booked_once():
    books = ledger(gpu(0, 20000))
    for name in ("CUDA0", "Vulkan0"):
        books.learn(plan(DevicePlan(device=name, id=FIRST, available=20000, size=24000)))
    room = books.read(NOTHING)
    assert (room.names[FIRST], room.capacity[FIRST]) == ("CUDA0", 20000)
    first, host = books.devices(NOTHING)
    assert (first.name, first.also, host.name) == ("CUDA0", ["Vulkan0"], "Host")
    both = [FitDevice(name, "RTX 4090", FIRST, 20000) for name in ("CUDA0", "Vulkan0")]
    placed = Placement(buffers=[Buffer(device=d.name, kind="model", mib=100.0) for d in both])
    assert books.measured(7, placed, both)[FIRST] == 200 + 600 + 300
    books = ledger(gpu(0, 20000, GpuProcess(7, 950)))
    books.read({ALPHA: holding(7)})
    assert books.measured(7, placed, both)[FIRST] == 950
    assert books.overheads == {}, "nobody knows which backend's it is"


def test_made_up_cards_are_listed_as_the_engine_counts_them():
    """CUDA puts the fastest first; drivers go by PCI slots."""
    books = ledger(gpu(0, 20000), gpu(1, 20000))
    assert [info.name for info in (books.read(NOTHING), books.devices(NOTHING))[1]] == ["GPU0", "GPU1", "Host"]  # fmt: skip
    books.learn(plan(DevicePlan(device="CUDA1", id=FIRST), DevicePlan(device="CUDA0", id=SECOND)))
    books.read(NOTHING)
    assert [info.name for info in books.devices(NOTHING)] == ["CUDA0", "CUDA1", "Host"]
    books.learn(plan(DevicePlan(device="CUDA0", id=FIRST), DevicePlan(device="CUDA1", id=SECOND)))
    assert books.read(NOTHING).names[FIRST] == "CUDA0", "a new order replaces the old one"


def test_a_device_of_which_an_engine_reported_no_size_sets_no_limit():
    books = ledger()
    books.learn(plan(DevicePlan(device="RPC0", id=FAR)))
    assert FAR not in books.read(NOTHING).capacity
