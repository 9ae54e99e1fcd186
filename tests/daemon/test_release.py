"""When memory counts as given back, by drivers that are made up."""

import pytest

from paddock.config.settings import Settings
from paddock.daemon.memory.ledger import Ledger
from paddock.host.gpu import Vendor
from paddock.host.gpus import Gpu, GpuProcess
from tests.daemon.ledgers import FIRST, NOTHING, MadeUpGpus, gpu, ledger


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
