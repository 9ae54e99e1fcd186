"""What a model would do beside what is loaded, and how fast others like it were on this machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from paddock.api.placement import Plan
from paddock.api.types import DeviceInfo, InstanceInfo, Status
from paddock.core.model import HOST, DeviceId
from paddock.hub.proposal import Fit
from paddock.llama.gguf import Facts
from paddock.placement.devices import Reading
from paddock.placement.draft_machine import Machine, machine_of


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """A model that was measured here: where it lay, and its tokens/s."""

    facts: Facts
    fit: Fit
    speed: float


@dataclass(frozen=True, slots=True)
class SpeedClass:
    """About how fast it would be. tokens/s."""

    speed: float
    models: int  # that this is reckoned from


def active_bytes(facts: Facts) -> float:
    """Bytes of weights that one token reads: of experts, the share that is used."""
    used = facts.experts_used / facts.experts if facts.experts else 1.0
    return sum(facts.layer_bytes) + sum(facts.expert_bytes) * used + facts.output_bytes


def speed_class(facts: Facts, fit: Fit, known: Iterable[MeasuredModel]) -> SpeedClass | None:
    """By the bytes a second that models in the same kind of place came to; None where there are none.

    Generation is bound by reading weights. It is a class, not a promise: short models do not reach it.
    """
    rates = [one.speed * active_bytes(one.facts) for one in known if one.fit == fit]
    own = active_bytes(facts)
    return SpeedClass(median(rates) / own, len(rates)) if rates and own else None


def machine_from(status: Status) -> Machine:
    """The machine as the daemon knows it, with the names of its engines, when all instances have left."""
    readings = {DeviceId(device.id): _reading(device) for device in status.devices}
    names = {DeviceId(device.id): device.description for device in status.devices}
    return machine_of(readings, models=names)


def _reading(device: DeviceInfo) -> Reading:
    free = None
    if device.total_mib is not None:
        free = device.total_mib - (device.foreign_mib or 0)
    id_ = DeviceId(device.id)
    return Reading(
        id_,
        device.name,
        device.total_mib,
        free,
        drives_display=device.drives_display,
        is_in_ram=device.in_ram and id_ != HOST,
    )


def pushed_out(plan: Plan, status: Status) -> list[str]:
    """Which profiles would have to leave for it now: idle ones before busy ones, the longest unused first."""
    devices = {device.id: device for device in status.devices}
    leaving: list[InstanceInfo] = []
    for wanted in plan.devices:
        device = devices.get(wanted.id)
        if device is None or device.free_mib is None or not wanted.total:
            continue
        lacks = wanted.total + wanted.margin - device.free_mib
        lacks -= sum(device.booked_mib.get(one.id, 0) for one in leaving)
        leaving += _leavers(lacks, device, status.instances, leaving)
    return [one.profile for one in leaving]


def _leavers(
    lacks: int,
    device: DeviceInfo,
    instances: Sequence[InstanceInfo],
    leaving: Sequence[InstanceInfo],
) -> list[InstanceInfo]:
    chosen = list[InstanceInfo]()
    for one in sorted(instances, key=lambda one: (one.leases > 0, one.since)):
        if lacks <= 0:
            break
        if one not in leaving and (held := device.booked_mib.get(one.id, 0)):
            chosen.append(one)
            lacks -= held
    return chosen
