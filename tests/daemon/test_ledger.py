"""What the ledger makes of readings: the machine's own memory, and GPUs that are made up."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import Buffer, DevicePlan, Placement, Plan
from paddock.api.types import DeviceInfo
from paddock.config.settings import Settings
from paddock.core.model import HOST, POOL, Demand, DeviceId, InstanceId
from paddock.daemon.instances.registry import Booked, Holding
from paddock.daemon.memory.ledger import Ledger
from paddock.host.gpu import Vendor
from paddock.host.gpus import Gpu, GpuProcess, Telemetry
from paddock.host.memory import read_memory
from paddock.llama.fit_log import FitDevice
from paddock.placement.devices import HOST_OVERHEAD, Taker

FIRST, SECOND = DeviceId("0000:00:06.0"), DeviceId("0000:00:07.0")
FAR = DeviceId("RPC0[10.0.0.7:50052]")
NOTHING: Booked = {}
ALPHA, BETA = InstanceId("alpha.1"), InstanceId("beta.2")
XORG = GpuProcess(99, 300, "Xorg")


class MadeUpGpus:
    """A driver that says what the test wants."""

    def __init__(self, *gpus: Gpu, telemetry: dict[str, Telemetry] | None = None) -> None:
        self.gpus, self._telemetry = gpus, telemetry or {}

    def read(self) -> list[Gpu]:
        return list(self.gpus)

    def telemetry(self) -> dict[str, Telemetry]:
        return self._telemetry


def ledger(*gpus: Gpu, memory_file: Path | None = None, **settings: Any) -> Ledger:
    return Ledger(Settings(**settings), driver=MadeUpGpus(*gpus), memory_file=memory_file)


def gpu(index: int, free: int | None, *processes: GpuProcess, total: int | None = 24000, **rest: Any) -> Gpu:  # fmt: skip
    id_ = (FIRST, SECOND)[index]
    return Gpu(index, "NVIDIA RTX 4090", total, free, None, processes, id_, driver="580", **rest)


def holding(pid: int, **demand: int) -> Holding:
    ids = {"first": FIRST, "second": SECOND, "far": FAR, "host": HOST}
    return Holding(pid, {ids[name]: mib for name, mib in demand.items()})


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session of its own, as instances do, and has done its work."""
    argv, pipe = [sys.executable, "-c", code], subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        yield process
        process.kill()


def said(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


# ---- RAM ----


def test_without_a_gpu_there_is_the_machines_memory_less_the_margin():
    books = ledger(memory_margin=1000, max_instances=3)
    room = books.read(NOTHING)
    memory = read_memory()
    assert memory.total_mib is not None
    assert list(room.capacity) == [HOST]
    assert 0 <= room.capacity[HOST] <= memory.total_mib - 1000
    assert (room.max_instances, room.names) == (3, {HOST: "Host"})
    assert books.device_set == "no GPU"


def test_what_an_instance_holds_for_itself_is_not_counted_twice():
    with running("held = b'x' * (200 << 20); print(flush=True); input()") as process:
        said(process)
        books = ledger(memory_margin=0)
        strange = books.read(NOTHING).capacity[HOST]
        ours = books.read({ALPHA: holding(process.pid, host=300)}).capacity[HOST]
        assert books.readings[HOST].ours_mib >= 200
    assert ours - strange > 100, "its 200 MiB, less what the machine did meanwhile"


# ---- GPUs ----


def test_the_margin_is_for_ram_only_as_each_profile_has_its_own_for_gpus():
    room = ledger(gpu(0, 23000), gpu(1, 11000), memory_margin=500).read(NOTHING)
    assert (room.capacity[FIRST], room.capacity[SECOND]) == (23000, 11000)
    assert room.names == {FIRST: "GPU0", SECOND: "GPU1", HOST: "Host"}


def test_on_made_up_gpus_what_is_ours_may_be_taken_again_and_what_is_foreign_may_not():
    first = gpu(0, 10000, GpuProcess(7, 8000, "llama-server"), GpuProcess(99, 6000, "blender"))
    second = gpu(1, 9000, GpuProcess(7, 3000, "llama-server"), total=12000)
    books = ledger(first, second)
    room = books.read({ALPHA: holding(7, first=8100, second=3100)})
    assert (room.capacity[FIRST], room.capacity[SECOND]) == (18000, 12000)
    assert books.readings[FIRST].takers == (Taker("blender", 6000),)
    assert (books.readings[FIRST].foreign_mib, books.readings[SECOND].foreign_mib) == (6000, 0)
    assert books.read(NOTHING).capacity[FIRST] == 10000
    assert [t.name for t in books.readings[FIRST].takers] == ["llama-server", "blender"]


def test_what_a_wrappers_child_holds_is_ours():
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True); input()"
    )
    with running(code) as wrapper:
        child = GpuProcess(int(said(wrapper)), 8000, "llama-server")
        books = ledger(gpu(0, 15000, child, XORG))
        assert books.read({ALPHA: holding(wrapper.pid)}).capacity[FIRST] == 23000
        assert books.readings[FIRST].takers == (Taker("Xorg", 300),)


