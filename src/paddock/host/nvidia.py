"""NVIDIA's GPUs, read through NVML.

NVML counts the CUDA contexts as used too, so `free` is what a new process can have, less its own
context (526 MiB on an H200). Each question is asked by itself: what a card, a driver or a version of
the binding does not answer is None, and the rest is read all the same.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pynvml

from paddock.host import drm
from paddock.host.gpu import Gpu, GpuProcess, Telemetry, pci_address
from paddock.host.kernel import PROC, SYS
from paddock.host.processes import program

_MIB = 1 << 20
_log = logging.getLogger(__name__)

# The bits of nvmlDeviceGetCurrentClocksEventReasons (nvml.h, nvmlClocksEventReasons). The other bits
# are no trouble: idle, clocks that somebody set, boost in step with another card.
_THROTTLED = {
    "thermal": 0x20 | 0x40,  # SwThermalSlowdown, HwThermalSlowdown
    "power": 0x04,  # SwPowerCap
    "hardware": 0x08 | 0x80,  # HwSlowdown, HwPowerBrakeSlowdown
}


class Nvidia:
    """NVML, opened once and kept. Safe to read from several threads, as NVML is."""

    def __init__(self, nvml: Any = pynvml, *, proc: Path = PROC, sys: Path = SYS) -> None:
        self._nvml = nvml
        self._proc, self._sys = proc, sys
        # Mismatch: a driver too old for a function of the binding. ValueError: a name that is no UTF-8.
        mismatch = getattr(nvml, "NVMLLibraryMismatchError", nvml.NVMLError)
        self._silence = (nvml.NVMLError, mismatch, ValueError)
        self._open = False
        self._lost = 0

    def read(self) -> list[Gpu]:
        """All GPUs now, [] where there is no driver or it fails. Never raises.

        After a failure NVML is opened anew the next time: a driver may have been reloaded.
        """
        handles = self._handles()
        displays = drm.displays(self._sys) if handles else {}
        return [self._gpu(index, handle, displays) for index, handle in handles.items()]

    def telemetry(self) -> dict[str, Telemetry]:
        """By PCI address; cards whose address is unknown are left out. Never raises."""
        read = {self._address(h): self._telemetry(h) for h in self._handles().values()}
        return {address: what for address, what in read.items() if address}

    def close(self) -> None:
        if self._open:
            self._open = False
            self._ask("nvmlShutdown")

    # ---- the library ----

    def _handles(self) -> dict[int, Any]:
        """By index. A card that fell off the bus is left out; its index is not given away."""
        try:
            self._ensure_open()
            count = self._nvml.nvmlDeviceGetCount()
        except self._silence as error:
            self._forget(str(error))
            return {}
        asked = {index: self._ask("nvmlDeviceGetHandleByIndex", index) for index in range(count)}
        found = {index: handle for index, handle in asked.items() if handle is not None}
        self._note_lost(count - len(found))
        if count and not found:
            self._forget("no GPU answers")
        return found

    def _ensure_open(self) -> None:
        if not self._open:
            self._nvml.nvmlInit()
            self._open = True

    def _forget(self, error: str) -> None:
        if self._open:
            _log.warning("NVML failed", extra={"error": error})
        self.close()

    def _note_lost(self, lost: int) -> None:
        if lost > self._lost:
            _log.warning("GPUs do not answer", extra={"count": lost})
        self._lost = lost

    def _ask(self, function: str, *arguments: Any) -> Any:
        """The answer, or None where this device, driver or binding has none."""
        known = getattr(self._nvml, function, None)
        try:
            return known(*arguments) if known else None
        except self._silence:
            return None

    def _first(self, functions: Iterable[str], *arguments: Any) -> Any:
        """The answer of the first of them that has one: newer names first."""
        answers = (self._ask(function, *arguments) for function in functions)
        return next((answer for answer in answers if answer is not None), None)

    # ---- one card ----

    def _gpu(self, index: int, handle: Any, displays: dict[str, bool]) -> Gpu:
        memory, address = self._memory(handle), self._address(handle)
        name = _text(self._ask("nvmlDeviceGetName", handle))
        is_in_ram = memory is None and bool(name) and self._has_none_of_its_own(handle)
        processes = self._processes(handle)
        return Gpu(
            index=index,
            name=name or "GPU",
            total_mib=memory and memory.total // _MIB,
            free_mib=memory and memory.free // _MIB,
            used_mib=memory and memory.used // _MIB,
            processes=tuple(map(_in_ram, processes)) if is_in_ram else processes,
            id=address,
            driver=_text(self._ask("nvmlSystemGetDriverVersion")),
            drives_display=self._drives_display(handle, displays.get(address)),
            is_in_ram=is_in_ram,
        )

    def _has_none_of_its_own(self, handle: Any) -> bool:
        """Whether it has unified memory: of such (DGX Spark) NVML says that the question is not supported."""
        try:
            self._nvml.nvmlDeviceGetMemoryInfo(handle)
        except self._silence as error:
            return bool(getattr(error, "value", None) == pynvml.NVML_ERROR_NOT_SUPPORTED)
        return False

    def _memory(self, handle: Any) -> Any:
        """The second version leaves what the driver reserves out of `used` (480 MiB on an H100)."""
        second = self._ask("nvmlDeviceGetMemoryInfo", handle, pynvml.nvmlMemory_v2)
        return second or self._ask("nvmlDeviceGetMemoryInfo", handle)

    def _address(self, handle: Any) -> str:
        found = self._ask("nvmlDeviceGetPciInfo", handle)
        return pci_address(_text(found.busId)) if found else ""

    def _drives_display(self, handle: Any, connected: bool | None) -> bool | None:
        """By NVML or the kernel's list of connectors: either may miss a monitor."""
        active = self._ask("nvmlDeviceGetDisplayActive", handle)
        if active is None:
            return connected
        return bool(active) or bool(connected)

    def _processes(self, handle: Any) -> tuple[GpuProcess, ...]:
        """One entry a process: NVML lists it twice where it both computes and draws."""
        used: dict[int, int | None] = {}
        for kind in ("Compute", "Graphics"):
            for process in self._running(kind, handle):
                used[process.pid] = _larger(used.get(process.pid), process.usedGpuMemory)
        return tuple(GpuProcess(pid, _mib(size), self._name(pid)) for pid, size in used.items())

    def _running(self, kind: str, handle: Any) -> Any:
        """Drivers before 510 know the second version only (470 still serves Kepler cards)."""
        function = f"nvmlDeviceGet{kind}RunningProcesses"
        return self._first((function, f"{function}_v2"), handle) or ()

    def _name(self, pid: int) -> str:
        """NVML's own, a path, where the process is in another container."""
        name = program(pid, proc=self._proc)
        return name or PurePath(_text(self._ask("nvmlSystemGetProcessName", pid))).name

    def _telemetry(self, handle: Any) -> Telemetry:
        rates = self._ask("nvmlDeviceGetUtilizationRates", handle)
        return Telemetry(
            utilization=rates and rates.gpu / 100,
            temperature_c=self._first(
                ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"),
                handle,
                pynvml.NVML_TEMPERATURE_GPU,
            ),
            power_w=_watts(self._ask("nvmlDeviceGetPowerUsage", handle)),
            power_limit_w=_watts(self._ask("nvmlDeviceGetEnforcedPowerLimit", handle)),
            clock_mhz=self._ask("nvmlDeviceGetClockInfo", handle, pynvml.NVML_CLOCK_SM),
            max_clock_mhz=self._ask("nvmlDeviceGetMaxClockInfo", handle, pynvml.NVML_CLOCK_SM),
            throttled=self._throttled(handle),
        )

    def _throttled(self, handle: Any) -> tuple[str, ...]:
        """The older name is for drivers before 535."""
        functions = ("EventReasons", "ThrottleReasons")
        names = (f"nvmlDeviceGetCurrentClocks{name}" for name in functions)
        reasons = self._first(names, handle) or 0
        return tuple(word for word, bits in _THROTTLED.items() if reasons & bits)


def _in_ram(process: GpuProcess) -> GpuProcess:
    """Of a GPU without memory of its own."""
    if process.used_mib is None:
        return process
    return replace(process, used_mib=0, ram_mib=process.used_mib)


def _text(said: str | bytes | None) -> str:
    """Some bindings give bytes, and all do inside structures."""
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def _larger(one: int | None, other: int | None) -> int | None:
    return other if one is None else max(one, other or 0)


def _mib(size: int | None) -> int | None:
    return None if size is None else size // _MIB


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
