"""A load mode is chosen where enough loads name it, and only where it changes no plan."""

from typing import Any

import pytest

from paddock.api.placement import DevicePlan, LoadEntry, PageCache, Plan
from paddock.config.profile import Flag, Origin, Profile
from paddock.llama.flags import parse_help
from paddock.placement.load_modes import may_choose, named, page_cache
from tests.placement.test_advice_loads import loads

MMAP, NONE = loads("mmap", 9.0, 9.8, 10.0), loads("none", 6.0, 6.1, 6.4)
COLD = [*loads("mmap", 20.0, 21.0, 22.0, cached=0.1), *loads("dio", 15.0, 16.0, 15.5, cached=0.0)]
KNOWING = parse_help("-lm, --load-mode MODE   (env: LLAMA_ARG_LOAD_MODE)\n")


@pytest.mark.parametrize(
    ("found", "state", "mode"),
    [
        ([*MMAP, *NONE], "warm", "none"),
        ([*NONE, *MMAP], "warm", "none"),  # also once it was chosen
        ([*MMAP, *NONE], "cold", None),
        ([*MMAP, *NONE, *COLD], "cold", "dio"),
        ([*MMAP, *NONE, *COLD], "warm", "none"),
        (NONE, "warm", None),  # beside what else it would be, nobody knows
        ([*loads("none", 9.0, 9.8, 10.0), *loads("mmap", 6.0, 6.1, 6.4)], "warm", None),
        ([*MMAP, *NONE, *loads("dio", 5.0, 5.1, 5.2)], "warm", "dio"),
        ([*MMAP, *loads("none", 6.0, 6.1)], "warm", None),
        ([*MMAP, *loads("none", 6.0, 6.1, 9.1)], "warm", None),  # not every time
        ([*loads("none", 9.1), *MMAP, *NONE], "warm", None),  # it has become slower: given up
        ([*MMAP, *loads("mlock", 6.0, 6.1, 6.4)], "warm", None),
        ([*MMAP, *loads("none", 6.0, 6.1, 6.4, mib=901)], "warm", None),  # other files
        ([*MMAP, *loads("none", 6.0, 6.1, 6.4, outcome="failed")], "warm", None),
    ],
)
def test_the_mode_that_was_faster_every_time_is_named(
    found: list[LoadEntry], state: PageCache, mode: str | None
):
    chosen = named(found, state, 900)
    assert (chosen and chosen.mode) == mode
    if chosen:
        assert chosen.why.startswith(f"its {state} loads by mmap took ")


def test_files_of_another_size_have_to_be_loaded_anew_first():
    assert named([*MMAP, *NONE], "warm", 901) is None


@pytest.mark.parametrize(
    ("share", "state"),
    [(1.0, "warm"), (0.9, "warm"), (0.89, None), (0.51, None), (0.5, "cold"), (0.0, "cold"), (None, None)],
)  # fmt: skip
def test_a_page_cache_is_warm_or_cold_or_proves_nothing(share: float | None, state: str | None):
    assert page_cache(share) == state


def profile(*flags: str, **more: Any) -> Profile:
    given = tuple(Flag(name, ("none",), Origin("p", name)) for name in flags)
    return Profile(id="p", line=1, model=None, flags=given, **more)


def plan(*devices: DevicePlan, on_devices: int | None = 33, **more: Any) -> Plan:
    known: dict[str, Any] = {"source": "engine", "fits": True, **more}
    host = DevicePlan(device="Host", id="host", model=300)
    all_of_it = [*(devices or [gpu()]), host]
    return Plan(profile="p", layers=33, layers_on_devices=on_devices, devices=all_of_it, **known)


def gpu(**more: Any) -> DevicePlan:
    return DevicePlan(**{"device": "CUDA0", "id": "0000:01:00.0", "model": 8000, "layers": 33, **more})  # fmt: skip


UNUSED = gpu(device="CUDA1", id="0000:02:00.0", model=0)


@pytest.mark.parametrize(
    ("found", "may"),
    [
        (plan(), True),
        (plan(gpu(), UNUSED), True),
        (plan(on_devices=32), False),
        (plan(on_devices=None), False),
        (plan(experts_in_ram=4), False),
        (plan(gpu(overflowing=1)), False),
        (plan(gpu(in_ram=True)), False),
        (plan(UNUSED), False),
        (plan(source="estimate"), False),
        (plan(fits=False), False),
        (None, False),
    ],
)
def test_it_is_chosen_only_for_what_lies_wholly_on_gpus(found: Plan | None, may: bool):
    assert may_choose(profile(), KNOWING, {}, found) is may


def test_what_somebody_has_set_stays():
    assert may_choose(profile(), KNOWING, {"CUDA_VISIBLE_DEVICES": "0"}, plan())
    assert not may_choose(profile("--load-mode"), KNOWING, {}, plan())
    assert not may_choose(profile("--no-mmap"), KNOWING, {}, plan())
    assert not may_choose(profile(), KNOWING, {"LLAMA_ARG_LOAD_MODE": "mmap"}, plan())
    assert not may_choose(profile(load_mode_choice="off"), KNOWING, {}, plan())
    assert not may_choose(profile(), parse_help("-m, --model FNAME\n"), {}, plan())