def test_where_a_made_up_driver_hides_how_much_what_is_booked_counts():
    books = ledger(gpu(0, 15000, GpuProcess(7, None), GpuProcess(8, None)))
    assert books.read({ALPHA: holding(7, first=8000)}).capacity[FIRST] == 23000
    assert books.read({ALPHA: holding(9, first=8000)}).capacity[FIRST] == 15000  # not there yet


def test_where_a_made_up_driver_hides_every_process_what_is_booked_counts_once_it_is_in_use():
    """As in containers, and in Windows' subsystem for Linux."""
    booked = {ALPHA: holding(7, first=8000), BETA: holding(8, second=50)}
    assert ledger(gpu(0, 15000)).read(booked).capacity[FIRST] == 23000
    assert ledger(gpu(0, 23900)).read(booked).capacity[FIRST] == 23900


def test_a_made_up_gpu_that_is_over_full_leaves_nothing_and_not_less():
    assert ledger(gpu(0, 0, GpuProcess(99, 24000))).read(NOTHING).capacity[FIRST] == 0


def test_a_made_up_gpu_that_tells_nothing_sets_no_limit():
    books = ledger(gpu(0, 20000), gpu(1, None, total=None))
    assert SECOND not in books.read(NOTHING).capacity
    assert books.readings[SECOND].foreign_mib is None


def test_without_an_address_a_made_up_gpu_goes_by_its_number():
    books = ledger(Gpu(3, "GPU", 8000, 7000))
    assert books.read(NOTHING).capacity[DeviceId("gpu3")] == 7000


def test_made_up_gpus_that_come_and_go_change_what_there_is():
    driver = MadeUpGpus(gpu(0, 20000))
    books = Ledger(Settings(), driver=driver)
    assert set(books.read(NOTHING).capacity) == {FIRST, HOST}
    assert books.device_set == f"nvidia 580: NVIDIA RTX 4090 ({FIRST})"
    driver.gpus = ()
    assert set(books.read(NOTHING).capacity) == {HOST}


# ---- what engines tell ----


def plan(*devices: DevicePlan) -> Plan:
    return Plan(profile="m", source="engine", fits=True, devices=list(devices))


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


def apu(*processes: GpuProcess, free: int = 460) -> Gpu:
    return gpu(0, free, *processes, total=512, is_in_ram=True)


def seen(size: int, **more: Any) -> Plan:
    device = DevicePlan(device="Vulkan0", id=FIRST, size=size, **more)
    return Plan(profile="alpha", source="engine", fits=True, devices=[device])


def test_a_made_up_gpu_in_ram_has_the_machines_memory_beside_what_was_set_aside():
    room = ledger(apu()).read(NOTHING)
    assert room.in_ram == {FIRST}
    assert room.capacity[POOL] == room.capacity[HOST] + 460
    assert FIRST not in room.capacity, "nobody knows a limit of its own"
    assert room.names[POOL] == "RAM with GPU0"


def test_a_made_up_gpu_in_ram_reaches_what_its_driver_lends_and_an_engine_sees():
    lent = GpuProcess(7, 50, "llama-server", ram_mib=3000)
    books = ledger(replace(apu(lent, free=410), lendable_mib=5000))
    assert books.read(NOTHING).capacity[FIRST] == 5410
    assert books.read({ALPHA: holding(7, first=3050)}).capacity[FIRST] == 8460
    for size, reach in ((6000, 6000), (7000, 7000), (6500, 7000), (90_000, 8460)):
        books.learn(seen(size, in_ram=True))
        assert books.read({ALPHA: holding(7, first=3050)}).capacity[FIRST] == reach


def test_a_made_up_gpu_without_memory_of_its_own_has_what_ram_has():
    """As Intel's are, and NVIDIA's of unified memory."""
    books = ledger(gpu(0, None, total=None, is_in_ram=True))
    room = books.read(NOTHING)
    assert room.in_ram == {FIRST}
    assert room.capacity[POOL] == room.capacity[HOST]


