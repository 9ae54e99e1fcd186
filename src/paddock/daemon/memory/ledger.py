"""The ledger: what every device holds, for whom, and what all of our instances together may take.

GPUs are read through their drivers, RAM from the kernel. What only llama.cpp can see (RPC devices, cards
whose driver nobody reads here) is known as far as an engine reported it when it planned. Devices go by an identity that
no engine can change: a PCI address, `RPC0[host:port]`, `host`.
"""

import asyncio
import copy
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import msgspec

from paddock.api.placement import DevicePlan, Placement, Plan
from paddock.api.types import DeviceInfo
from paddock.atomic_write import atomic_write
from paddock.config.settings import Settings
from paddock.core.model import HOST, Demand, DeviceId, InstanceId, Room
from paddock.daemon.instances.registry import Booked
from paddock.daemon.memory.device_info import add_telemetry, gpu_info, host_info
from paddock.host.gpus import Gpu, Gpus, Telemetry
from paddock.host.memory import Memory, read_memory
from paddock.host.processes import own_mib, session_of
from paddock.host.processor import Processors
from paddock.llama.fit_log import HOST as HOST_NAME
from paddock.llama.fit_log import FitDevice
from paddock.placement.devices import (
    HOST_OVERHEAD,
    Reading,
    ids_of,
    overhead_of,
    pooled,
)
from paddock.placement.survey import (
    borrowed_mib,
    gpu_id,
    gpu_reading,
    host_reading,
    of_session,
)


class Driver(Protocol):
    """Whoever reads the GPUs."""

    def read(self) -> list[Gpu]: ...
    def telemetry(self) -> dict[str, Telemetry]: ...


