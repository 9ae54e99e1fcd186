"""What an instance really holds, by drivers that are made up and by its log."""

from dataclasses import replace
from pathlib import Path

import pytest

from paddock.api.placement import Buffer, DevicePlan, Placement
from paddock.config.settings import Settings
from paddock.core.model import HOST, Demand, DeviceId
from paddock.daemon.instances.registry import Holding
from paddock.daemon.memory.ledger import Ledger
from paddock.host.gpus import GpuProcess
from paddock.llama.fit import FitDevice
from paddock.placement.devices import HOST_OVERHEAD
from tests.daemon.ledgers import (
    ALPHA,
    FAR,
    FIRST,
    NOTHING,
    SECOND,
    XORG,
    MadeUpGpus,
    gpu,
    holding,
    ledger,
    plan,
)

# ---- what an instance really holds ----

PLACED = Placement(
    buffers=[
        Buffer(device="CUDA0", kind="model", mib=7605.33),
        Buffer(device="CUDA0", kind="context", mib=1024.0),
        Buffer(device="CUDA1", kind="model", mib=0.0),
        Buffer(device="RPC0", kind="model", mib=500.0),
        Buffer(device="Host", kind="model", mib=532.0),
        Buffer(device="Host", kind="compute", mib=20.4),
    ]
)
DEVICES = [
    FitDevice("CUDA0", "NVIDIA RTX 4090", FIRST, 23000),
    FitDevice("CUDA1", "NVIDIA RTX 4090", SECOND, 23000),
    FitDevice("RPC0", "10.0.0.7:50052", None, 16000),
]


def measured(books: Ledger, pid: int = 7, devices: list[FitDevice] = DEVICES, **more: bool) -> Demand:  # fmt: skip
    books.read({ALPHA: holding(pid)})
    return books.measured(pid, PLACED, devices, **more)


def test_by_its_log_it_holds_its_buffers_and_the_drivers_share():
    assert measured(ledger(gpu(0, 15000), gpu(1, 23000))) == {
        FIRST: 8629 + 600,
        FAR: 500,
        HOST: 552 + HOST_OVERHEAD,
    }


def test_by_a_made_up_driver_it_holds_what_the_driver_says():
    books = ledger(gpu(0, 15000, GpuProcess(7, 9354), XORG))
    assert measured(books)[FIRST] == 9354
    assert books.overheads == {"CUDA0": 9354 - 8629}
    assert books.read(NOTHING).names[FIRST] == "CUDA0"


def test_what_was_measured_once_is_assumed_from_then_on():
    driver = MadeUpGpus(gpu(0, 15000, GpuProcess(7, 9354)))
    books = Ledger(Settings(), driver=driver)
    measured(books)
    driver.gpus = (gpu(0, 15000, GpuProcess(7, None)),)
    assert measured(books)[FIRST] == 9354


def test_the_most_that_was_measured_is_remembered_for_the_next_daemon(tmp_path: Path):
    """It grows with the first real batch."""
    file = tmp_path / "overheads.json"
    for mib, known in ((9300, 671), (9354, 725), (9310, 725)):
        books = ledger(gpu(0, 15000, GpuProcess(7, mib)), memory_file=file)
        assert measured(books)[FIRST] == mib
        assert books.overheads == ledger(memory_file=file).overheads == {"CUDA0": known}


def test_a_driver_that_says_less_than_the_log_has_no_share():
    books = ledger(gpu(0, 15000, GpuProcess(7, 8000)))
    assert measured(books)[FIRST] == 8000
    assert books.overheads == {"CUDA0": 0}


def test_what_a_projector_takes_is_not_remembered_as_the_drivers_share():
    books = ledger(gpu(0, 15000, GpuProcess(7, 10254)))
    assert measured(books, has_projector=True)[FIRST] == 10254
    assert books.overheads == {}


