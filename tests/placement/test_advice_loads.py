"""Advice on load modes comes from enough loads that are alike, or not at all."""

import pytest

from paddock.api.placement import LoadEntry, Placement
from paddock.api.weights import LoadedWeights
from paddock.config.profile import Profile
from paddock.placement.advice import advise
from paddock.placement.profile_facts import ProfileFacts


def loads(
    mode: str, *times: float, cached: float | None = 1.0, mib: int = 900, outcome: str = "ready"
):
    placement = Placement(load_mode=mode, weights=LoadedWeights(mib=mib, cached=cached))
    return [
        LoadEntry(
            instance="p.1", profile="p", fingerprint="f", seconds=time, outcome=outcome,
            placement=placement,
        )
        for time in times
    ]  # fmt: skip


def advice(*found: list[LoadEntry], chosen: bool = False) -> list[str]:
    newest_first = tuple(load for some in found for load in some)
    own = Profile(id="p", line=1, model=None, flags=())
    facts = ProfileFacts(profile=own, loads=newest_first, gets_faster_mode=chosen)
    return [a.message + "; " + a.hint for a in advise(facts) if a.code == "load-mode-slower"]


def test_a_mode_that_was_faster_every_time_is_named():
    [words] = advice(loads("mmap", 9.0, 9.8, 10.0), loads("none", 6.0, 6.1, 6.4, 6.2))
    assert words.startswith("its warm loads by mmap took 9.8 s (3 loads), by none 6.2 s (4 loads)")
    assert "; write load-mode = none; weights that stay in RAM" in words


def test_cold_loads_are_compared_with_cold_ones():
    [words] = advice(
        loads("mmap", 20.0, 21.0, 22.0, cached=0.1), loads("dio", 15.0, 15.5, 16.0, cached=0.0)
    )
    assert words.endswith("write load-mode = dio")
    assert words.startswith("its cold loads")


@pytest.mark.parametrize(
    "found",
    [
        [loads("mmap", 9.0, 9.8, 10.0)],
        [loads("mmap", 9.0, 9.8, 10.0), loads("none", 6.0, 6.1)],  # too few
        [loads("mmap", 9.0, 9.8), loads("none", 6.0, 6.1, 6.2)],
        [loads("mmap", 9.0, 9.8, 6.1), loads("none", 6.0, 6.1, 6.2)],  # not every time
        [loads("none", 6.0, 6.1, 6.2), loads("mmap", 9.0, 9.8, 10.0)],  # it has the faster one
        [loads("mmap", 9.0, 9.8, 10.0, cached=0.1), loads("none", 6.0, 6.1, 6.2)],  # not alike
        [loads("mmap", 9.0, 9.8, 10.0, cached=0.7), loads("none", 6.0, 6.1, 6.2, cached=0.7)],
        [loads("mmap", 9.0, 9.8, 10.0, cached=None), loads("none", 6.0, 6.1, 6.2)],
        [loads("mmap", 9.0, 9.8, 10.0), loads("none", 6.0, 6.1, 6.2, mib=500)],  # other files
        [loads("mmap", 9.0, 9.8, 10.0), loads("none", 6.0, 6.1, 6.2, outcome="failed")],
        [loads("", 9.0, 9.8, 10.0), loads("none", 6.0, 6.1, 6.2)],
        [],
    ],
)  # fmt: skip
def test_anything_less_proves_nothing(found: list[list[LoadEntry]]):
    assert advice(*found) == []


def test_where_paddock_takes_the_faster_one_by_itself_there_is_nothing_to_write():
    found = loads("mmap", 9.0, 9.8, 10.0), loads("none", 6.0, 6.1, 6.4)
    assert advice(*found)
    assert advice(*found, chosen=True) == []
