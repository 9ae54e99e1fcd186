"""A stand-in for the module pynvml, for machines without a driver of NVIDIA's.

What its two cards say was read from two H100 under driver 580.159.04, while one llama-server
shared them with a program that held most of their memory (pid 6559).
"""

# ruff: noqa: N802  # the names are pynvml's

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml

NOT_FOUND = pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
LOST = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
NAME = "NVIDIA H100 80GB HBM3"


@dataclass
class MadeUpCard:
    bus_id: str | bytes
    free: int
    used: int  # without the 480 MiB that the driver reserves
    compute: list[tuple[int, int | None]]
    graphics: list[tuple[int, int | None]] = field(default_factory=list)
    temperature: int = 34
    power: int = 122773  # milliwatts
    reasons: int = 0
    display: int = 0
    name: str | bytes = NAME


def h100s() -> list[MadeUpCard]:
    first = [(6559, 75705090048), (7088, 8147435520)]
    second = [(6559, 80000057344), (7088, 3636461568)]
    return [
        MadeUpCard("00000000:00:06.0", 1149894656, 83867598848, [*first]),
        MadeUpCard("00000000:00:07.0", 1365901312, 83651592192, [*second], [], 37, 116756),
    ]


class MadeUpNvml:
    """The functions of pynvml that Paddock calls. A handle is the card's index.

    `broken` functions fail with the error given.
    """

    NVMLError = pynvml.NVMLError
    NVMLLibraryMismatchError = pynvml.NVMLLibraryMismatchError

    def __init__(
        self, cards: list[MadeUpCard] | None = None, *, broken: dict[str, Exception] | None = None
    ) -> None:
        self.cards = h100s() if cards is None else cards
        self.opened = 0
        self.memory_versions: tuple[int | None, ...] = (None, pynvml.nvmlMemory_v2)
        for name, error in (broken or {}).items():
            setattr(self, name, _failing(error))

    def nvmlInit(self) -> None:
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.159.04"

    def nvmlSystemGetProcessName(self, pid: int) -> str:
        return {6559: "/tmp/hog", 7088: "/tmp/llama/llama-server"}[pid]

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> str | bytes:
        return self.cards[handle].name

    def nvmlDeviceGetPciInfo(self, handle: int) -> Any:
        return SimpleNamespace(busId=self.cards[handle].bus_id, domain=0)

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int | None = None) -> Any:
        card, reserved = self.cards[handle], 503316480
        total = card.free + card.used + reserved
        if version not in self.memory_versions:
            raise NOT_FOUND
        if version is None:
            return SimpleNamespace(total=total, free=card.free, used=card.used + reserved)
        return SimpleNamespace(total=total, free=card.free, used=card.used, reserved=reserved)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:
        return _listed(self.cards[handle].compute)

    def nvmlDeviceGetComputeRunningProcesses_v2(self, handle: int) -> list[Any]:
        return _listed(self.cards[handle].compute)

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: int) -> list[Any]:
        return _listed(self.cards[handle].graphics)

    def nvmlDeviceGetDisplayActive(self, handle: int) -> int:
        return self.cards[handle].display

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return SimpleNamespace(gpu=1 - handle, memory=0)

    def nvmlDeviceGetTemperatureV(self, handle: int, sensor: int) -> int:
        assert sensor == 0
        return self.cards[handle].temperature

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return self.nvmlDeviceGetTemperatureV(handle, sensor)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return self.cards[handle].power

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: int) -> int:
        return 700000

    def nvmlDeviceGetClockInfo(self, handle: int, clock: int) -> int:
        assert clock == 1
        return 1980

    def nvmlDeviceGetMaxClockInfo(self, handle: int, clock: int) -> int:
        return self.nvmlDeviceGetClockInfo(handle, clock)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: int) -> int:
        return self.cards[handle].reasons

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: int) -> int:
        return self.cards[handle].reasons


def without(nvml: MadeUpNvml, *missing: str) -> Any:
    """The same module in a version that lacks these functions."""
    names = (name for name in dir(nvml) if name.lower().startswith("nvml") and name not in missing)
    return SimpleNamespace(**{name: getattr(nvml, name) for name in names})


def _listed(processes: list[tuple[int, int | None]]) -> list[Any]:
    return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in processes]


def _failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail
