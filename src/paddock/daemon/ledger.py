"""The simple ledger: what the machine has, what other programs take, what instances are booked with.

With GPUs, all of them are one pool, over which llama.cpp's fit spreads a model; without, the pool is
the host's memory. The next step replaces these estimates by llama.cpp's own plan, device by device;
the scheduler only ever sees `Room` and `Demand`, and need not change for that.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from paddock.api.types import DeviceInfo
from paddock.config.settings import Settings
from paddock.core.model import Demand, DeviceId, InstanceId, Room
from paddock.host.gpus import Gpu, Gpus
from paddock.host.memory import Memory, read_memory
from paddock.placement import estimate

GPU, HOST = DeviceId(estimate.GPU), DeviceId(estimate.HOST)  # the two pools
Booked = Mapping[InstanceId, tuple[int, Demand]]  # pid and demand of each live instance


class Driver(Protocol):
    """Whoever reads the GPUs."""

    def read(self) -> list[Gpu]: ...


class Ledger:
    """Reads the devices; keeps the last reading."""

    def __init__(self, settings: Settings, *, driver: Driver | None = None) -> None:
        self._margin = settings.memory_margin
        self._max_instances = settings.max_instances
        self._driver = driver or Gpus()
        self._gpus: tuple[Gpu, ...] = ()
        self._memory: Memory | None = None

    @property
    def pool(self) -> DeviceId:
        """On which every profile is booked."""
        return GPU if self._gpus else HOST

    def read(self, booked: Booked) -> Room:
        """Read everything; what all instances together may take."""
        self._gpus, self._memory = tuple(self._driver.read()), read_memory()
        pids = {pid for pid, _ in booked.values()}
        capacity = self._gpu_capacity(pids) if self._gpus else self._host_capacity(pids)
        room = {} if capacity is None else {self.pool: max(0, capacity)}
        return Room(capacity=room, max_instances=self._max_instances)

    def _gpu_capacity(self, pids: set[int]) -> int | None:
        """Free, and what our own processes hold, less the margin, over all GPUs."""
        total = 0
        for gpu in self._gpus:
            if gpu.free_mib is None:
                return None
            ours = sum(p.used_mib or 0 for p in gpu.processes if p.pid in pids)
            total += gpu.free_mib + ours - self._margin
        return total

    def _host_capacity(self, pids: set[int]) -> int | None:
        """Available, and what our own processes hold for themselves: mapped files count as available."""
        memory = self._memory
        if memory is None or memory.available_mib is None:
            return None
        return memory.available_mib + sum(_own_mib(pid) for pid in pids) - self._margin

    @property
    def gpus(self) -> int:
        return len(self._gpus)

    async def freed(self, pid: int, *, within: float) -> None:
        """Return when no GPU holds memory for this ended process any more, at most after `within` s."""
        if not self._gpus:
            return  # the kernel has taken host memory back before the exit was told
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._holds_memory(pid):  # noqa: ASYNC110  # a driver tells nobody
                    await asyncio.sleep(0.02)

    def _holds_memory(self, pid: int) -> bool:
        return any(process.pid == pid for gpu in self._driver.read() for process in gpu.processes)

    def devices(self, booked: Booked) -> list[DeviceInfo]:
        """Each device as last read, and what is booked on the pool it belongs to."""
        gpus = [
            DeviceInfo(
                name=f"GPU{gpu.index}",
                kind="gpu",
                description=gpu.name,
                total_mib=gpu.total_mib,
                free_mib=gpu.free_mib,
                booked_mib=_booked_on(GPU, booked),
            )
            for gpu in self._gpus
        ]
        memory = self._memory
        host = DeviceInfo(
            name="Host",
            kind="host",
            description="RAM",
            total_mib=memory.total_mib if memory else None,
            free_mib=memory.available_mib if memory else None,
            booked_mib=_booked_on(HOST, booked),
        )
        return [*gpus, host]


def _booked_on(device: DeviceId, booked: Booked) -> dict[str, int]:
    return {str(name): demand[device] for name, (_, demand) in booked.items() if device in demand}


def _own_mib(pid: int) -> int:
    """Memory that is the process's own (RssAnon of proc(5)), in MiB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) >> 10
    return 0
