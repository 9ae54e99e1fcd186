"""GPUs that are made up to lie in the machine's memory: both count it once."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, POOL
from paddock.host.gpus import Gpu, GpuProcess
from tests.daemon.ledgers import ALPHA, FIRST, NOTHING, gpu, holding, ledger, running


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
    assert held[HOST] - room.capacity[HOST] > 900, "nobody reports it: what was booked is held"


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
