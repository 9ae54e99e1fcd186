"""Whether a plan's flags may be given to a load now, instead of a new search. Pure."""

from collections.abc import Mapping

import msgspec

from paddock.api.placement import DevicePlan, Placement, Plan
from paddock.core.model import HOST, DeviceId
from paddock.llama.fit import HOST as HOST_NAME
from paddock.placement.devices import Readings, gpu_ids
from paddock.placement.words import gib, on_gpus

_CLOSE = 64  # MiB: what a desktop takes and gives back from minute to minute
# By which the weights of a device may differ from its plan: the share for what is rounded buffer by buffer.
_ROUNDED_MIB, _ROUNDED_SHARE = 8, 0.005


class Replay(msgspec.Struct, kw_only=True):
    """What a load was given of its plan."""

    flags: list[str]  # the end of its command line
    overflowing: int = 0  # layers of which parts lie elsewhere: only fit prints that
    needs: dict[str, int] = {}  # MiB that must be free of each device that only an engine can read
    cut_to: dict[str, int] = {}  # MiB of each such device that a plan had to be cut to
    weights: dict[
        str, int
    ] = {}  # MiB of the model's own that each device is to hold; none: not known
    splits: int | None = None  # of the graph, at most

    @property
    def placement(self) -> Placement:
        """What is known of where it lies before its log says anything."""
        return Placement(replayed=True, layers_overflowing=self.overflowing or None)

    def misfit(self, free: Mapping[str, int]) -> str:
        """What the engine sees too little of, or far more than it was cut to; empty where neither.

        `free`: MiB by its own names, what others of ours hold not included.
        """
        for device, needed in self.needs.items():
            if free.get(device, needed) < needed:
                return f"{device} has {gib(free[device])} free, its plan needs {gib(needed)}"
        for device, then in self.cut_to.items():
            if free.get(device, 0) > then + _CLOSE:
                return f"{device} has {gib(free[device])} free, its plan was cut to {gib(then)}"
        return ""

    def difference(self, placement: Placement) -> str:
        """Where its own weights lie otherwise than fit chose, or its graph has more splits; empty where not.

        `placement`: by the log of the load, when the model's first graph is known and nothing else is loaded.
        """
        held = {b.device: b.mib for b in placement.buffers if b.kind == "model"}
        for device in sorted({*self.weights, *held} - {HOST_NAME}) if self.weights else ():
            mib, planned = held.get(device, 0.0), self.weights.get(device, 0)
            if abs(mib - planned) > _ROUNDED_MIB + _ROUNDED_SHARE * planned:
                return f"{device} holds {gib(mib)} of weights, its plan has {gib(planned)}"
        if self.splits and (placement.graph_splits or 0) > self.splits:
            return f"{placement.graph_splits} graph splits, its plan has {self.splits}"
        return ""


def replay(plan: Plan, readings: Readings) -> Replay:
    """What a load is given of this plan."""
    reported = {id_ for id_, reading in readings.items() if reading.is_reported}
    unread = [d for d in on_gpus(plan) if d.id.startswith("RPC") or d.id in reported]
    return Replay(
        flags=plan.replay,
        overflowing=sum(device.overflowing for device in plan.devices),
        needs={
            device.device: min(device.available or 0, device.total + device.margin)
            for device in unread
        },
        cut_to={
            device.device: device.available
            for device in unread
            if plan.steps and not device.in_ram and device.available is not None
        },
        weights=plan.replay_weights,
        splits=plan.graph_splits if plan.replay_weights else None,
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
        available = _available(plan, device, readings)
        if available is None or device.available is None:
            return f"nobody can tell what is free of {device.device}"
        taken = sum(beside.get(id_, 0) for id_ in _pool(plan, device))
        if why := _too_little(device, available - taken) or _far_more(plan, device, available):
            return why
    return ""


def _available(plan: Plan, device: DevicePlan, readings: Readings) -> int | None:
    """MiB that the engine would see of it if we had nothing there; None where nobody can tell.

    Of a GPU in RAM an engine counts what was set aside for it and as much of the rest as its backend
    pleases. So what it saw is the measure, and what RAM and that part have more or less since then.
    """
    reading = readings.get(DeviceId(device.id))
    now = reading.available_mib if reading else None
    if not device.in_ram:
        return now
    host = plan.device(HOST_NAME)
    ram = _change(host.available if host else None, readings, HOST)
    is_apart = reading is not None and reading.total_mib is not None
    aside = _change(device.set_aside, readings, DeviceId(device.id)) if is_apart else 0
    if device.available is None or ram is None or aside is None:
        return None
    return min(device.available + ram + aside, device.size or device.available + ram + aside)


def _change(then: int | None, readings: Readings, id_: DeviceId) -> int | None:
    now = readings[id_].available_mib if id_ in readings else None
    return None if then is None or now is None else now - then


def _pool(plan: Plan, device: DevicePlan) -> list[DeviceId]:
    """What lies where that device's memory is: of one in RAM, all that RAM has."""
    if not device.in_ram:
        return [DeviceId(device.id)]
    return [DeviceId(other.id) for other in plan.devices if other.in_ram or other.id == HOST]


def _too_little(device: DevicePlan, free: int) -> str:
    """Less than it counted with is enough where what it needs, and the margin, is still there."""
    available = device.available or 0
    if free >= available or free - device.total >= device.margin:
        return ""
    return f"{device.device} has {gib(free)} free, its plan counted with {gib(available)}"


def _far_more(plan: Plan, device: DevicePlan, available: int) -> str:
    """What was cut to size could now be more."""
    then, close = device.available or 0, _CLOSE
    if device.in_ram:  # RAM changes all the time: `plan_cache.holds` has the same quarter
        host = plan.device(HOST_NAME)
        close = max(_CLOSE, (host.available or 0) // 4 if host else 0)
    if plan.steps and available > then + close:
        return f"{device.device} has {gib(available)}, its plan was cut to {gib(then)}"
    return ""
