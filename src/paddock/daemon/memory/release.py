"""Waits until drivers have given back what an ended process held."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Protocol

from paddock.core.model import DeviceId
from paddock.host.gpus import Gpu
from paddock.placement.survey import gpu_id


class GpuReader(Protocol):
    """Whoever reads how much of each GPU is free, and who holds what."""

    def read(self) -> list[Gpu]: ...


async def released(reader: GpuReader, last: Collection[Gpu], pid: int, *, within: float) -> None:
    """Return when no GPU holds memory for this ended process any more, at most after `within` s.

    NVIDIA lists a process until its memory is free. AMD's driver may give it back after the process is gone, and
    Intel's is taken to: there the free memory itself is looked at, against the `last` reading. Of a card that no driver
    reads nobody knows: the next load's engine sees what is free there (`Replay.misfit`).
    """
    if not last:
        return  # the kernel has taken host memory back before the exit is known
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            wanted = _given_back(last, pid)
            while _holds_memory(reader, pid, wanted):  # noqa: ASYNC110  # a driver has no event for it
                await asyncio.sleep(0.02)


def _given_back(last: Collection[Gpu], pid: int) -> dict[DeviceId, int]:
    """MiB that must be free of each card before its share counts as given back."""
    return {
        gpu_id(gpu): gpu.free_mib + round(0.8 * process.used_mib)
        for gpu in last
        for process in gpu.processes
        if gpu.vendor != "nvidia" and process.pid == pid
        if gpu.free_mib is not None and process.used_mib is not None
    }


def _holds_memory(reader: GpuReader, pid: int, wanted: Mapping[DeviceId, int]) -> bool:
    for gpu in reader.read():
        if any(process.pid == pid for process in gpu.processes):
            return True
        if gpu.free_mib is not None and gpu.free_mib < wanted.get(gpu_id(gpu), 0):
            return True
    return False
