"""Devices as plans see them: the memory of each when all our own instances have left. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from paddock.config.profile import Profile
from paddock.core.model import HOST, POOL, DeviceId
from paddock.llama.fit import FitDevice
from paddock.placement.tensor_parallel import is_tensor_parallel

DEFAULT_MARGIN = 1024  # MiB on each device: llama.cpp's own (--fit-target)

# MiB that a process takes of a GPU beside llama.cpp's buffers, until it was measured on this machine:
# the driver's context and what cuBLAS loads (590 on an H100 and an H200 with CUDA 13). What lies
# behind RPC is the other process's. `GPU0` is one that no engine has named yet: the most of them.
_OVERHEADS = {"CUDA": 600, "ROCm": 500, "Vulkan": 300, "SYCL": 500, "GPU": 600}
# Anonymous memory of a process beside its buffers (136 MiB for a 1 GB model, twice that for wider
# ones; measured: build 11434, CPU).
HOST_OVERHEAD = 272


@dataclass(frozen=True, slots=True)
class Taker:
    """A program that is none of ours."""

    name: str
    mib: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One device at one moment, MiB. None where unknown."""

    id: DeviceId
    name: str  # for people: the engine's name where it is known
    total_mib: int | None
    free_mib: int | None
    ours_mib: int = 0  # MiB held by our instances, which are free when they have left
    takers: tuple[Taker, ...] = ()
    drives_display: bool | None = None
    is_in_ram: bool = False  # it takes RAM, too; all above is what was set aside for it alone
    reach_mib: int | None = None  # of one in RAM: what it can have of that and of RAM at most
    is_reported: bool = False  # no driver reads it: it is as an engine saw it last
    is_listed: bool = False  # of such a one: a driver names it all the same, without its memory
    loads_seen: int = 0  # of such a one: loads that saw more than was known, each a new fact

    @property
    def available_mib(self) -> int | None:
        """MiB available when all our instances have left."""
        return None if self.free_mib is None else self.free_mib + self.ours_mib

    @property
    def foreign_mib(self) -> int | None:
        """What other programs and the driver itself take."""
        if self.is_reported and not self.id.startswith("RPC"):
            return None  # a driver that we do not read keeps a share, and who else is there is not known
        if self.total_mib is None or self.available_mib is None:
            return None
        return max(0, self.total_mib - self.available_mib)


Readings = Mapping[DeviceId, Reading]


@dataclass(frozen=True, slots=True)
class Margins:
    """`--fit-target`: MiB that stay free, by place in the engine's order of devices."""

    values: tuple[int, ...] = ()  # as written; one stands for all, missing ones are the default

    def at(self, place: int) -> int:
        if len(self.values) == 1:
            return self.values[0]
        return self.values[place] if place < len(self.values) else DEFAULT_MARGIN


def margins_of(profile: Profile) -> Margins:
    """The profile's own margins."""
    flag = profile.flag("--fit-target")
    words = re.split(r"[,/]+", flag.values[0]) if flag and flag.values else []
    return Margins(tuple(int(word) for word in words if word.strip().isdecimal()))


def fits_itself(profile: Profile) -> bool:
    """Whether llama.cpp may change what does not fit: the default, unless the profile says no, or splits tensors."""
    flag = profile.flag("--fit")
    is_on = flag is None or flag.values != ("off",)
    return is_on and not is_tensor_parallel(profile)


def overhead_of(device: str, measured: Mapping[str, int]) -> int:
    """MiB beside llama.cpp's buffers on the device of this engine name; measured ones come first."""
    kind = device.rstrip("0123456789")
    return measured.get(device, _OVERHEADS.get(kind, 0))


def ids_of(devices: Sequence[FitDevice], readings: Readings) -> dict[str, DeviceId]:
    """The ledger's identity of each device of an engine, by the engine's name for it.

    A GPU is its PCI address, whatever an engine calls it; without one (an old build) the only GPU
    of that size. An RPC device is its place among those of its endpoint, as llama.cpp names its
    buffers. One that is a part of several says only its name, which stands for another card with another engine: it is
    left out.
    """
    ids: dict[str, DeviceId] = {}
    seen: dict[str, int] = {}  # RPC devices by endpoint
    for device in devices:
        if device.name.startswith("RPC"):
            place = seen.setdefault(device.description, 0)
            seen[device.description] += 1
            ids[device.name] = DeviceId(f"RPC{place}[{device.description}]")
        elif device.address:
            ids[device.name] = DeviceId(device.address)
        elif device.is_part:
            continue
        else:
            ids[device.name] = _by_size(device, readings) or DeviceId(device.name)
    return ids


