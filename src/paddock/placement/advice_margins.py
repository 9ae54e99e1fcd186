"""Rules about margins: how many there are, for what, and whether a device can keep them. Pure."""

from collections.abc import Iterator

from msgspec import structs

from paddock.api.placement import DevicePlan
from paddock.config.profile import Profile
from paddock.core.model import DeviceId
from paddock.figures.drivers import DRIVER_MIB
from paddock.figures.units import count, plural
from paddock.placement.devices import (
    DEFAULT_MARGIN,
    Reading,
    Readings,
    fits_itself,
    gpus,
    held_by,
    margins_of,
    with_ram,
)
from paddock.placement.profile_facts import Finding, ProfileFacts, Severity
from paddock.placement.tensor_parallel import is_tensor_parallel
from paddock.placement.words import gib, margin_names, on_gpus

# Margins, MiB. 128 failed in one of five runs on an H200, where what comes past the projection was up
# to 200; 256 held in all. A display needs room for the next window.
QUIET_MARGIN, BUSY_MARGIN = 256, DEFAULT_MARGIN
_WORTH_A_MARGIN = 256  # MiB in the hands of other programs


def most_margin(has_mib: int | None) -> int | None:
    """The largest margin to advise for a device of this size, MiB: a quarter of it."""
    if has_mib is None:
        return None
    quarter = has_mib // 4
    return quarter - quarter % (64 if quarter >= 64 else 1)


def margin_too_large(facts: ProfileFacts) -> Iterator[Finding]:
    """On a device that must keep more free than it has, llama.cpp places nothing, and says nothing."""
    profile, plan = facts.profile, facts.plan
    if not fits_itself(profile):
        return
    flag = profile.flag("--fit-target")
    if plan is None:
        message = _too_large_for_one(facts) or _too_large_for_all(profile, facts.readings)
        if message:
            yield Finding("warning", message, "write margins that your GPUs can keep", flag)
        return
    devices = on_gpus(plan)
    over = [device for device in devices if device.is_all_margin]
    if plan.source == "engine" and over:
        few = plural(len(over), "there", "on any of these")
        right = ",".join(str(_keepable(device, facts)) for device in devices)
        hint = f"write FIT_TARGET = {right} (in the order {_order(devices)})"
        yield Finding("warning", f"{margin_names(over)}: nothing can lie {few}", hint, flag)


def tensor_split_not_fitted(facts: ProfileFacts) -> Iterator[Finding]:
    """What `--fit` would do is not done for a model that is split by tensors, and llama.cpp goes on without it."""
    profile = facts.profile
    if not is_tensor_parallel(profile):
        return
    flag, target = profile.flag("--split-mode"), profile.flag("--fit-target")
    if not profile.ctx_size:
        message = "with SPLIT_MODE = tensor no context is fitted: it is the whole that the model was trained with"
        yield Finding("warning", message, "write CTX_SIZE", flag)
    if target and target.origin.section == profile.id:
        message = "FIT_TARGET has no effect beside SPLIT_MODE = tensor: no GPU keeps a margin"
        yield Finding(
            "warning", message, "write a CTX_SIZE that leaves room, and no FIT_TARGET", target
        )


def _too_large_for_one(facts: ProfileFacts) -> str:
    """By the sizes and the order of the devices that its engine saw when it planned last."""
    profile = facts.profile
    if not profile.flag("--fit-target") or profile.flag("--device"):
        return ""
    margins = margins_of(profile)
    devices = [
        structs.replace(device, margin=margins.at(place), available=device.size)
        for place, device in enumerate(facts.devices)
        if device.size
    ]
    over = [device for device in devices if device.margin >= (device.size or 0)]
    few = plural(len(over), "there", "on any of these")
    return f"{margin_names(over)}: nothing can lie {few}" if over else ""


def _too_large_for_all(profile: Profile, readings: Readings) -> str:
    """Without an engine the order of its devices is unknown: then a margin is compared with the largest GPU."""
    sizes = [with_ram(r, readings).total_mib for r in gpus(readings)]
    known = [size for size in sizes if size is not None]
    values = margins_of(profile).values
    if not values or not known or profile.flag("--rpc") or len(known) < len(sizes):
        return ""
    largest = max(known)
    over = [margin for margin in values if margin >= largest]
    if not over:
        return ""
    return f"a margin of {gib(over[0])} is more than any GPU of this machine has ({gib(largest)})"


