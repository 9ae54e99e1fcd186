"""The ledger: what every device holds, for whom, and what all of our instances together may take.

GPUs are read through their drivers, RAM from the kernel. What only llama.cpp can see (RPC devices, cards
whose driver nobody reads here) is known as far as an engine reported it when it planned. Devices go by an identity that
no engine can change: a PCI address, `RPC0[host:port]`, `host`.
"""

import copy
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec

from paddock.api.placement import Placement, Plan
from paddock.api.types import DeviceInfo
from paddock.atomic_write import atomic_write
from paddock.config.settings import Settings
from paddock.core.model import HOST, POOL, Demand, DeviceId, InstanceId, Room
from paddock.daemon.instances.registry import Booked
from paddock.daemon.memory.device_info import (
    add_telemetry,
    gpu_info,
    host_info,
    identified,
)
from paddock.daemon.memory.engine_devices import EngineDevices, is_remote
from paddock.daemon.memory.held_gpus import with_held
from paddock.daemon.memory.holders import held_by, used_by
from paddock.daemon.memory.release import GpuReader, released
from paddock.figures.device_names import in_order
from paddock.host.gpus import Gpu, Gpus, Telemetry
from paddock.host.memory import Memory, read_memory
from paddock.host.processes import own_mib
from paddock.host.processor import Processors
from paddock.llama.fit import HOST as HOST_NAME
from paddock.llama.fit import FitDevice
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


class Driver(GpuReader, Protocol):
    """Whoever reads the GPUs."""

    def telemetry(self) -> dict[str, Telemetry]: ...


class Kept(Protocol):
    """Whoever knows which RAM we hold for no process: kept contexts, which make room for a model."""

    @property
    def taken_mib(self) -> int: ...


# Of what an engine's log adds up to, the least part that a driver counts where it counts all.
_COUNTED = 0.9