def test_a_made_up_card_whose_driver_reports_no_memory_has_what_its_engine_sees():
    books = ledger(gpu(0, None, total=None, drives_display=True))
    assert FIRST not in books.read(NOTHING).capacity
    books.learn(plan(DevicePlan(device="CUDA0", id=FIRST, available=15000, size=16384)))
    assert books.read({ALPHA: holding(7, first=5000)}).capacity[FIRST] == 15000
    assert books.readings[FIRST].drives_display


def test_ram_that_is_held_through_a_made_up_gpu_is_free_again_when_its_holder_has_left():
    with running("print('here', flush=True); input()") as process:
        books = ledger(apu(GpuProcess(process.pid, 50, "llama-server", ram_mib=300)))
        alone = books.read(NOTHING).capacity
        ours = books.read({ALPHA: holding(process.pid, first=350)}).capacity
        assert ours[HOST] - alone[HOST] > 200
        assert ours[POOL] - alone[POOL] > 250


def test_a_device_of_which_a_made_up_engine_says_that_it_lies_in_ram_does():
    books = ledger()
    books.learn(seen(15_800, in_ram=True))
    room = books.read(NOTHING)
    assert room.in_ram == {FIRST}
    assert (room.capacity[FIRST], room.capacity[POOL]) == (15_800, room.capacity[HOST])
    assert books.readings[FIRST].name == "Vulkan0"
    held = books.read({ALPHA: holding(2**22, first=1000)}).capacity
    assert held[HOST] - room.capacity[HOST] > 900, "nobody tells of it: what was booked is held"


@given(
    vram=st.integers(0, 460),
    lent=st.integers(0, 9000),
    foreign=st.integers(0, 52),
    is_known=st.booleans(),
)
def test_what_an_instance_holds_of_the_pool_is_booked_once_wherever_the_driver_put_it(
    vram: int, lent: int, foreign: int, is_known: bool
):
    """What all may take, less what is booked, is what is free now: of made-up memory set aside, and of real RAM."""
    process = GpuProcess(2**22, vram if is_known else None, "llama-server", ram_mib=lent)
    for listed in ((process,), ()):
        books = ledger(apu(*listed, free=512 - vram - foreign), memory_margin=0)
        room = books.read({ALPHA: holding(2**22, first=vram + lent)})
        assert books.memory.available_mib is not None
        free = books.memory.available_mib + 512 - vram - foreign
        assert room.capacity[POOL] - (vram + lent) == free


def test_the_row_of_a_made_up_gpu_in_ram_has_ram_and_who_holds_it_there():
    lent = GpuProcess(7, 50, "llama-server", ram_mib=3000)
    books = ledger(apu(lent, GpuProcess(99, 200, "Xorg", ram_mib=100), free=260))
    books.learn(seen(8000, in_ram=True))
    room = {ALPHA: holding(7, first=3050)}
    books.read(room)
    info = next(i for i in books.devices(room) if i.id == FIRST)
    memory = books.memory
    assert memory.total_mib is not None
    assert memory.available_mib is not None
    assert (info.in_ram, info.total_mib) == (True, min(8000, 512 + memory.total_mib))
    assert info.free_mib == min(8000, 260 + memory.available_mib)
    assert (info.used_mib, info.foreign_mib) == ({ALPHA: 3050}, 300)


def test_the_row_of_a_made_up_gpu_in_ram_that_only_an_engine_sees_says_what_is_booked():
    books = ledger()
    books.learn(seen(800, in_ram=True, description="Intel(R) Iris(R) Xe Graphics"))
    room = {ALPHA: holding(2**22, first=300)}
    books.read(room)
    info, _ = books.devices(room)
    assert (info.name, info.total_mib, info.in_ram) == ("Vulkan0", 800, True)
    assert info.description == "Intel(R) Iris(R) Xe Graphics"
    assert (info.booked_mib, info.foreign_mib) == ({ALPHA: 300}, None)


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


# ---- names ----


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


# ---- waiting ----


async def test_memory_of_a_made_up_gpu_is_free_once_the_driver_lists_the_process_no_more():
    class Forgetful(MadeUpGpus):
        reads = 0

        def read(self) -> list[Gpu]:
            self.reads += 1
            return [gpu(0, 1000, GpuProcess(7, 9000))] if self.reads < 4 else [gpu(0, 10000)]

    driver = Forgetful()
    books = Ledger(Settings(), driver=driver)
    books.read(NOTHING)
    await books.freed(7, within=30.0)
    assert driver.reads == 4


