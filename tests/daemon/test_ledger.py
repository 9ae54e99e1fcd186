"""What the ledger makes of readings: the machine's own memory, and GPUs that are made up."""

import os
import subprocess
import sys

from paddock.config.settings import Settings
from paddock.core.model import DeviceId, InstanceId
from paddock.daemon.ledger import GPU, HOST, Booked, Ledger
from paddock.host.gpus import Gpu, GpuProcess
from paddock.host.memory import read_memory

NOTHING: Booked = {}
ALPHA = InstanceId("alpha.1")


class MadeUpGpus:
    """A driver that says what it was told to say."""

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus

    def read(self) -> list[Gpu]:
        return list(self.gpus)


def ledger(*gpus: Gpu, **settings) -> Ledger:
    return Ledger(Settings(**settings), driver=MadeUpGpus(*gpus))


def gpu(index: int, total: int, free: int | None, *used: tuple[int, int | None]) -> Gpu:
    processes = tuple(GpuProcess(pid, mib) for pid, mib in used)
    return Gpu(index, f"GPU {index}", total, free, processes=processes)


def test_without_a_gpu_the_pool_is_the_hosts_memory_less_the_margin():
    books = ledger(memory_margin=1000, max_instances=3)
    room = books.read(NOTHING)
    memory = read_memory()
    assert memory.total_mib is not None
    assert books.pool == HOST
    assert 0 <= room.capacity[HOST] <= memory.total_mib - 1000
    assert room.max_instances == 3


def test_what_an_instance_holds_for_itself_is_not_counted_twice():
    code = "held = b'x' * (200 << 20); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        books = ledger(memory_margin=0)
        strange = books.read(NOTHING).capacity[HOST]
        ours = books.read({ALPHA: (process.pid, {HOST: 300})}).capacity[HOST]
        process.kill()
    assert ours - strange > 100, "its 200 MiB, less what the machine did meanwhile"


def test_two_made_up_gpus_are_one_pool_and_each_keeps_its_margin():
    books = ledger(gpu(0, 24000, 23000), gpu(1, 12000, 11000), memory_margin=500)
    assert books.read(NOTHING).capacity == {GPU: 23000 + 11000 - 2 * 500}
    assert (books.pool, books.gpus) == (GPU, 2)


def test_on_made_up_gpus_what_is_ours_may_be_taken_again_and_what_is_foreign_may_not():
    first = gpu(0, 24000, 10000, (7, 8000), (99, 6000))
    second = gpu(1, 12000, 9000, (7, 3000))
    books = ledger(first, second, memory_margin=0)
    booked: Booked = {ALPHA: (7, {GPU: 11000})}
    assert books.read(booked).capacity == {GPU: 10000 + 8000 + 9000 + 3000}
    assert books.read(NOTHING).capacity == {GPU: 19000}


def test_a_made_up_gpu_that_is_over_full_leaves_nothing_and_not_less():
    assert ledger(gpu(0, 8000, 100), memory_margin=500).read(NOTHING).capacity == {GPU: 0}


def test_a_made_up_gpu_that_tells_nothing_sets_no_limit():
    room = ledger(gpu(0, 24000, 20000), gpu(1, 0, None)).read(NOTHING)
    assert room.capacity == {}


def test_made_up_gpus_that_come_and_go_change_the_pool():
    driver = MadeUpGpus(gpu(0, 24000, 20000))
    books = Ledger(Settings(memory_margin=0), driver=driver)
    assert list(books.read(NOTHING).capacity) == [GPU]
    driver.gpus = ()
    assert list(books.read(NOTHING).capacity) == [HOST]


def test_devices_show_what_is_booked_on_their_pool():
    books = ledger(gpu(0, 24000, 20000), gpu(1, 12000, 11000))
    booked: Booked = {ALPHA: (os.getpid(), {GPU: 5000}), InstanceId("beta.2"): (1, {HOST: 70})}
    books.read(booked)
    devices = books.devices(booked)
    assert [(d.name, d.kind, d.booked_mib) for d in devices] == [
        ("GPU0", "gpu", {"alpha.1": 5000}),
        ("GPU1", "gpu", {"alpha.1": 5000}),
        ("Host", "host", {"beta.2": 70}),
    ]
    assert devices[0].free_mib == 20000


async def test_memory_of_a_made_up_gpu_is_free_once_the_driver_lists_the_process_no_more():
    class Forgetful(MadeUpGpus):
        reads = 0

        def read(self) -> list[Gpu]:
            self.reads += 1
            return [gpu(0, 24000, 1000, (7, 9000))] if self.reads < 4 else [gpu(0, 24000, 10000)]

    driver = Forgetful()
    books = Ledger(Settings(), driver=driver)
    books.read(NOTHING)
    await books.freed(7, within=30.0)
    assert driver.reads == 4


async def test_a_made_up_driver_that_never_lets_go_is_waited_for_only_so_long():
    books = ledger(gpu(0, 24000, 1000, (7, 9000)))
    books.read(NOTHING)
    await books.freed(7, within=0.05)
    assert DeviceId("gpu") in books.read(NOTHING).capacity