def _keepable(device: DevicePlan, facts: ProfileFacts) -> int:
    """The margin that it has, or as much of it as there is reason for."""
    if not device.is_all_margin:
        return device.margin
    return min(device.margin, _most(device, facts, free=True) or device.margin)


def _most(device: DevicePlan, facts: ProfileFacts, *, free: bool = False) -> int | None:
    """`free`: of what it has just now, too."""
    reading = facts.readings.get(DeviceId(device.id))
    read = with_ram(reading, facts.readings).total_mib if reading else None
    sizes = [read or device.size, device.available if free else None]
    return most_margin(min((size for size in sizes if size is not None), default=None))


def _capped(margin: int, device: DevicePlan, facts: ProfileFacts) -> int:
    """No advice names a margin that a device cannot keep."""
    return min(margin, _most(device, facts) or margin)


def margins_miscounted(facts: ProfileFacts) -> Iterator[Finding]:
    """llama.cpp ignores those that are too many and takes 1024 for those that are missing."""
    plan, flag = facts.plan, facts.profile.flag("--fit-target")
    values = margins_of(facts.profile).values
    if plan is None or plan.source != "engine" or flag is None or len(values) < 2:
        return
    if not fits_itself(facts.profile):
        return
    devices = on_gpus(plan)
    if not devices or len(values) == len(devices):
        return
    names = ", ".join(device.device for device in devices)
    what = "the rest is ignored" if len(values) > len(devices) else "the rest gets 1024 each"
    found = count(len(devices), "device")
    message = f"{len(values)} margins for {found} ({names}): {what}"
    right = ",".join(str(_margin(i, device, facts)) for i, device in enumerate(devices))
    yield Finding("warning", message, f"write FIT_TARGET = {right}", flag)


def _margin(place: int, device: DevicePlan, facts: ProfileFacts) -> int:
    """The one that is counted, but never too little for what else the device does."""
    given = margins_of(facts.profile).at(place)
    if device.is_all_margin:
        given = _keepable(device, facts)
    if not _use(facts.readings.get(DeviceId(device.id))):
        return given
    return max(given, _capped(BUSY_MARGIN, device, facts))


def one_margin_for_all(facts: ProfileFacts) -> Iterator[Finding]:
    """The same margin for a GPU that other programs use and for one that none uses."""
    plan, margins = facts.plan, margins_of(facts.profile).values
    devices = on_gpus(plan) if plan and plan.source == "engine" else []
    if plan is None or len(devices) < 2 or len(margins) > 1 or not fits_itself(facts.profile):
        return
    uses = [_use(facts.readings.get(DeviceId(device.id))) for device in devices]
    if all(uses) or not any(uses):
        return
    one = margins[0] if margins else DEFAULT_MARGIN
    wanted = [
        max(one, _capped(BUSY_MARGIN, device, facts)) if use else min(one, QUIET_MARGIN)
        for device, use in zip(devices, uses, strict=True)
    ]
    busy = "; ".join(f"{d.device} {use}" for d, use in zip(devices, uses, strict=True) if use)
    flag = facts.profile.flag("--fit-target")
    said = (
        f"FIT_TARGET {one} for all GPUs" if flag else f"the usual margin of {one} MiB on all GPUs"
    )
    severity: Severity = "warning" if plan.steps or not plan.fits else "info"
    hint = f"write FIT_TARGET = {','.join(map(str, wanted))} (in the order {_order(devices)})"
    yield Finding(severity, f"{said}, but {busy}", hint, flag)


def _order(devices: list[DevicePlan]) -> str:
    return ", ".join(device.device for device in devices)


def _use(reading: Reading | None) -> str:
    """Why a device needs more room than another; empty where it does not."""
    if reading is None:
        return ""
    if reading.drives_display:
        return "drives a display"
    mib = _foreign_mib(reading)
    if mib <= _WORTH_A_MARGIN:
        return ""
    by = f" ({held_by(reading.takers)})" if reading.takers else ""
    return f"has {gib(mib)} taken by other programs{by}"


def _foreign_mib(reading: Reading) -> int:
    """By the programs' own figures; in a container the driver may give none."""
    known = [taker.mib for taker in reading.takers if taker.mib is not None]
    return sum(known) if known else max(0, (reading.foreign_mib or 0) - DRIVER_MIB)
