"""Rules that compare a profile's plan with the available memory. Pure."""

from collections.abc import Iterator

from paddock.config.lint import FIT_BLOCKERS, FITTABLE
from paddock.config.profile import Flag, Profile
from paddock.core.model import HOST
from paddock.placement.devices import fits_itself, held_by
from paddock.placement.plan_sums import HOST_ALONE, sums
from paddock.placement.profile_facts import Finding, ProfileFacts, marked
from paddock.placement.tensor_parallel import is_tensor_parallel
from paddock.placement.words import gib


def does_not_fit(facts: ProfileFacts) -> Iterator[Finding]:
    """It needs more than a GPU has; or fit gave up, and the load is tried as asked for."""
    plan = facts.plan
    if plan is None or plan.fits or plan.refusal:
        return
    over = [m for m in sums(plan) if m.name != HOST_ALONE and m.left is not None and m.left < 0]
    short = [
        f"{m.name} would have to hold {gib(sum(m.needed))} of {gib(m.available or 0)}" for m in over
    ]
    gave_up = [w for w in plan.warnings if w.startswith("llama.cpp gives up")]
    message = f"it does not fit: {'; '.join([*short, *gave_up])}{marked(plan)}"
    at, hint = _what_hinders(facts.profile)
    if twice := next((m for m in over if len(m.devices) > 1), None):
        hint = f"write DEVICE = {twice.devices[0]}: both are one card, which llama.cpp fills twice"
    is_certain = bool(over) and plan.source == "engine"
    yield Finding("error" if is_certain else "warning", message, hint, at)


def _what_hinders(profile: Profile) -> tuple[Flag | None, str]:
    """What keeps fit from making it fit, and what to write instead."""
    if is_tensor_parallel(profile):
        return profile.flag("--split-mode"), "lower CTX_SIZE, or write SPLIT_MODE = layer"
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
    over = [m for m in sums(facts.plan) if m.is_ram] if facts.plan else []
    worst = min(over, key=lambda m: 0 if m.left is None else m.left, default=None)
    if facts.plan is None or worst is None or worst.left is None or worst.left >= 0:
        return
    if worst.name != HOST_ALONE and not facts.plan.fits:
        return  # `does_not_fit` says so
    refuses = facts.profile.on_swap == "refuse"
    reading = facts.readings.get(HOST)
    by = f"; most is held by {held_by(reading.takers)}" if reading and reading.takers else ""
    hint = (
        "`on-swap = refuse` keeps it from being loaded; lower CTX_SIZE or use a smaller quantisation"
        if refuses
        else "lower CTX_SIZE or use a smaller quantisation; `on-swap = refuse` would not load it"
    )
    gpus = "" if worst.name == HOST_ALONE else f" ({worst.name.removeprefix('RAM ')})"
    needed, available = gib(sum(worst.needed)), gib(worst.available or 0)
    message = f"its part in RAM{gpus} is {needed}, but only {available} is available{by}"
    yield Finding("error" if refuses else "warning", message, hint)
