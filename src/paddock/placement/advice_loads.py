"""The rule on how weights come from the disk, by this machine's own loads. Pure.

See docs/decisions/0012-load-modes-by-evidence.md.
"""

from collections.abc import Iterator, Sequence
from statistics import median

from paddock.api.placement import LoadEntry
from paddock.figures.units import count, seconds
from paddock.placement.profile_facts import Finding, ProfileFacts

_LEAST = 3  # loads of a mode: fewer say little
_MOST = 5  # the newest of each
_WARM, _COLD = 0.9, 0.5  # of the files in the page cache when the process was started
_TAKES_RAM = "none"


def load_mode_slower(facts: ProfileFacts) -> Iterator[Finding]:
    """Another mode was faster for these files, every time, with a page cache as the profile finds it."""
    loads = [load for load in facts.loads if _tells(load)]
    if not loads:
        return
    now, kind = _mode(loads[0]), _usual_kind(loads)
    alike = [load for load in loads if _kind(load) == kind and _size(load) == _size(loads[0])]
    times = {mode: _times(alike, mode) for mode in dict.fromkeys(map(_mode, alike))}
    ours = times.pop(now, [])
    faster = [
        (median(theirs), mode)
        for mode, theirs in times.items()
        if min(len(ours), len(theirs)) >= _LEAST and max(theirs) < min(ours)
    ]
    if not faster:
        return
    took, mode = min(faster)
    message = (
        f"its {kind} loads by {now} took {seconds(median(ours))} ({count(len(ours), 'load')}), by {mode} "
        f"{seconds(took)} ({count(len(times[mode]), 'load')})"
    )
    ram = "; weights that stay in RAM then take memory of their own" if mode == _TAKES_RAM else ""
    yield Finding(
        "info", message, f"write load-mode = {mode}{ram}", facts.profile.flag("--load-mode")
    )


def _tells(load: LoadEntry) -> bool:
    """Whether it succeeded, and its mode and its page cache are known."""
    placement = load.placement
    if load.outcome != "ready" or placement is None or not placement.load_mode:
        return False
    return placement.weights is not None and bool(_kind(load))


def _mode(load: LoadEntry) -> str:
    return load.placement.load_mode if load.placement else ""


def _size(load: LoadEntry) -> int:
    return load.placement.weights.mib if load.placement and load.placement.weights else 0


def _kind(load: LoadEntry) -> str:
    """`warm` or `cold`; empty in between, where the share cached decides more than the mode."""
    weights = load.placement.weights if load.placement else None
    if weights is None or weights.cached is None:
        return ""
    return "warm" if weights.cached >= _WARM else "cold" if weights.cached <= _COLD else ""


def _usual_kind(loads: Sequence[LoadEntry]) -> str:
    """How the profile's loads mostly are."""
    warm = sum(_kind(load) == "warm" for load in loads)
    return "warm" if warm * 2 >= len(loads) else "cold"


def _times(loads: Sequence[LoadEntry], mode: str) -> list[float]:
    """Seconds of the newest."""
    return [load.seconds for load in loads if _mode(load) == mode][:_MOST]
