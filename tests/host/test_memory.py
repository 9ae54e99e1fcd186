"""The host's memory: this machine's own, and pressure as the kernel reports it."""

import re
from pathlib import Path

import pytest

from paddock.host.memory import read_memory
from tests.host.trees import write

PRESSURE = (
    "some avg10=12.34 avg60=3.10 avg300=0.55 total=81532917\n"
    "full avg10=9.87 avg60=2.04 avg300=0.31 total=61728394"
)


def test_memory_is_what_the_kernel_says():
    total = re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())
    memory = read_memory()
    assert total is not None
    assert memory.total_mib == int(total[1]) // 1024
    assert memory.available_mib is not None
    assert 0 < memory.available_mib <= memory.total_mib
    assert memory.swap_total_mib is not None


def test_pressure_and_swap_ins(tmp_path: Path):
    write(tmp_path, {"pressure/memory": PRESSURE, "vmstat": "pgpgin 9\npswpin 1234\npswpout 7"})
    memory = read_memory(proc=tmp_path)
    assert (memory.pressure_some_10, memory.pages_swapped_in) == (12.34, 1234)


@pytest.mark.parametrize("line", ["", "nonsense", "full avg10=1.00"])
def test_a_kernel_that_reports_no_pressure(tmp_path: Path, line: str):
    write(tmp_path, {"pressure/memory": line})
    memory = read_memory(proc=tmp_path)
    assert (memory.pressure_some_10, memory.pages_swapped_in) == (None, None)
    assert memory.total_mib
