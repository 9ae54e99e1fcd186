"""The rule on how weights come from the disk, by this machine's own loads. Pure.

See docs/decisions/0012-load-modes-by-evidence.md.
"""

from collections.abc import Iterator, Sequence

from paddock.api.placement import LoadEntry, PageCache
from paddock.placement.load_modes import FLAG, faster, is_evidence, mode_of, size_of, state_of
from paddock.placement.profile_facts import Finding, ProfileFacts

_TAKES_RAM = "none"


def load_mode_slower(facts: ProfileFacts) -> Iterator[Finding]:
    """Another mode was faster for these files, every time, with a page cache as the profile finds it."""
    loads = [load for load in facts.loads if is_evidence(load)]
    if not loads or facts.gets_faster_mode:
        return  # or nothing is left to be written
    found = faster(loads, mode_of(loads[0]), _usual_state(loads), size_of(loads[0]))
    if found is None:
        return
    ram = "; weights that stay in RAM then take memory of their own" if found.mode == _TAKES_RAM else ""  # fmt: skip
    hint = f"write load-mode = {found.mode}{ram}"
    yield Finding("info", found.why, hint, facts.profile.flag(FLAG))


def _usual_state(loads: Sequence[LoadEntry]) -> PageCache:
    """How the profile's loads mostly find it."""
    warm = sum(state_of(load) == "warm" for load in loads)
    return "warm" if warm * 2 >= len(loads) else "cold"
