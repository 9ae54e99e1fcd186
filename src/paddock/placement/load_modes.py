"""Which load mode this machine's own loads name, and for whom it may be chosen. Pure.

See docs/decisions/0012-load-modes-by-evidence.md.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from paddock.api.placement import LoadEntry, LoadMode, PageCache, Plan
from paddock.config.profile import Profile
from paddock.figures.units import count, seconds
from paddock.llama.flags import FlagSet
from paddock.placement.words import on_gpus, spills

FLAG = "--load-mode"
DEFAULT = "mmap"  # what llama-server's own `auto` takes, unless a device does not support it
CHOSEN = ("none", "dio")  # the others lock memory: nothing to be chosen for anybody
WARM, COLD = 0.9, 0.5  # of the files in the page cache when the process was started
STATES: tuple[PageCache, ...] = ("warm", "cold")
_LEAST = 3  # loads of a mode: fewer say little
_MOST = 5  # the newest of each
_VARIABLES = ("LLAMA_ARG_LOAD_MODE", "LLAMA_ARG_MMAP", "LLAMA_ARG_NO_MMAP", "LLAMA_ARG_MLOCK", "LLAMA_ARG_DIO")  # fmt: skip
_OLDER = ("--mmap", "--no-mmap", "--mlock", "--direct-io", "--no-direct-io")

# ---- for whom ----


def may_choose(
    profile: Profile, flags: FlagSet, environment: Mapping[str, str], plan: Plan | None
) -> bool:
    """Whether loads of it get the mode that `named` names. `flags`, `environment`: its engine's."""
    if profile.load_mode_choice == "off" or is_fixed(profile, flags, environment):
        return False
    return lies_on_gpus(plan)


def is_fixed(profile: Profile, flags: FlagSet, environment: Mapping[str, str]) -> bool:
    """Whether somebody has set it: the profile, or its engine's environment; or this engine knows no modes."""
    if flags.find(FLAG) is None or any(map(profile.flag, (FLAG, *_OLDER))):
        return True
    return any(name in environment for name in _VARIABLES)


def lies_on_gpus(plan: Plan | None) -> bool:
    """Whether its engine lays all its layers on GPUs with memory of their own.

    Then a mode changes how its weights come there, and not what it takes.
    """
    if plan is None or plan.source != "engine" or not plan.fits or not plan.layers:
        return False
    gpus = [device for device in on_gpus(plan) if device.total]
    is_apart = bool(gpus) and not any(gpu.in_ram or gpu.overflowing for gpu in gpus)
    return is_apart and plan.layers_on_devices is not None and not spills(plan)


# ---- which ----


def page_cache(share: float | None) -> PageCache | None:
    """As this share of the files finds it; None in between, where it decides more than the mode."""
    if share is None:
        return None
    return "warm" if share >= WARM else "cold" if share <= COLD else None


def named(loads: Sequence[LoadEntry], state: PageCache, mib: int) -> LoadMode | None:
    """The mode that was faster than llama-server's own every time, with files of this size in this state.

    `loads`: of one profile, the newest first. None: no mode was, or too few loads say so.
    """
    found = faster([load for load in loads if is_evidence(load)], DEFAULT, state, mib)
    return found if found and found.mode in CHOSEN else None


def faster(loads: Sequence[LoadEntry], now: str, state: PageCache, mib: int) -> LoadMode | None:
    """The mode that was faster than `now` every time; the quickest of several. Of loads for which `is_evidence`."""
    alike = [x for x in loads if state_of(x) == state and size_of(x) == mib]
    times = {mode: _times(alike, mode) for mode in dict.fromkeys(map(mode_of, alike))}
    ours = times.pop(now, [])
    quicker = [
        (median(theirs), mode)
        for mode, theirs in times.items()
        if min(len(ours), len(theirs)) >= _LEAST and max(theirs) < min(ours)
    ]
    if not quicker:
        return None
    took, mode = min(quicker)
    why = (
        f"its {state} loads by {now} took {seconds(median(ours))} ({count(len(ours), 'load')}), by {mode} "
        f"{seconds(took)} ({count(len(times[mode]), 'load')})"
    )
    return LoadMode(mode=mode, page_cache=state, why=why)


def is_evidence(load: LoadEntry) -> bool:
    """Whether it succeeded, and its mode and its page cache are known."""
    placement = load.placement
    if load.outcome != "ready" or placement is None or not placement.load_mode:
        return False
    return state_of(load) is not None


def mode_of(load: LoadEntry) -> str:
    """Its load mode; empty where nobody knows it."""
    return load.placement.load_mode if load.placement else ""


def size_of(load: LoadEntry) -> int:
    """MiB of its files; 0 where nobody knows."""
    return load.placement.weights.mib if load.placement and load.placement.weights else 0


def state_of(load: LoadEntry) -> PageCache | None:
    """What the page cache had of its files when its process was started; None: in between, or unknown."""
    weights = load.placement.weights if load.placement else None
    return page_cache(weights.cached) if weights else None


def _times(loads: Sequence[LoadEntry], mode: str) -> list[float]:
    """Seconds of the newest."""
    return [load.seconds for load in loads if mode_of(load) == mode][:_MOST]
