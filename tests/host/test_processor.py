"""How hard the processors work: this machine's own, counted by the kernel."""

import time
from types import SimpleNamespace

import psutil
import pytest

from paddock.host import processor
from paddock.host.processor import Processors


class Machine:
    """Processors whose counters and clock a test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.times = 100.0, [0.0, 0.0, 0.0]  # user, idle, iowait
        monkeypatch.setattr(psutil, "cpu_times", self._read)
        monkeypatch.setattr(processor, "time", SimpleNamespace(monotonic=lambda: self.now))

    def _read(self) -> object:
        user, idle, iowait = self.times
        return type("scputimes", (tuple,), {"idle": idle, "iowait": iowait})((user, idle, iowait))

    def passes(self, seconds: float, user: float, idle: float, iowait: float = 0.0) -> None:
        self.now += seconds
        self.times = [a + b for a, b in zip(self.times, (user, idle, iowait), strict=True)]


def test_what_is_busy_is_neither_idle_nor_waiting_for_a_disk(monkeypatch: pytest.MonkeyPatch):
    machine = Machine(monkeypatch)
    processors = Processors()
    machine.passes(1.0, user=1.0, idle=2.0, iowait=1.0)
    assert processors.read().utilization == 0.25
    machine.passes(0.1, user=0.1, idle=0.0)
    assert processors.read().utilization == 0.25, "too soon: as of then"
    machine.passes(1.0, user=0.9, idle=1.0)
    assert processors.read().utilization == 0.5, "of all that passed since the reading that counted"


def test_this_machine_has_a_load():
    processors = Processors()
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        pass  # one processor at least is busy
    found = processors.read()
    assert found.utilization is not None
    assert 0 < found.utilization <= 1
    assert found.load is not None


def test_where_nothing_can_be_read_nothing_is_said(monkeypatch: pytest.MonkeyPatch):
    def refuse() -> None:
        raise FileNotFoundError("/proc/stat")

    monkeypatch.setattr(psutil, "cpu_times", refuse)
    assert Processors().read().utilization is None
