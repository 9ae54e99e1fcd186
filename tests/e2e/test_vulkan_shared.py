"""What shares memory, what a device refuses, what is chosen and not there: on a real Vulkan engine.

The device is Mesa's lavapipe; its memory, type and PCI address are made up (`tests/vulkan.py`).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.types import InstanceInfo
from paddock.config.engines import EngineSpec
from paddock.llama.scripted import ScriptedModel, write
from tests.vulkan import ENGINE, Made, cards, needs_vulkan
from tests.yard import Yard, places, yard

pytestmark = needs_vulkan

CARD = "0000:03:00.0"
Opened = Callable[..., AbstractAsyncContextManager[Yard]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A daemon whose models.conf has these lines, on a made-up device."""

    def opening(device: Made, conf: str, **environ: str) -> AbstractAsyncContextManager[Yard]:
        for name, value in cards(tmp_path / "cards", device).env.items():
            monkeypatch.setenv(name, value)
        paths = msgspec.structs.replace(places(tmp_path / "y", conf), models_dir=tmp_path)
        for name in ("one", "two"):
            shape: Any = {"layers": 2, "embd": 256, "ctx": 16384, "target_mib": 24}
            write(tmp_path / f"{name}.gguf", ScriptedModel(say=f"I am {name}.", name=name, **shape))
        own = EngineSpec(path=str(ENGINE), env=environ)
        return yard(paths, engine="vulkan", engines={"vulkan": own})

    return opening


def conf(*names: str, keys: str = "") -> str:
    sections = (f"[{name}]\nmodel = {name}.gguf\n{keys}" for name in names)
    return "fit-target = 16\nwarmup = off\n" + "".join(sections)


async def judged(home: Yard, place: int = 0) -> InstanceInfo:
    """The instance, with its verdict."""
    status = await home.until(lambda s: s.instances[place].verdict is not None)
    return status.instances[place]


async def test_two_that_share_ram_through_a_made_up_gpu_stay_together_though_fit_is_off(
    opened: Opened,
):
    """Nothing was set aside for it, and both fit in what the engine sees of RAM."""
    apu = Made(900, CARD, is_integrated=True, name="Made-up APU")
    async with opened(apu, conf("one", "two", keys="fit = off\n")) as home:
        plan, _ = [await home.get(f"/plans/{name}") for name in ("one", "two")]
        [device] = [d for d in plan["devices"] if d["device"] == "Vulkan0"]
        assert (device["in_ram"], device["size"], plan["fits"]) == (True, 900, True)
        [pair] = (await home.get("/pairs"))["pairs"]
        assert pair["fits"], pair
        for name in ("one", "two"):
            assert await home.answer(name) == f"I am {name}."
        first, second = await judged(home, 0), await judged(home, 1)
        for instance in (first, second):
            assert instance.verdict is not None
            assert instance.verdict.state == "verified", instance.verdict
        row = next(d for d in (await home.status()).devices if d.name == "Vulkan0")
        assert (row.in_ram, row.total_mib, row.description) == (True, 900, "Made-up APU")
        assert len(row.booked_mib) == 2
        assert sum(row.booked_mib.values()) <= 900 - 16


async def test_two_that_a_made_up_gpu_in_ram_does_not_reach_together_take_turns(opened: Opened):
    """RAM has much more; the device can have 500 MiB of it."""
    apu = Made(500, CARD, is_integrated=True)
    async with opened(apu, conf("one", "two")) as home:
        for name in ("one", "two"):
            assert (await home.get(f"/plans/{name}"))["source"] == "engine"
        [pair] = (await home.get("/pairs"))["pairs"]
        assert not pair["fits"]
        for name in ("one", "two"):
            assert await home.answer(name) == f"I am {name}."
            assert [i.profile for i in (await home.status()).instances] == [name]
            verdict = (await judged(home)).verdict
            assert verdict is not None
            assert verdict.placement == "verified"


async def test_weights_that_a_made_up_card_refuses_are_said_in_plan_and_verdict(opened: Opened):
    """All layers are counted there, and most of their matrices lie in RAM."""
    limit = {f"GGML_VK_FORCE_MAX_{what}_SIZE": str(2 << 20) for what in ("BUFFER", "ALLOCATION")}
    async with opened(Made(4000, CARD), conf("one"), **limit) as home:
        plan = await home.get("/plans/one")
        assert plan["layers_on_devices"] == plan["layers"]
        assert plan["refused_mib"] > 20
        assert plan["refused"].startswith("blk.0.ffn_gate.weight (q8_0) and ")
        assert await home.answer("one") == "I am one."
        instance = await judged(home)
    assert instance.placement is not None
    assert instance.placement.layers_offloaded == plan["layers"], "llama.cpp counts all of them"
    assert instance.verdict is not None
    assert instance.verdict.state == "degraded"
    assert [reason.code for reason in instance.verdict.reasons] == ["weights-refused"]


async def test_a_choice_that_matches_no_made_up_card_is_degraded(opened: Opened):
    said = "GGML_VK_VISIBLE_DEVICES=5 matches no device that the engine sees: it computes on the processor"
    async with opened(Made(4000, CARD), conf("one"), GGML_VK_VISIBLE_DEVICES="5") as home:
        assert (await home.get("/plans/one"))["warnings"] == [said]
        assert await home.answer("one") == "I am one."
        verdict = (await judged(home)).verdict
    assert verdict is not None
    assert (verdict.state, verdict.placement) == ("degraded", "degraded")
    [reason] = verdict.reasons
    assert (reason.code, reason.message) == ("choice-unmatched", said)
