"""The ledger: what every device holds, for whom, and what all of our instances together may take.

GPUs are read through their drivers, RAM from the kernel. What only llama.cpp can see (RPC devices, cards
whose driver nobody reads here) is known as far as an engine reported it when it planned. Devices go by an identity that
no engine can change: a PCI address, `RPC0[host:port]`, `host`.
"""

import asyncio
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
from paddock.figures.device_names import in_order
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
    ) -> None:
        """`memory_file`: where measured overheads are kept for the next daemon; `kept`: None for none."""
        self._kept = kept
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
        self._gpus, self._memory = tuple(self._driver.read()), read_memory()
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
            ours_mib=sum(self._shares(gpu, booked).values()),
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

    def _shares(self, gpu: Gpu, booked: Booked) -> dict[InstanceId, int]:
        """MiB of each instance: of its process and those of its session, a wrapper's child included.

        What a driver does not report, as in some containers, is taken to be what was booked: of a GPU in RAM
        that is counted as RAM.
        """
        lies_in_ram = gpu.is_in_ram or gpu_id(gpu) in self._known.in_ram
        if not gpu.processes:
            return {} if lies_in_ram else _hidden(gpu, booked)
        sessions = {p.pid: session_of(p.pid) for p in gpu.processes}
        shares: dict[InstanceId, int] = {}
        for instance, holding in booked.items():
            own = [p for p in gpu.processes if holding.pid in (p.pid, sessions[p.pid])]
            if own:
                used = [p.used_mib for p in own if p.used_mib is not None]
                assumed = 0 if lies_in_ram else holding.demand.get(gpu_id(gpu), 0)
                shares[instance] = sum(used) if used else assumed
        return self._with_uncounted(gpu, booked, shares)

    def _with_uncounted(
        self, gpu: Gpu, booked: Booked, shares: dict[InstanceId, int]
    ) -> dict[InstanceId, int]:
        """With what is in use and no process's, for those of whom a driver does not count all."""
        spare = (gpu.used_mib or 0) - sum(p.used_mib or 0 for p in gpu.processes)
        for instance, mib in shares.items():
            holding = booked[instance]
            if holding.pid in self._uncounted and spare > 0:
                more = min(spare, max(0, holding.demand.get(gpu_id(gpu), 0) - mib))
                shares[instance], spare = mib + more, spare - more
        return shares

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
                driven = self._used_by_driver(id_, pid)
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

        NVIDIA lists a process until its memory is free. AMD's driver may give it back after the process is gone, and
        Intel's is taken to: there the free memory itself is looked at, against the last reading. Of a card that no driver
        reads nobody can tell: the next load's engine sees what is free there (`Replay.misfit`).
        """
        if not self._gpus:
            return  # the kernel has taken host memory back before the exit is known
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                held = self._given_back(pid)
                while self._holds_memory(pid, held):  # noqa: ASYNC110  # a driver has no event for it
                    await asyncio.sleep(0.02)

    def _given_back(self, pid: int) -> dict[DeviceId, int]:
        """MiB that must be free of each card before its share counts as given back."""
        return {
            gpu_id(gpu): gpu.free_mib + round(0.8 * process.used_mib)
            for gpu in self._gpus
            for process in gpu.processes
            if gpu.vendor != "nvidia" and process.pid == pid
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
        shares = self._shares(gpu, booked) if gpu else {}
        info = gpu_info(reading, self.readings, booked, gpu, shares)
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
