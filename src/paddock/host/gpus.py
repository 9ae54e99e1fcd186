"""NVIDIA's GPUs, read through NVML. A machine without a driver simply has none.

NVML counts what the CUDA context and the driver take as used too: an idle GPU shows 480 to 615 MiB
(measured on an H200, driver 580), so `free` is what a new process can have, less its own context.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pynvml

_MIB = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that computes on a GPU; `used` is unknown in some containers."""

    pid: int
    used_mib: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device at one moment. `index` is NVML's, in PCI order, whatever CUDA_VISIBLE_DEVICES says."""

    index: int
    name: str
    total_mib: int | None = None
    free_mib: int | None = None
    used_mib: int | None = None
    processes: tuple[GpuProcess, ...] = ()


class Gpus:
    """NVML, opened once and kept. Safe to read from several threads, as NVML is."""

    def __init__(self) -> None:
        self._open = False

    def read(self) -> list[Gpu]:
        """All GPUs now, [] where there is no driver or it fails. Never raises.

        After a failure NVML is opened anew the next time: a driver may have been reloaded.
        """
        try:
            self._ensure_open()
            return [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            self._forget(error)
            return []

    def close(self) -> None:
        if self._open:
            self._open = False
            _known(pynvml.nvmlShutdown)

    def _ensure_open(self) -> None:
        if not self._open:
            pynvml.nvmlInit()
            self._open = True

    def _forget(self, error: Exception) -> None:
        if self._open:
            _log.warning("NVML failed", extra={"error": str(error)})
        self.close()


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = _known(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return Gpu(
        index=index,
        name=_text(_known(pynvml.nvmlDeviceGetName, handle)),
        total_mib=memory and memory.total // _MIB,
        free_mib=memory and memory.free // _MIB,
        used_mib=memory and (memory.total - memory.free) // _MIB,
        processes=tuple(
            map(_process, _known(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or ())
        ),
    )


def _process(facts: Any) -> GpuProcess:
    used = facts.usedGpuMemory
    return GpuProcess(facts.pid, None if used is None else used // _MIB)


def _text(name: str | bytes | None) -> str:
    """Bindings before 11.5 gave bytes."""
    return name.decode() if isinstance(name, bytes) else name or "GPU"


def _known(function: Callable[..., Any], *arguments: Any) -> Any:
    """The answer, or None where this device or driver does not tell."""
    try:
        return function(*arguments)
    except pynvml.NVMLError:
        return None
