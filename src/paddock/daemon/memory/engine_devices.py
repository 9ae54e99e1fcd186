"""What engines reported of devices when they planned: their names, and what no driver of ours reads."""

from dataclasses import dataclass, field, replace

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.daemon.instances.registry import Booked
from paddock.placement.devices import Reading

_CLOSE = 64  # MiB: what comes and goes from minute to minute


@dataclass(frozen=True, slots=True)
class _ReportedDevice:
    """A device with memory of its own that only an engine can see, MiB."""

    name: str
    total: int | None
    available: int  # when all of our instances have left
    loads_seen: int = 0  # loads that saw more than was known before


@dataclass(slots=True)
class EngineDevices:
    """By identity, as the last plans had them."""

    # Engines may have several for one device: `CUDA0`, and `Vulkan0` by another backend. The first counts.
    _names: dict[DeviceId, tuple[str, ...]] = field(default_factory=dict)
    descriptions: dict[DeviceId, str] = field(default_factory=dict)  # maker and model, of GPUs
    reported: dict[DeviceId, _ReportedDevice] = field(default_factory=dict)
    # GPUs that share the machine's memory, with the most MiB that any engine sees of each.
    in_ram: dict[DeviceId, int | None] = field(default_factory=dict)

    def copy(self) -> "EngineDevices":
        return EngineDevices(
            dict(self._names), dict(self.descriptions), dict(self.reported), dict(self.in_ram)
        )

    @property
    def names(self) -> dict[DeviceId, str]:
        """What each device is called."""
        return {id_: names[0] for id_, names in self._names.items()}

    @property
    def ids(self) -> dict[str, DeviceId]:
        """The device behind every name."""
        return {name: id_ for id_, names in self._names.items() for name in names}

    def other_names(self, id_: DeviceId) -> tuple[str, ...]:
        """By other backends."""
        return self._names.get(id_, ())[1:]

    def note_name(self, id_: DeviceId, name: str) -> None:
        """An engine calls it so: a number within its backend may change, a backend has one name for it."""
        family = name.rstrip("0123456789")
        known = self._names.get(id_, ())
        if family in (other.rstrip("0123456789") for other in known):
            known = tuple(name if o.rstrip("0123456789") == family else o for o in known)
        else:
            known = (*known, name)
        self._names[id_] = known

    def learn(self, plan: Plan, read: set[DeviceId]) -> None:
        """Take note of a plan's devices; `read`: those whose memory a driver reports."""
        for device in plan.devices:
            id_ = DeviceId(device.id)
            self.note_name(id_, device.device)
            if device.description and not is_remote(id_):
                self.descriptions[id_] = device.description
            if device.available is not None and _is_told(id_, device, read):
                seen = self.reported[id_].loads_seen if id_ in self.reported else 0
                self.reported[id_] = _ReportedDevice(
                    device.device, device.size, device.available, seen
                )
            if device.in_ram:
                sizes = (self.in_ram.get(id_), device.size)
                self.in_ram[id_] = max((mib for mib in sizes if mib is not None), default=None)

    def saw(self, id_: DeviceId, available: int) -> None:
        """A load's engine saw at least so much, what ours held beside it included: more than known is news.

        Less is not: a profile that is refused for want of memory loads never, so nothing would see that it is back.
        """
        known = self.reported.get(id_)
        if known is None:
            return
        mib = available if known.total is None else min(available, known.total)
        if mib > known.available + _CLOSE:
            seen = known.loads_seen + 1
            self.reported[id_] = replace(known, available=mib, loads_seen=seen)

    def readings(self, booked: Booked, known: set[DeviceId]) -> list[Reading]:
        """Of the devices that no driver lists; `known`: those that one does."""
        reported = [self._reported(i, booked) for i in self.reported if i not in known]
        return reported + [self._in_ram(i) for i in self.in_ram if i not in known]

    def completed(self, reading: Reading, booked: Booked) -> Reading:
        """With the memory that engines see, where its driver lists a device and reports none."""
        if reading.total_mib is not None or reading.id not in self.reported:
            return reading
        reported = self._reported(reading.id, booked)
        return replace(
            reported,
            drives_display=reading.drives_display,
            takers=reading.takers,
            is_listed=True,
        )

    def _reported(self, id_: DeviceId, booked: Booked) -> Reading:
        device = self.reported[id_]
        ours = sum(holding.demand.get(id_, 0) for holding in booked.values())
        free = device.available - ours
        seen = device.loads_seen
        return Reading(
            id_, device.name, device.total, free, ours, is_reported=True, loads_seen=seen
        )

    def _in_ram(self, id_: DeviceId) -> Reading:
        """It has what RAM has, as far as engines say that it reaches."""
        name, reach = self.names.get(id_, id_), self.in_ram[id_]
        return Reading(id_, name, None, None, is_in_ram=True, reach_mib=reach, is_reported=True)


def is_remote(id_: DeviceId) -> bool:
    return id_.startswith("RPC")


def _is_told(id_: DeviceId, device: DevicePlan, read: set[DeviceId]) -> bool:
    """Whether nobody but the engine knows what it has; of what lies in RAM the kernel does."""
    return is_remote(id_) or not (id_ == HOST or device.in_ram or id_ in read)
