"""Rules that compare a profile's plan with the available memory. Pure."""

from collections.abc import Iterator

from paddock.api.placement import DevicePlan
from paddock.config.lint import FIT_BLOCKERS, FITTABLE
from paddock.config.profile import Flag, Profile
from paddock.core.model import DeviceId
from paddock.figures.drivers import DRIVER_MIB
from paddock.figures.units import count
from paddock.placement.devices import DEFAULT_MARGIN, Reading, fits_itself, held_by, margins_of
from paddock.placement.profile_facts import Finding, ProfileFacts, Severity, marked
from paddock.placement.words import gib, on_gpus, on_host

# Margins, MiB. 128 failed in one of five runs on an H200, where what comes past the projection was up
# to 200; 256 held in all. A display needs room for the next window.
QUIET_MARGIN, BUSY_MARGIN = 256, DEFAULT_MARGIN
_WORTH_A_MARGIN = 256  # MiB in the hands of other programs


# ---- whether it fits ----


def does_not_fit(facts: ProfileFacts) -> Iterator[Finding]:
    """It needs more than a GPU has; or fit gave up, and the load is tried as asked for."""
    plan = facts.plan
    if plan is None or plan.fits or plan.refusal:
        return
    over = [d for d in on_gpus(plan) if d.left is not None and d.left < 0]
    short = [
        f"{d.device} would have to hold {gib(d.total)} of {gib(d.available or 0)}" for d in over
    ]
    gave_up = [w for w in plan.warnings if w.startswith("llama.cpp gives up")]
    message = f"it does not fit: {'; '.join([*short, *gave_up])}{marked(plan)}"
    at, hint = _what_hinders(facts.profile)
    is_certain = bool(over) and plan.source == "engine"
    yield Finding("error" if is_certain else "warning", message, hint, at)


def _what_hinders(profile: Profile) -> tuple[Flag | None, str]:
    """What keeps fit from making it fit, and what to write instead."""
    if not fits_itself(profile):
        return profile.flag("--fit"), "write FIT = on, or lower CTX_SIZE"
    layers = profile.flag("--n-gpu-layers")
    if layers and layers.values[0] not in FITTABLE:
        return layers, "write N_GPU_LAYERS = auto, or lower CTX_SIZE"
    blocker = next(filter(None, map(profile.flag, FIT_BLOCKERS)), None)
    if blocker:
        return blocker, f"leave out {blocker.name}, so that --fit can place it"
    return None, "lower CTX_SIZE, or free GPU memory"


def ram_exceeded(facts: ProfileFacts) -> Iterator[Finding]:
    """llama.cpp never compares its part in RAM with what there is."""
    host = on_host(facts.plan) if facts.plan else None
    if host is None or host.left is None or host.left >= 0:
        return
    refuses = facts.profile.on_swap == "refuse"
    reading = facts.readings.get(DeviceId(host.id))
    by = f"; most is held by {held_by(reading.takers)}" if reading and reading.takers else ""
    hint = (
        "`on-swap = refuse` keeps it from being loaded; lower CTX_SIZE or use a smaller quantisation"
        if refuses
        else "lower CTX_SIZE or use a smaller quantisation; `on-swap = refuse` would not load it"
    )
    message = f"its part in RAM is {gib(host.total)}, but only {gib(host.available or 0)} is available{by}"
    yield Finding("error" if refuses else "warning", message, hint)


# ---- margins ----


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
    return max(given, BUSY_MARGIN) if _use(facts.readings.get(DeviceId(device.id))) else given


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
    wanted = [max(one, BUSY_MARGIN) if use else min(one, QUIET_MARGIN) for use in uses]
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