class Kept(Protocol):
    """Whoever knows which RAM we hold for no process: kept contexts, which make room for a model."""

    @property
    def taken_mib(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _ReportedDevice:
    """A device that only an engine can see, MiB."""

    name: str
    total: int | None
    available: int  # when all of our instances have left


@dataclass(slots=True)
class _Known:
    """What engines reported."""

    names: dict[DeviceId, str] = field(default_factory=dict)
    reported: dict[DeviceId, _ReportedDevice] = field(default_factory=dict)
    in_ram: frozenset[DeviceId] = frozenset()  # GPUs that share the machine's memory


class Ledger:
    """Reads the devices; keeps the last reading."""

    def __init__(
        self,
        settings: Settings,
        *,
        driver: Driver | None = None,
        memory_file: Path | None = None,
        kept: Kept | None = None,
    ) -> None:
        """`memory_file`: where measured overheads are kept for the next daemon; `kept`: None for none."""
        self._kept = kept
        self._margin = settings.memory_margin
        self._max_instances = settings.max_instances
        self._driver = driver or Gpus()
        self._processors = Processors()
        self._gpus: tuple[Gpu, ...] = ()
        self._memory: Memory | None = None
        self._known = _Known()
        self._file = memory_file
        self.overheads: dict[str, int] = _remembered(memory_file)  # MiB by the engine's name
        self.readings: dict[DeviceId, Reading] = {}

    # ---- reading ----

    def read(self, booked: Booked) -> Room:
        """Read everything; what all instances together may take."""
        self._gpus, self._memory = tuple(self._driver.read()), read_memory()
        readings = [self._gpu_reading(gpu, booked) for gpu in self._gpus]
        reported = {i: device for i, device in self._known.reported.items() if not self._gpu(i)}
        readings += [
            self._reported_reading(id_, device, booked) for id_, device in reported.items()
        ]
        in_ram = self._in_ram()
        readings.append(self._host_reading(booked, in_ram))
        self.readings = {reading.id: reading for reading in readings}
        return Room(
            capacity=pooled(dict(self._capacities()), in_ram),
            max_instances=self._max_instances,
            exclusive=frozenset(
                filter(_is_remote, reported)
            ),  # ggml-rpc-server answers one client at a time
            in_ram=in_ram,
            names=self._known.names | {reading.id: reading.name for reading in readings},
        )

    def _capacities(self) -> Iterable[tuple[DeviceId, int]]:
        for reading in self.readings.values():
            if reading.available_mib is not None:
                kept = self._margin if reading.id == HOST else 0
                yield reading.id, max(0, reading.available_mib - kept)

    def _in_ram(self) -> frozenset[DeviceId]:
        return self._known.in_ram | {gpu_id(gpu) for gpu in self._gpus if gpu.is_in_ram}

    def _gpu(self, id_: DeviceId) -> Gpu | None:
        return next((gpu for gpu in self._gpus if gpu_id(gpu) == id_), None)

    def _gpu_reading(self, gpu: Gpu, booked: Booked) -> Reading:
        reading = gpu_reading(
            gpu,
            names=self._known.names,
            ours={holding.pid for holding in booked.values()},
            ours_mib=sum(self._shares(gpu, booked).values()),
        )
        return replace(reading, is_in_ram=reading.is_in_ram or reading.id in self._known.in_ram)

    def _shares(self, gpu: Gpu, booked: Booked) -> dict[InstanceId, int]:
        """MiB of each instance: of its process and those of its session, a wrapper's child included.

        What a driver does not report, as in some containers, is taken to be what was booked.
        """
        if not gpu.processes:
            return _hidden(gpu, booked)
        sessions = {p.pid: session_of(p.pid) for p in gpu.processes}
        shares: dict[InstanceId, int] = {}
        for instance, holding in booked.items():
            own = [p for p in gpu.processes if holding.pid in (p.pid, sessions[p.pid])]
            if own:
                used = [p.used_mib for p in own if p.used_mib is not None]
                shares[instance] = sum(used) if used else holding.demand.get(gpu_id(gpu), 0)
        return shares

    def _reported_reading(self, id_: DeviceId, device: _ReportedDevice, booked: Booked) -> Reading:
        ours = sum(holding.demand.get(id_, 0) for holding in booked.values())
        free = device.available - ours
        return Reading(id_, device.name, device.total, free, ours, is_reported=True)

    def _host_reading(self, booked: Booked, in_ram: frozenset[DeviceId]) -> Reading:
        ours = sum(own_mib(holding.pid) for holding in booked.values())
        ours += self._kept.taken_mib if self._kept else 0
        for id_ in in_ram:
            gpu = self._gpu(id_)
            ours += sum(borrowed_mib(gpu, h.pid, h.demand.get(id_, 0)) for h in booked.values())
        return host_reading(self.memory, ours_mib=ours)

    @property
    def memory(self) -> Memory:
        """As last read."""
        return self._memory or Memory()

    @property
    def device_set(self) -> str:
        """Driver and devices, as one text that changes when they do."""
        gpus = [f"{gpu.vendor} {gpu.driver}: {gpu.name} ({gpu_id(gpu)})" for gpu in self._gpus]
        return "; ".join([*gpus, *map(str, self._known.reported)]) or "no GPU"

    # ---- what engines report ----

    @property
    def knowledge(self) -> object:
        """Names, devices that only engines see, overheads: equal for as long as nothing new was reported."""
        known = self._known
        return dict(known.names), dict(known.reported), known.in_ram, dict(self.overheads)

    def learn(self, plan: Plan) -> None:
        """An engine named its devices, and those that only it can see."""
        for device in plan.devices:
            id_ = DeviceId(device.id)
            self._known.names[id_] = device.device
            if device.available is not None and self._is_told(id_, device):
                self._known.reported[id_] = _ReportedDevice(
                    device.device, device.size, device.available
                )
            if device.in_ram:
                self._known.in_ram |= {id_}

    def _is_told(self, id_: DeviceId, device: DevicePlan) -> bool:
        """Whether nobody but the engine knows what it has; of what lies in RAM the kernel does."""
        return _is_remote(id_) or not (id_ == HOST or device.in_ram or self._gpu(id_))

    def measured(
        self,
        pid: int,
        placement: Placement,
        devices: Iterable[FitDevice],
        *,
        has_projector: bool = False,
    ) -> Demand:
        """What an instance holds of each device, MiB: by its driver, else by its own log.

        A projector is in no line of the log: then what the driver counts more is not its overhead.
        """
        held = {HOST_NAME: 0.0}
        for buffer in placement.buffers:
            held[buffer.device] = held.get(buffer.device, 0.0) + buffer.mib
        demand: dict[DeviceId, int] = {HOST: round(held.pop(HOST_NAME)) + HOST_OVERHEAD}
        ids = self._ids(pid, list(held), list(devices))
        for name, mib in held.items():
            if mib:
                driven = self._used_by_driver(ids[name], pid)
                if driven is not None and not has_projector:
                    self._note_overhead(name, max(0, driven - round(mib)))
                overhead = overhead_of(name, self.overheads)
                demand[ids[name]] = round(mib) + overhead if driven is None else driven
        return demand

    def _ids(self, pid: int, names: list[str], devices: list[FitDevice]) -> dict[str, DeviceId]:
        """The identities of these devices; where its log has lost its beginning, by its driver."""
        ids = ids_of(devices, self.readings)
        self._known.names |= {id_: name for name, id_ in ids.items()}
        known = {name: id_ for id_, name in self._known.names.items()}
        own = [gpu_id(gpu) for gpu in self._gpus if self._used_by_driver(gpu_id(gpu), pid)]
        gpus = sorted((n for n in names if not n.startswith("RPC")), key=lambda n: (len(n), n))
        if len(gpus) == len(own):
            known |= zip(gpus, own, strict=True)
        known |= ids
        return {name: known.get(name, DeviceId(name)) for name in names}

    def _used_by_driver(self, id_: DeviceId, pid: int) -> int | None:
        """MiB of this process and its session."""
        gpu = self._gpu(id_)
        own = of_session(gpu, pid)
        used = [p.used_mib + p.ram_mib for p in own if p.used_mib is not None]
        return sum(used) if used else None

    def _note_overhead(self, name: str, mib: int) -> None:
        """The driver's share grows with the first real batch: the most that was seen counts."""
        if mib > self.overheads.get(name, -1):
            self.overheads[name] = mib
            if self._file:
                with suppress(OSError):
                    atomic_write(self._file, msgspec.json.encode(self.overheads))

    # ---- waiting and telling ----

    async def freed(self, pid: int, *, within: float) -> None:
        """Return when no GPU holds memory for this ended process any more, at most after `within` s.

        NVIDIA lists a process until its memory is free. AMD's driver may give it back after the
        process is gone; there the free memory itself is looked at, against the last reading.
        """
        if not self._gpus:
            return  # the kernel has taken host memory back before the exit is known
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                held = self._held_on_amd(pid)
                while self._holds_memory(pid, held):  # noqa: ASYNC110  # a driver has no event for it
                    await asyncio.sleep(0.02)

    def _held_on_amd(self, pid: int) -> dict[DeviceId, int]:
        """MiB that must be free of each card before its share counts as given back."""
        return {
            gpu_id(gpu): gpu.free_mib + round(0.8 * process.used_mib)
            for gpu in self._gpus
            for process in gpu.processes
            if gpu.vendor == "amd" and process.pid == pid
            if gpu.free_mib is not None and process.used_mib is not None
        }

    def _holds_memory(self, pid: int, wanted: Mapping[DeviceId, int]) -> bool:
        for gpu in self._driver.read():
            if any(process.pid == pid for process in gpu.processes):
                return True
            if gpu.free_mib is not None and gpu.free_mib < wanted.get(gpu_id(gpu), 0):
                return True
        return False

    def telemetry(self) -> dict[DeviceId, Telemetry]:
        """How hard each GPU works now; asks the drivers anew."""
        return {DeviceId(id_): what for id_, what in self._driver.telemetry().items()}

    def devices(self, booked: Booked) -> list[DeviceInfo]:
        """Each device as last read, with what is booked on it, used by whom, and how hard it works."""
        telemetry = self.telemetry()
        infos = [self._info(reading, booked) for reading in self.readings.values()]
        for info in infos:
            if found := telemetry.get(DeviceId(info.id)):
                add_telemetry(info, found)
        return infos

    def _info(self, reading: Reading, booked: Booked) -> DeviceInfo:
        if reading.id == HOST:
            return host_info(reading, booked, self.memory, self._processors.read())
        gpu = self._gpu(reading.id)
        return gpu_info(reading, booked, gpu, self._shares(gpu, booked) if gpu else {})

    def twin(self) -> "Ledger":
        """One that knows the same, for a thread to read with: no decision sees what it reads."""
        twin = copy.copy(self)
        twin._known = _Known(
            dict(self._known.names), dict(self._known.reported), self._known.in_ram
        )
        return twin

    def read_devices(self, booked: Booked) -> list[DeviceInfo]:
        """Each device as of now."""
        self.read(booked)
        return self.devices(booked)


def _is_remote(id_: DeviceId) -> bool:
    return id_.startswith("RPC")


def _hidden(gpu: Gpu, booked: Booked) -> dict[InstanceId, int]:
    """What is booked, on a GPU that lists no process though so much of it is in use."""
    shares = {i: mib for i, holding in booked.items() if (mib := holding.demand.get(gpu_id(gpu)))}
    used = gpu.used_mib
    if used is None and gpu.total_mib is not None and gpu.free_mib is not None:
        used = gpu.total_mib - gpu.free_mib
    return shares if sum(shares.values()) <= (used or 0) else {}


def _remembered(file: Path | None) -> dict[str, int]:
    if file is None:
        return {}
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=dict[str, int])
    return {}