def _by_size(device: FitDevice, readings: Readings) -> DeviceId | None:
    """A driver and an engine count the same card's memory within a few hundred MiB."""
    alike = [
        r.id
        for r in readings.values()
        if r.id != HOST and r.total_mib and abs(r.total_mib - (device.total_mib or 0)) < 1024
    ]
    return alike[0] if len(alike) == 1 else None


def is_in_ram(device: FitDevice, reading: Reading | None, ram_mib: int | None = None) -> bool:
    """Whether it shares the machine's memory, of `ram_mib`: as the engine or its driver says, or as it follows.

    What an engine sees beyond a driver's own memory can only be RAM; they count differently within
    a few hundred MiB. Of what no driver reads, one that has to the MiB what the machine has is in RAM, as
    CUDA counts on integrated GPUs.
    """
    if device.is_in_ram or (reading and reading.is_in_ram):
        return True
    own = reading.total_mib if reading and not reading.is_reported else None
    if own is None:
        is_near = not device.name.startswith("RPC") and ram_mib is not None
        return is_near and device.total_mib == ram_mib
    return (device.total_mib or 0) > own * 1.25 + 1024


def pooled(capacity: Mapping[DeviceId, int], readings: Readings) -> dict[DeviceId, int]:
    """What instances may take together, where GPUs lie in RAM: each its reach, all and the host the pool."""
    in_ram = {id_: reading for id_, reading in readings.items() if reading.is_in_ram}
    if not in_ram:
        return dict(capacity)
    apart = {id_: mib for id_, mib in capacity.items() if id_ not in in_ram}
    if HOST not in capacity:
        return apart
    reaches = {id_: r.reach_mib for id_, r in in_ram.items() if r.reach_mib is not None}
    aside = sum(capacity.get(id_, 0) for id_ in in_ram)
    return apart | reaches | {POOL: capacity[HOST] + aside}


def with_ram(reading: Reading, readings: Readings) -> Reading:
    """A GPU as an engine sees it: one in RAM has that, too, as far as it reaches."""
    host = readings.get(HOST)
    if not reading.is_in_ram or host is None:
        return reading
    total = _at_most((reading.total_mib or 0) + (host.total_mib or 0), reading.reach_mib)
    available = host.available_mib
    free = None if available is None else (reading.available_mib or 0) + available
    return replace(reading, total_mib=total, free_mib=_at_most(free, reading.reach_mib), ours_mib=0)


def free_now(reading: Reading, readings: Readings) -> int | None:
    """MiB that a process could take of it while ours stay; of a GPU in RAM, what RAM has, too."""
    host = readings.get(HOST)
    if not reading.is_in_ram or host is None or host.free_mib is None:
        return reading.free_mib
    return _at_most((reading.free_mib or 0) + host.free_mib, reading.reach_mib)


def _at_most(mib: int | None, limit: int | None) -> int | None:
    return mib if mib is None or limit is None else min(mib, limit)


def gpus(readings: Readings) -> list[Reading]:
    return [reading for id_, reading in readings.items() if id_ != HOST]


def candidates(readings: Iterable[Reading]) -> list[Reading]:
    """The GPUs that an engine would take: those in RAM only where there is no other (llama.cpp build 11434,
    `llama_prepare_model_devices`)."""
    found = list(readings)
    return [reading for reading in found if not reading.is_in_ram] or found


def gpu_ids(readings: Readings) -> list[str]:
    """Which GPUs drivers list in this machine, used or not, whatever they say of them."""
    listed = (id_ for id_, r in readings.items() if r.is_listed or not r.is_reported)
    return sorted(id_ for id_ in listed if id_ != HOST and not id_.startswith("RPC"))


def held_by(takers: Iterable[Taker], *, most: int = 3) -> str:
    """The names of the largest: `Xorg, firefox`."""
    ranked = sorted(takers, key=lambda t: -(t.mib or 0))
    names = list(dict.fromkeys(taker.name for taker in ranked if taker.name))
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
