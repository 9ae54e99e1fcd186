"""Readings of the machine that the tests run on, with or without GPUs."""

import re
from pathlib import Path

from paddock.host.gpus import Gpus
from paddock.host.memory import read_memory


def test_memory_is_what_the_kernel_says():
    total = re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())
    memory = read_memory()
    assert total is not None
    assert memory.total_mib == int(total[1]) // 1024
    assert memory.available_mib is not None
    assert 0 < memory.available_mib <= memory.total_mib
    assert memory.swap_total_mib is not None


def test_gpus_are_read_or_there_are_none():
    gpus = Gpus()
    for _ in range(2):
        for gpu in gpus.read():
            assert gpu.name
            assert gpu.total_mib is None or gpu.total_mib >= (gpu.free_mib or 0)
    gpus.close()
    assert [g.index for g in gpus.read()] == list(range(len(gpus.read())))
    gpus.close()
