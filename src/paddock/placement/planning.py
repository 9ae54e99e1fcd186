"""Turns the result of an engine's fit into a plan of the API. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from paddock.api.placement import DevicePlan, Plan
from paddock.config.profile import Profile
from paddock.core.model import HOST as HOST_ID
from paddock.core.model import DeviceId
from paddock.llama.fit import HOST, Fit, FitDevice, Sizes
from paddock.placement.devices import (
    HOST_OVERHEAD,
    Margins,
    Readings,
    fits_itself,
    gpu_ids,
    ids_of,
    is_in_ram,
    margins_of,
    overhead_of,
)
from paddock.placement.plan_sums import HOST_ALONE, sums
from paddock.placement.words import explain


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a plan depends on besides the profile: the machine at this moment."""

    readings: Readings
    overheads: Mapping[str, int]  # measured ones, MiB by the engine's device name
    ours: Mapping[DeviceId, int]  # MiB that will be free as well when our instances have left

    def is_in_ram(self, device: FitDevice, id_: DeviceId) -> bool:
        """Whether this GPU has the machine's memory."""
        host = self.readings.get(HOST_ID)
        return is_in_ram(device, self.readings.get(id_), host.total_mib if host else None)

    def available(self, device: FitDevice, id_: DeviceId) -> int:
        """MiB for the process as a whole, its driver's context included.

        Devices that only engines see are as this engine sees them: their reading is from an earlier plan.
        """
        reading = self.readings.get(id_)
        is_read = reading is not None and not reading.is_reported and not id_.startswith("RPC")
        is_the_drivers = is_read and not self.is_in_ram(device, id_)
        if reading and reading.available_mib is not None and is_the_drivers:
            return reading.available_mib
        free = device.free_mib + self.ours.get(id_, 0)
        return free if device.total_mib is None else min(free, device.total_mib)


def plan_of(profile: Profile, fit: Fit, around: Circumstances) -> Plan:
    """The plan that this fit is; explained, but for its maker and time."""
    margins = margins_of(profile) if fits_itself(profile) else Margins((0,))
    ids = ids_of(fit.devices, around.readings)
    devices = [
        _device_plan(fit, device, ids[device.name], margins.at(place), around)
        for place, device in enumerate(fit.devices)
    ]
    devices.append(_host_plan(fit, around))
    plan = Plan(
        profile=profile.id,
        fingerprint=profile.fingerprint,
        source="engine",
        devices=devices,
        n_ctx=fit.n_ctx,
        n_ctx_wanted=fit.reduced_from or profile.ctx_size or fit.n_ctx,
        layers=fit.trial.n_layers or None,
        layers_on_devices=fit.trial.n_layers - fit.trial.layers.get(HOST, 0),
        experts_in_ram=len(fit.trial.layers_moved_to_host),
        graph_splits=fit.trial.splits,
        gpus=gpu_ids(around.readings),
        fits=not fit.complaint,
    )
    plan.fits &= not _is_over_full(plan, is_fixed=not fits_itself(profile))
    explain(plan, around.readings, complaint=fit.complaint)
    return plan


def _device_plan(
    fit: Fit, device: FitDevice, id_: DeviceId, margin: int, around: Circumstances
) -> DevicePlan:
    sizes, reading = _sizes(fit, device.name), around.readings.get(id_)
    is_used, shares_ram = sizes.total > 0, around.is_in_ram(device, id_)
    return DevicePlan(
        device=device.name,
        id=id_,
        description=device.description,
        model=sizes.model,
        context=sizes.context,
        compute=sizes.compute,
        overhead=overhead_of(device.name, around.overheads) if is_used else 0,
        margin=margin,
        available=around.available(device, id_),
        size=device.total_mib,
        layers=fit.trial.layers.get(device.name, 0),
        overflowing=fit.overflowing.get(device.name, 0),
        in_ram=shares_ram,
        set_aside=reading.available_mib if reading and shares_ram else None,
    )


def _host_plan(fit: Fit, around: Circumstances) -> DevicePlan:
    sizes, reading = _sizes(fit, HOST), around.readings.get(HOST_ID)
    return DevicePlan(
        device=HOST,
        id=HOST_ID,
        model=sizes.model,
        context=sizes.context,
        compute=sizes.compute,
        overhead=HOST_OVERHEAD,
        available=reading.available_mib if reading else None,
        size=reading.total_mib if reading else None,
        layers=fit.trial.layers.get(HOST, 0),
    )


def _sizes(fit: Fit, name: str) -> Sizes:
    """Of the model, its draft and its projector together."""
    sizes = Sizes()
    for trial in (fit.trial, fit.draft):
        if trial and name in trial.sizes:
            sizes.add(trial.sizes[name])
    sizes.model += round(fit.projector_mib.get(name, 0.0))
    return sizes


def _is_over_full(plan: Plan, *, is_fixed: bool) -> bool:
    """Whether a GPU would be over-full, or RAM by what lies on GPUs there; the host alone swaps, which is a warning.

    Where fit is content, so is llama.cpp: what its last trial is over the target, for inputs of
    devices that work in turn, it does without if it must (`pipeline_parallel` in llama-context.cpp). But a card
    that two backends use it takes for two.
    """
    over = [m for m in sums(plan) if m.left is not None and m.left < 0 and m.name != HOST_ALONE]
    return any(is_fixed or len(memory.devices) > 1 for memory in over)
