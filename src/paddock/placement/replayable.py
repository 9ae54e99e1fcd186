"""Whether a plan's flags may be given to a load now, instead of a new search. Pure."""

from collections.abc import Mapping

import msgspec

from paddock.api.placement import DevicePlan, Placement, Plan
from paddock.core.model import DeviceId
from paddock.placement.devices import Readings, gpu_ids
from paddock.placement.words import gib, on_gpus

_CLOSE = 64  # MiB: what a desktop takes and gives back from minute to minute


class Replay(msgspec.Struct, kw_only=True):
    """What a load was given of its plan."""

    flags: list[str]  # the end of its command line
    overflowing: int = 0  # layers of which parts lie elsewhere: only fit prints that
    needs: dict[str, int] = {}  # MiB that must be free of each device that only an engine can read

    @property
    def placement(self) -> Placement:
        """What is known of where it lies before its log says anything."""
        return Placement(replayed=True, layers_overflowing=self.overflowing or None)

    def shortage(self, free: Mapping[str, int]) -> str:
        """What the engine sees too little of, MiB by its own names; empty where that suffices."""
        for device, needed in self.needs.items():
            if free.get(device, needed) < needed:
                return f"{device} has {gib(free[device])} free, its plan needs {gib(needed)}"
        return ""


def replay(plan: Plan) -> Replay:
    """What a load is given of this plan."""
    return Replay(
        flags=plan.replay,
        overflowing=sum(device.overflowing for device in plan.devices),
        needs={
            device.device: min(device.available or 0, device.total + device.margin)
            for device in on_gpus(plan)
            if device.id.startswith("RPC")
        },
    )


def obstacle(plan: Plan, readings: Readings, beside: Mapping[DeviceId, int]) -> str:
    """Why fit should search anew; empty where the plan's flags are as good.

    `beside`: MiB by device that instances take which stay while this one loads.
    """
    if not plan.replay:
        return "there is no plan with flags for it"
    if plan.gpus != gpu_ids(readings):
        return "the GPUs are not those of its plan"
    for device in on_gpus(plan):
        if why := _too_little(device, readings, beside) or _far_more(plan, device, readings):
            return why
    return ""


def _too_little(device: DevicePlan, readings: Readings, beside: Mapping[DeviceId, int]) -> str:
    """Less than it counted with is enough where what it needs, and the margin, is still there."""
    id_ = DeviceId(device.id)
    reading = readings.get(id_)
    if reading is None or reading.available_mib is None or device.available is None:
        return f"nobody can tell what is free of {device.device}"
    free = reading.available_mib - beside.get(id_, 0)
    if free >= device.available or free - device.total >= device.margin:
        return ""
    return f"{device.device} has {gib(free)} free, its plan counted with {gib(device.available)}"


def _far_more(plan: Plan, device: DevicePlan, readings: Readings) -> str:
    """What was cut to size could now be more."""
    available = readings[DeviceId(device.id)].available_mib or 0
    if plan.steps and available > (device.available or 0) + _CLOSE:
        return f"{device.device} has {gib(available)}, its plan was cut to {gib(device.available or 0)}"
    return ""