async def test_a_made_up_driver_that_never_lets_go_is_waited_for_only_so_long():
    books = ledger(gpu(0, 1000, GpuProcess(7, 9000)))
    books.read(NOTHING)
    await books.freed(7, within=0.05)
    assert books.readings[FIRST].free_mib == 1000


@pytest.mark.parametrize(("vendor", "reads"), [("amd", 5), ("intel", 5), ("nvidia", 2)])
async def test_a_made_up_card_is_waited_for_after_the_process_is_gone_where_its_driver_needs_it(
    vendor: Vendor, reads: int
):
    class Slow(MadeUpGpus):
        reads = 0

        def read(self) -> list[Gpu]:
            self.reads += 1
            listed = (GpuProcess(7, 9000),) if self.reads == 1 else ()
            return [gpu(0, 1000 if self.reads < 5 else 9900, *listed, vendor=vendor)]

    driver = Slow()
    books = Ledger(Settings(), driver=driver)
    books.read(NOTHING)
    await books.freed(7, within=30.0)
    assert driver.reads == reads


async def test_without_a_gpu_nothing_is_waited_for():
    books = ledger()
    books.read(NOTHING)
    await books.freed(7, within=30.0)


# ---- for people ----


def devices(books: Ledger, booked: Booked) -> dict[str, DeviceInfo]:
    books.read(booked)
    return {info.name: info for info in books.devices(booked)}


def test_devices_show_who_holds_what_and_how_hard_they_work():
    busy = Telemetry(0.97, 71, 350.5, 450.0, 2520, 2700, ("power",))
    programs = [GpuProcess(90 + n, 10 * n, f"p{n}") for n in range(7)]
    first = gpu(0, 14000, GpuProcess(7, 9000, "llama-server"), *programs, drives_display=True)
    books = Ledger(Settings(), driver=MadeUpGpus(first, gpu(1, 23000), telemetry={FIRST: busy}))
    found = devices(books, {ALPHA: holding(7, first=9100), BETA: holding(8, host=70)})
    info = found["GPU0"]
    assert (info.kind, info.id, info.description) == ("gpu", FIRST, "NVIDIA RTX 4090")
    assert (info.total_mib, info.free_mib, info.drives_display) == (24000, 14000, True)
    assert (info.booked_mib, info.used_mib) == ({ALPHA: 9100}, {ALPHA: 9000})
    assert info.foreign_mib == 1000
    assert [(f.name, f.mib) for f in info.foreign[:2]] == [("p6", 60), ("p5", 50)]
    assert len(info.foreign) == 5
    assert (info.utilization, info.temperature_c, info.clock_mhz) == (0.97, 71, 2520)
    assert (info.power_w, info.power_limit_w, info.throttled) == (350.5, 450.0, ["power"])
    assert found["GPU1"].utilization is None


def test_the_host_shows_what_is_booked_on_it_and_its_swap():
    with running("print(flush=True); input()") as process:
        said(process)
        info = devices(ledger(), {BETA: holding(process.pid, host=70)})["Host"]
    assert (info.kind, info.description) == ("host", "RAM")
    assert info.booked_mib == {BETA: 70}
    assert 1 <= info.used_mib[BETA] < 70
    assert info.swap_total_mib == read_memory().swap_total_mib


def test_a_device_that_only_an_engine_sees_is_shown_by_its_endpoint():
    books = ledger()
    books.learn(plan(DevicePlan(device="RPC0", id=FAR, available=16000, size=16384)))
    info = devices(books, NOTHING)["RPC0"]
    assert (info.kind, info.id, info.description) == ("gpu", FAR, FAR)
    assert (info.total_mib, info.free_mib, info.used_mib) == (16384, 16000, {})


def test_what_a_twin_reads_for_people_no_decision_sees():
    driver = MadeUpGpus(gpu(0, 9000))
    own = Ledger(Settings(), driver=driver)
    own.read(NOTHING)
    driver.gpus = (gpu(0, 500),)
    seen = own.twin().read_devices(NOTHING)
    assert [device.free_mib for device in seen if device.kind == "gpu"] == [500]
    assert own.readings[FIRST].free_mib == 9000


class Kept:
    """Contexts that are kept in RAM, as the folder of them says it."""

    taken_mib = 300


def test_what_is_kept_in_ram_counts_as_ours_since_it_makes_room_for_a_model():
    read = {}
    for kept in (None, Kept()):
        books = Ledger(Settings(), driver=MadeUpGpus(), kept=kept)
        books.read(NOTHING)
        read[kept is None] = books.readings[HOST].ours_mib
    assert (read[True], read[False]) == (0, 300)