class Ledger:
    """Reads the devices; keeps the last reading."""

    def __init__(
        self,
        settings: Settings,
        *,
        driver: Driver | None = None,
        memory_file: Path | None = None,
        kept: Kept | None = None,
        held_file: Path | None = None,
    ) -> None:
        """`memory_file`: where measured overheads are kept for the next daemon; `kept`: None for none.

        `held_file`: where it is written which GPUs jobs of Ray hold.
        """
        self._kept, self._held_file = kept, held_file
        self._margin = settings.memory_margin
        self._max_instances = settings.max_instances
        self._driver = driver or Gpus()
        self._processors = Processors()
        self._gpus: tuple[Gpu, ...] = ()
        self._memory: Memory | None = None
        self._known = EngineDevices()
        self._file = memory_file
        self.overheads: dict[str, int] = _remembered(memory_file)  # MiB by the engine's name
        self.readings: dict[DeviceId, Reading] = {}
        self._uncounted: frozenset[int] = (
            frozenset()
        )  # processes of whom a driver does not count all

    # ---- reading ----

    def read(self, booked: Booked) -> Room:
        """Read everything; what all instances together may take."""
        self._gpus, self._memory = with_held(self._driver.read(), self._held_file), read_memory()
        readings = [self._gpu_reading(gpu, booked) for gpu in self._gpus]
        listed = {gpu_id(gpu) for gpu in self._gpus}
        readings += self._known.readings(booked, listed)
        in_ram = frozenset(reading.id for reading in readings if reading.is_in_ram)
        readings.append(self._host_reading(booked, in_ram))
        self.readings = {reading.id: reading for reading in readings}
        return Room(
            capacity=pooled(dict(self._capacities()), self.readings),
            max_instances=self._max_instances,
            # ggml-rpc-server answers one client at a time.
            exclusive=frozenset(filter(is_remote, self.readings)),
            in_ram=in_ram,
            names=self._names(),
        )

    def _names(self) -> dict[DeviceId, str]:
        names = self._known.names | {reading.id: reading.name for reading in self.readings.values()}
        sharers = [reading.name for reading in self.readings.values() if reading.is_in_ram]
        return names | ({POOL: f"RAM with {', '.join(sharers)}"} if sharers else {})

    def _capacities(self) -> Iterable[tuple[DeviceId, int]]:
        for reading in self.readings.values():
            if reading.available_mib is not None:
                kept = self._margin if reading.id == HOST else 0
                yield reading.id, max(0, reading.available_mib - kept)

    def _gpu(self, id_: DeviceId) -> Gpu | None:
        return next((gpu for gpu in self._gpus if gpu_id(gpu) == id_), None)

    def _gpu_reading(self, gpu: Gpu, booked: Booked) -> Reading:
        reading = gpu_reading(
            gpu,
            names=self._known.names,
            ours={holding.pid for holding in booked.values()},
            ours_mib=sum(self._held(gpu, booked).values()),
        )
        if not reading.is_in_ram and reading.id not in self._known.in_ram:
            return self._known.completed(reading, booked)
        return replace(reading, is_in_ram=True, reach_mib=self._reach(gpu, reading, booked))

    def _reach(self, gpu: Gpu, reading: Reading, booked: Booked) -> int | None:
        """MiB that it can have of RAM and of what was set aside, when all of our instances have left.

        The least of what engines see of it and what its driver would map; None where neither is known.
        """
        limits = [self._known.in_ram.get(reading.id)]
        if gpu.lendable_mib is not None and reading.available_mib is not None:
            lent = (p.ram_mib for h in booked.values() for p in of_session(gpu, h.pid))
            limits.append(reading.available_mib + gpu.lendable_mib + sum(lent))
        return min((limit for limit in limits if limit is not None), default=None)

    def _held(self, gpu: Gpu, booked: Booked) -> dict[InstanceId, int]:
        """MiB of each instance."""
        in_ram = gpu.is_in_ram or gpu_id(gpu) in self._known.in_ram
        return held_by(gpu, booked, is_in_ram=in_ram, uncounted=self._uncounted)

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
        return self._known.copy(), dict(self.overheads)

    def learn(self, plan: Plan) -> None:
        """An engine named its devices, and those that only it can see."""
        self._known.learn(plan, {gpu_id(gpu) for gpu in self._gpus if gpu.total_mib is not None})

    def saw(self, free: Mapping[str, int], ids: Mapping[str, DeviceId], beside: Booked) -> None:
        """An engine saw so much free before its load, MiB by its own names; `beside`: who of ours was there.

        Of theirs only what their logs add up to is counted: what is reckoned beside that may be less in truth.
        """
        for name, mib in free.items():
            if id_ := ids.get(name):
                own = [h.demand[id_] for h in beside.values() if h.demand.get(id_)]
                overhead = overhead_of(name, self.overheads)
                self._known.saw(id_, mib + sum(max(0, held - overhead) for held in own))

    def measured(
        self,
        pid: int,
        placement: Placement,
        devices: Iterable[FitDevice],
        *,
        has_projector: bool = False,
    ) -> Demand:
        """What an instance holds of each device, MiB: by its driver, else by its own log.

        A projector is in no line of the log: then what the driver counts more is not its overhead; nor is what devices
        that work as one take to exchange results. Managed memory
        (GGML_CUDA_ENABLE_UNIFIED_MEMORY) the driver counts as nobody's: then its log is believed.
        """
        held = {HOST_NAME: 0.0}
        for buffer in placement.buffers:
            held[buffer.device] = held.get(buffer.device, 0.0) + buffer.mib
        demand: dict[DeviceId, int] = {HOST: round(held.pop(HOST_NAME)) + HOST_OVERHEAD}
        devices = list(devices)
        parts = {device.name for device in devices if device.is_part}
        ids = self.ids(pid, list(held), devices)
        for id_ in dict.fromkeys(ids.values()):  # one card may be used through two backends
            names = [name for name, mib in held.items() if mib and ids[name] == id_]
            if names:
                mib = round(sum(held[name] for name in names))
                driven = used_by(self._gpu(id_), pid)
                if driven is not None and driven < _COUNTED * mib:
                    self._uncounted |= {pid}
                    driven = None
                elif driven is not None and not (has_projector or parts or names[1:]):
                    self._note_overhead(names[0], max(0, driven - mib))
                overhead = sum(overhead_of(name, self.overheads) for name in names)
                demand[id_] = mib + overhead if driven is None else driven
        return demand

    def ids(self, pid: int, names: list[str], devices: list[FitDevice]) -> dict[str, DeviceId]:
        """The identities of these devices of an instance.

        By the driver, which lists the process, where its log does not say them: it may have lost its beginning, and of
        devices that work as one (`--split-mode tensor`) it has no more than names.
        """
        ids = ids_of(devices, self.readings)
        for name, id_ in ids.items():
            self._known.note_name(id_, name)
        known = self._known.ids
        own = [gpu_id(gpu) for gpu in self._gpus if used_by(gpu, pid)]
        gpus = sorted((n for n in names if not n.startswith("RPC")), key=lambda n: (len(n), n))
        if len(gpus) == len(own):
            known |= zip(gpus, own, strict=True)
        known |= ids
        return {name: known.get(name, DeviceId(name)) for name in names}

    def _note_overhead(self, name: str, mib: int) -> None:
        """The driver's share grows with the first real batch: the most that was seen counts."""
        if mib > self.overheads.get(name, -1):
            self.overheads[name] = mib
            if self._file:
                with suppress(OSError):
                    atomic_write(self._file, msgspec.json.encode(self.overheads))

    # ---- waiting, and what people see ----

    async def freed(self, pid: int, *, within: float) -> None:
        """Return when no GPU holds memory for this ended process any more, at most after `within` s: see `release`."""
        await released(self._driver, self._gpus, pid, within=within)

    def telemetry(self) -> dict[DeviceId, Telemetry]:
        """How hard each GPU works now; asks the drivers anew."""
        return {DeviceId(id_): what for id_, what in self._driver.telemetry().items()}

    def devices(self, booked: Booked) -> list[DeviceInfo]:
        """Each device as last read, with what is booked on it, used by whom, and how hard it works."""
        telemetry = self.telemetry()
        order = in_order(reading.name for reading in self.readings.values())
        readings = sorted(self.readings.values(), key=lambda r: (r.id == HOST, order.index(r.name)))
        infos = [self._info(reading, booked) for reading in readings]
        for info in infos:
            if found := telemetry.get(DeviceId(info.id)):
                add_telemetry(info, found)
        return infos

    def _info(self, reading: Reading, booked: Booked) -> DeviceInfo:
        if reading.id == HOST:
            return host_info(reading, booked, self.memory, self._processors.read())
        gpu = self._gpu(reading.id)
        held = self._held(gpu, booked) if gpu else {}
        info = gpu_info(reading, self.readings, booked, gpu, held)
        described = self._known.descriptions.get(reading.id, "")
        return identified(info, gpu, described, self._known.other_names(reading.id))

    def twin(self) -> "Ledger":
        """One that knows the same, for a thread to read with: no decision sees what it reads."""
        twin = copy.copy(self)
        twin._known = self._known.copy()
        return twin

    def read_devices(self, booked: Booked) -> list[DeviceInfo]:
        """Each device as of now."""
        self.read(booked)
        return self.devices(booked)


def _remembered(file: Path | None) -> dict[str, int]:
    if file is None:
        return {}
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=dict[str, int])
    return {}
