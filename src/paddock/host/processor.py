"""How hard the machine's processors work; None where unknown."""

import os
import time
from dataclasses import dataclass

import psutil

_LEAST = 0.5  # seconds between two readings: the kernel counts in hundredths, so that a percent needs as long


@dataclass(frozen=True, slots=True)
class ProcessorLoad:
    """`utilization`: 0 to 1 of all processors since the reading before; `load`: mean of the last minute."""

    utilization: float | None = None
    load: float | None = None


class Processors:
    """Reads them; each reading is compared with the one before. Any thread may ask."""

    def __init__(self) -> None:
        self._before = _counted()
        self._last = ProcessorLoad()

    def read(self) -> ProcessorLoad:
        """As of now; asked again within half a second, as of then. Never raises."""
        before, now = self._before, _counted()
        if before is None or now is None:
            self._before = now
            return ProcessorLoad(load=_load())
        if now.at - before.at < _LEAST:
            return self._last
        self._before = now
        spent = max(now.whole - before.whole, 1e-9)
        busy = min(max((now.busy - before.busy) / spent, 0.0), 1.0)
        self._last = ProcessorLoad(utilization=busy, load=_load())
        return self._last


@dataclass(frozen=True, slots=True)
class _Counted:
    """Seconds of all processors since boot, at one moment."""

    at: float
    busy: float
    whole: float


def _counted() -> _Counted | None:
    """From the first line of /proc/stat; guests' time is part of `user` there."""
    try:
        times = psutil.cpu_times()
    except (OSError, RuntimeError, ValueError):  # no /proc, as in some sandboxes
        return None
    whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return _Counted(time.monotonic(), whole - idle, whole)


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
