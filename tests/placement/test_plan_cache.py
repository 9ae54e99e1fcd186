"""Plans that were made before: for how long they hold, and how they are kept."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.engine.engine import Engine
from paddock.llama.flags import FlagSet
from paddock.placement import plan_cache as module
from paddock.placement.devices import Reading, Readings
from paddock.placement.plan_cache import PlanCache, holds, is_news, is_outgrown, key_of
from tests.placement.ground import around, written

FIRST, SECOND, FAR = "0000:00:06.0", "0000:00:07.0", "RPC0[10.0.0.7:50052]"


def device(id_: str, total: int, available: int | None, margin: int = 1024) -> DevicePlan:
    return DevicePlan(device=id_, id=id_, model=total, available=available, margin=margin)


def plan(*devices: DevicePlan, fits: bool = True, **rest: Any) -> Plan:
    host = device(HOST, 1000, 60_000, 0)
    return Plan(profile="m", source="engine", fits=fits, devices=[*devices, host], **rest)


def now(**available: int | None) -> Readings:
    """The machine as it is, by the last figure of a slot; nothing of it is ours."""
    ids = {"first": FIRST, "second": SECOND, "far": FAR}
    readings = [Reading(DeviceId(ids[n]), n, None, mib) for n, mib in available.items()]
    return around(*readings, ram=100).readings


# ---- for how long they hold ----

ONE = plan(device(FIRST, 9000, 24000))


@pytest.mark.parametrize(("available", "does"), [(24000, True), (80000, True), (10024, True), (10023, False)])  # fmt: skip
def test_what_was_placed_as_asked_for_stays_so_while_it_fits_with_its_margin(
    available: int, does: bool
):
    assert holds(ONE, now(first=available)) == does


@pytest.mark.parametrize("change", [-65, 65])
def test_what_was_cut_to_size_is_cut_anew_when_memory_has_changed(change: int):
    cut = plan(device(FIRST, 22976, 24000), steps=["context cut from 131072 to 28416 tokens"])
    assert holds(cut, now(first=24000 + change // 65 * 64))
    assert not holds(cut, now(first=24000 + change))


def test_so_is_what_does_not_fit():
    assert not holds(plan(device(FIRST, 30000, 24000), fits=False), now(first=40000))


@pytest.mark.parametrize(("second", "does"), [(24000, True), (24480, True), (24481, False)])
def test_over_several_devices_the_shares_follow_their_free_memory(second: int, does: bool):
    """By two percent, as one layer of fifty."""
    both = plan(device(FIRST, 9000, 24000), device(SECOND, 9000, 24000))
    assert holds(both, now(first=24000, second=second)) == does


def test_over_several_small_devices_64_mib_are_close():
    both = plan(device(FIRST, 90, 1000, 100), device(SECOND, 90, 1000, 100))
    assert holds(both, now(first=1000, second=936))
    assert not holds(both, now(first=1000, second=935))


def test_a_card_that_is_gone_ends_it():
    assert not holds(ONE, now(second=24000))
    assert not holds(ONE, now())


def test_a_device_that_no_driver_sees_is_taken_to_be_as_it_was():
    assert holds(plan(device(FAR, 9000, 24000)), now(first=24000))
    assert holds(plan(device("CUDA0", 9000, 24000)), now(first=24000))
    assert not holds(plan(device(FAR, 9000, 24000)), now(far=9000))


@pytest.mark.parametrize("id_", [FAR, "Vulkan0"])
@pytest.mark.parametrize("how", [{"steps": ["4 of 10 layers to RAM"]}, {"fits": False}])
def test_what_was_cut_to_a_device_that_nobody_knows_now_is_found_out_anew(
    id_: str, how: dict[str, Any]
):
    """As after a restart: the plan on the disk is of a moment that nobody remembers."""
    assert not holds(plan(device(id_, 9000, 10_000), **how), now(first=24000))


SEEN = Reading(DeviceId("Vulkan0"), "Vulkan0", 16_000, 5_000, is_reported=True)
MORE = replace(SEEN, free_mib=15_000, loads_seen=1)


@pytest.mark.parametrize(
    ("then", "at", "is_more"),
    [
        (SEEN, MORE, True),
        (SEEN, replace(MORE, loads_seen=0), False),  # another plan says so: engines may differ
        (MORE, MORE, False),  # the plan was made after that load
        (SEEN, replace(MORE, free_mib=5_064), False),
    ],
)
def test_of_a_made_up_card_that_only_engines_read_a_load_that_saw_more_is_news_once(
    then: Reading, at: Reading, is_more: bool
):
    cut = plan(device("Vulkan0", 4_000, 5_000), steps=["4 of 10 layers to RAM"])
    before, after = around(then).readings, around(at).readings
    assert is_news(cut, before, after) == is_outgrown(cut, before, after) == is_more


def test_nothing_is_concluded_of_a_device_that_reports_nothing():
    assert holds(ONE, now(first=None))
    assert holds(plan(device(FIRST, 9000, None)), now(first=0))


def test_ram_does_not_count_as_it_changes_all_the_time():
    assert holds(plan(), now())


@pytest.mark.parametrize(("available", "has"), [(24064, False), (24065, True), (20000, False)])
def test_what_was_cut_is_outgrown_when_memory_has_been_given_back(available: int, has: bool):
    cut = plan(device(FIRST, 22976, 24000), steps=["context cut from 131072 to 28416 tokens"])
    assert is_outgrown(cut, {}, now(first=available)) == has
    assert not is_outgrown(ONE, {}, now(first=available)), "as asked for, it takes what it takes"


def test_what_was_cut_to_a_made_up_gpu_in_ram_is_outgrown_by_ram():
    shared = DevicePlan(device=FIRST, id=FIRST, model=9000, available=15_800, in_ram=True)
    cut = plan(shared, steps=["context cut from 131072 to 28416 tokens"])
    reading = Reading(DeviceId(FIRST), "GPU0", 512, 460, is_in_ram=True)
    assert not is_outgrown(cut, {}, around(reading, ram=75_000).readings)
    assert is_outgrown(cut, {}, around(reading, ram=75_001).readings)


@pytest.mark.parametrize(("first", "is_new"), [(24064, False), (24065, True), (23935, True), (None, True)])  # fmt: skip
def test_a_plan_is_worth_another_when_what_is_read_has_changed(first: int | None, is_new: bool):
    assert is_news(ONE, now(first=24000), now(first=first)) == is_new
    assert not is_news(ONE, now(first=first), now(first=first))


def test_what_lies_behind_rpc_and_ram_that_no_gpu_shares_are_no_news():
    assert not is_news(ONE, now(first=24000), now(first=24000, far=5000))
    assert is_news(ONE, now(first=24000), now(first=24000, second=5000))


# ---- for whom they hold ----


def test_a_plan_is_for_the_devices_that_its_engine_was_to_see():
    engine = Engine("native", "native", ("llama-server",), "1", 1, FlagSet.of(()), "1")
    one = key_of(written(), engine, {"HOME": "/a", "CUDA_VISIBLE_DEVICES": "0"})
    assert key_of(written(), engine, {"HOME": "/b", "CUDA_VISIBLE_DEVICES": "0"}) == one
    others = [
        key_of(written(), engine, environ)
        for environ in (
            {},
            {"CUDA_VISIBLE_DEVICES": "1"},
            {"CUDA_VISIBLE_DEVICES": "0", "GGML_VK_VISIBLE_DEVICES": "0"},
        )
    ]
    others.append(
        key_of(written(), replace(engine, env=(("A", "1"),)), {"CUDA_VISIBLE_DEVICES": "0"})
    )
    assert len({one, *others}) == 5


@pytest.mark.parametrize(
    ("name", "chooses"),
    [
        *((name, True) for name in (
            "VK_ICD_FILENAMES", "VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES", "VK_LOADER_DRIVERS_SELECT",
            "VK_LOADER_DRIVERS_DISABLE", "VK_LOADER_DEVICE_SELECT", "VK_LOADER_DEVICE_ID_FILTER",
            "MESA_VK_DEVICE_SELECT", "MESA_VK_DEVICE_SELECT_FORCE_DEFAULT_DEVICE", "DRI_PRIME",
            "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR",
        )),
        *((name, False) for name in ("VK_LOADER_DEBUG", "PATH", "MESA_SHADER_CACHE_DIR", "DISPLAY")),
    ],
)  # fmt: skip
def test_variables_that_choose_devices_make_another_plan_and_no_others(name: str, *, chooses: bool):
    engine = Engine("native", "native", ("llama-server",), "1", 1, FlagSet.of(()), "1")
    assert (key_of(written(), engine, {name: "1"}) != key_of(written(), engine, {})) is chooses


# ---- how they are kept ----


@pytest.fixture
def cache(tmp_path: Path) -> PlanCache:
    return PlanCache(tmp_path / "plans")


def test_what_is_put_there_is_found_there(cache: PlanCache):
    cache.put("a", ONE)
    assert cache.find("a") == ONE
    assert cache.find("b") is None


def test_nobody_else_may_read_them(cache: PlanCache, tmp_path: Path):
    cache.put("a", ONE)
    (file,) = (tmp_path / "plans").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"profile": "m"}', b"\xff"])
def test_one_that_cannot_be_read_is_none(cache: PlanCache, tmp_path: Path, content: bytes):
    cache.put("a", ONE)
    (tmp_path / "plans" / "a.json").write_bytes(content)
    assert cache.find("a") is None


def test_without_a_place_nothing_is_kept_and_nothing_fails(tmp_path: Path):
    (tmp_path / "file").write_text("")
    cache = PlanCache(tmp_path / "file")
    cache.put("a", ONE)
    assert cache.find("a") is None


def test_only_the_newest_are_kept(
    cache: PlanCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_KEPT", 2)
    monkeypatch.setattr(module, "_SWEPT_EVERY", 1)
    for key in "abcd":
        cache.put(key, ONE)
    assert sorted(path.stem for path in (tmp_path / "plans").iterdir()) == ["c", "d"]


@pytest.mark.parametrize(("ram", "does"), [(60_000, True), (50_000, True), (44_000, False)])
def test_on_a_made_up_gpu_in_ram_a_plan_holds_while_ram_is_about_what_it_was(ram: int, does: bool):
    shared = DevicePlan(device=FIRST, id=FIRST, model=9000, available=15_800, in_ram=True)
    readings = around(Reading(DeviceId(FIRST), "GPU0", 512, 460), ram=ram).readings
    assert holds(plan(shared, steps=["context cut from 131072 to 28416 tokens"]), readings) == does
    assert holds(plan(shared), readings), "what was not cut is not remade for what was set aside"


def test_what_an_engine_saw_when_it_planned_last_is_found_among_others(
    tmp_path: Path, engine: Engine
):
    cache = PlanCache(tmp_path)
    assert cache.devices(engine) == []
    far = DevicePlan(device="RPC0", id=FAR, description="10.0.0.7:50052", size=5000)
    kept = [
        (plan(device("old", 0, 1)), engine.version),
        (plan(device(FIRST, 0, 1), device(SECOND, 0, 1)), engine.version),
        (plan(far, device(FIRST, 0, 1)), engine.version),
        (plan(device("another", 0, 1)), "another build"),
    ]
    for number, (one, version) in enumerate(kept):
        one.engine, one.engine_version = engine.name, version
        cache.put(str(number), one)
        os.utime(tmp_path / f"{number}.json", (number, number))
    assert [d.id for d in cache.devices(engine)] == [FIRST, SECOND]
    assert [d.id for d in cache.devices(engine, ["10.0.0.7:50052"])] == [FAR, FIRST]
    assert cache.devices(engine, ["10.0.0.8:50052"]) == []