def test_where_its_log_has_lost_its_beginning_the_made_up_driver_knows_its_gpus():
    """As of an instance that an earlier daemon started, long ago."""
    books = ledger(gpu(0, 23000, XORG), gpu(1, 15000, GpuProcess(7, 9354)))
    books.learn(plan(DevicePlan(device="CUDA0", id=FIRST), DevicePlan(device="RPC0", id=FAR)))
    placed = Placement(buffers=[b for b in PLACED.buffers if b.device != "CUDA1"])
    books.read({ALPHA: holding(7)})
    assert books.measured(7, placed, []) == {SECOND: 9354, FAR: 500, HOST: 552 + HOST_OVERHEAD}


def test_a_device_that_nobody_knows_keeps_its_name():
    assert measured(ledger(), devices=[])[DeviceId("CUDA0")] == 8629 + 600


@pytest.mark.parametrize("content", [b"", b"[]", b'{"CUDA0": "many"}', b"\xff"])
def test_a_file_of_overheads_that_cannot_be_read_counts_as_none(tmp_path: Path, content: bytes):
    file = tmp_path / "overheads.json"
    file.write_bytes(content)
    assert ledger(memory_file=file).overheads == {}


def test_without_a_place_to_keep_them_overheads_are_kept_in_mind(tmp_path: Path):
    books = ledger(gpu(0, 15000, GpuProcess(7, 9354)), memory_file=tmp_path)
    measured(books)
    assert books.overheads == {"CUDA0": 725}


# ---- managed memory ----


def test_memory_that_a_made_up_driver_counts_as_nobodys_is_the_instances_that_allocated_it():
    """As NVML does with GGML_CUDA_ENABLE_UNIFIED_MEMORY: 586 MiB of 9223 (seen on an H200)."""
    card = gpu(0, 2400, GpuProcess(7, 586), GpuProcess(99, 12_000, "hog"))
    books = ledger(replace(card, used_mib=21_600))
    books.learn(plan(DevicePlan(device="CUDA0", id=FIRST, available=20000, size=24000)))
    devices = [FitDevice("CUDA0", "RTX 4090", FIRST, 60_000)]
    placed = Placement(buffers=[Buffer(device="CUDA0", kind="model", mib=9223.0)])
    books.read(NOTHING)
    held = books.measured(7, placed, devices)
    assert held[FIRST] == 9223 + 600
    assert books.overheads == {}, "it says nothing of what a driver takes"
    room = {ALPHA: Holding(7, held)}
    assert books.read(room).capacity[FIRST] == 2400 + 21_600 - 12_000
    info = next(info for info in books.devices(room) if info.id == FIRST)
    assert info.used_mib == {ALPHA: 9600}, "no more than is in use"
    assert info.foreign_mib == 12_000


@pytest.mark.parametrize("driven", [9100, 9223, 9800])
def test_where_a_made_up_driver_counts_all_it_is_believed(driven: int):
    card = replace(gpu(0, 2400, GpuProcess(7, driven)), used_mib=21_600)
    books = ledger(card)
    placed = Placement(buffers=[Buffer(device="CUDA0", kind="model", mib=9223.0)])
    books.read(NOTHING)
    held = books.measured(7, placed, [FitDevice("CUDA0", "RTX 4090", FIRST, 20_000)])
    assert held[FIRST] == driven
    room = {ALPHA: Holding(7, held)}
    books.read(room)
    assert books.devices(room)[0].used_mib == {ALPHA: driven}


# ---- devices that work as one ----


def test_made_up_cards_that_work_as_one_are_those_on_which_the_driver_lists_the_process():
    """`--split-mode tensor` says only names, and another engine may call the second card `CUDA0`."""
    books = ledger(gpu(0, 9000, GpuProcess(7, 14_850)), gpu(1, 9000, GpuProcess(7, 14_850)))
    books.learn(plan(DevicePlan(device="CUDA0", id=SECOND, available=20000, size=24000)))
    parts = [FitDevice(name, "RTX 4090", None, 0, is_part=True) for name in ("CUDA0", "CUDA1")]
    placed = Placement(buffers=[Buffer(device=d.name, kind="model", mib=14_000.0) for d in parts])
    books.read(NOTHING)
    held = books.measured(7, placed, parts)
    assert {FIRST: 14_850, SECOND: 14_850}.items() <= held.items()
    assert books.overheads == {}, "NCCL's part is not what every process takes"
    assert len(held) == 3
