"""A real Vulkan engine on Mesa's lavapipe, whose memory, type and PCI address are made up (`tests/vulkan.py`)."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.engine.environment import NO_GPU
from paddock.engine.locate import find_engine
from paddock.engine.probe import devices
from paddock.engine.trial import try_all
from paddock.engine.trial_cases import generated
from paddock.engine.trial_compare import findings, is_safe
from paddock.llama.scripted import ScriptedModel, write
from tests.vulkan import ENGINE, Cards, Made, cards, needs_vulkan
from tests.yard import Yard, engine_command, places, yard

pytestmark = needs_vulkan

Opened = Callable[..., AbstractAsyncContextManager[Yard]]
CARD = "0000:03:00.0"
LONG = "The horses stand in the paddock."
KINDS = ("model", "context", "compute")
MANY = 15  # of its some 30 tokens: lavapipe reads a few in a second


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dense` of 120 MiB, and `small`, which computes quickly."""
    folder = tmp_path_factory.mktemp("shelf")
    shape: Any = {"embd": 512, "heads": 8, "kv_heads": 4, "ctx": 16384, "layers": 12}
    dense = ScriptedModel(say="I am dense.", name="dense", target_mib=120, **shape)
    write(folder / "dense.gguf", dense)
    write(folder / "small.gguf", ScriptedModel(say="I am small.", name="small"))
    return folder


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cards]:
    """Makes these devices up for every engine that the test starts."""

    def make(*those: Made) -> Cards:
        found = cards(tmp_path / "cards", *those)
        for name, value in found.env.items():
            monkeypatch.setenv(name, value)
        return found

    return make


@pytest.fixture
def opened(tmp_path: Path, shelf: Path) -> Opened:
    def opening(conf: str, *, engine: Path = ENGINE, **settings: Any):
        head = "fit-target = 30,15\n" if "," not in conf else ""
        paths = msgspec.structs.replace(places(tmp_path / "y", head + conf), models_dir=shelf)
        return yard(paths, **{"engine": str(engine), **settings})

    return opening


def counted(folder: Path) -> Path:
    """The engine, which notes each start that is to load or to plan, in `starts`."""
    path = folder / "engine"
    case = 'case "$1" in --help|--version) ;; *) printf x >> "$(dirname "$0")/starts";; esac'
    path.write_text(f'#!/bin/sh\n{case}\nexec {ENGINE} "$@"\n')
    path.chmod(0o755)
    return path


def starts(folder: Path) -> int:
    file = folder / "starts"
    return len(file.read_text()) if file.exists() else 0


def mib_of(instance: Any, device: str, kind: str = "") -> float:
    """What it holds there by its log, of one kind or of all."""
    found = [b for b in instance.placement.buffers if b.device == device]
    return sum((float(b.mib) for b in found if kind in ("", b.kind)), 0.0)


async def test_two_made_up_cards_hold_what_was_planned_for_them(
    made: Callable[..., Cards], opened: Opened
):
    own = made(Made(260, CARD, name="Made-up A"), Made(200, "", name="Made-up B"))
    async with opened("[dense]\nmodel = dense.gguf\nctx-size = 4096\n") as home:
        plan = await home.get("/plans/dense")
        assert (plan["source"], plan["fits"]) == ("engine", True)
        by_name = {device["device"]: device for device in plan["devices"]}
        assert (by_name["Vulkan0"]["id"], by_name["Vulkan1"]["id"]) == (CARD, "Vulkan1")
        assert await home.answer("dense") == "I am dense."
        status = await home.until(lambda s: s.instances[0].verdict is not None, within=200)
        [instance] = status.instances
        counted_by_driver = own.held_mib(int(instance.pid or 0), 0)
    assert instance.verdict is not None
    assert (instance.verdict.state, instance.verdict.reasons) == ("verified", [])
    for name, device in by_name.items():
        weights, context, compute = (mib_of(instance, name, kind) for kind in KINDS)
        planned = [device.get(kind, 0) for kind in KINDS]
        assert weights + context == pytest.approx(planned[0] + planned[1], rel=0.01, abs=2)
        # Fit counts a norm's result too on all but the first: four copies of a batch, 512 tokens of 512 numbers
        # of 4 bytes (build 11434; `findings/llama-server-fit-counts-a-crossing-norm-twice.sh`).
        more = 0 if name in ("Vulkan0", "Host") else 4
        assert compute == pytest.approx(planned[2] - more, abs=1)
    rows = {row.name: row for row in status.devices}
    assert (rows["Vulkan0"].total_mib, rows["Vulkan1"].total_mib) == (260, 200)
    assert rows["Vulkan0"].foreign_mib is None
    assert counted_by_driver == pytest.approx(mib_of(instance, "Vulkan0"), abs=3)


async def test_two_that_a_made_up_card_cannot_hold_together_take_turns_and_keep_what_they_read(
    made: Callable[..., Cards], opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    """No driver reads this card: it has what its engine saw, less what our models hold there."""
    monkeypatch.setattr("paddock.daemon.instances.thrift._LEAST", MANY)
    made(Made(280, CARD))
    conf = "[small]\nmodel = small.gguf\nkeep-context = on\nctx-size = 4096\n"
    conf += "[dense]\nmodel = dense.gguf\nctx-size = 4096\n"

    async def cached(home: Yard) -> int:
        messages = [{"role": "user", "content": LONG}]
        _, reply = await home.ask("small", messages=messages, max_tokens=2)
        return int(reply["timings"]["cache_n"])

    async with opened(conf) as home:
        for name in ("dense", "small"):
            assert (await home.get(f"/plans/{name}"))["fits"]
        assert await cached(home) == 0
        assert await home.answer("dense") == "I am dense."
        assert [i.profile for i in (await home.status()).instances] == ["dense"]
        assert await cached(home) > MANY
        [instance] = (await home.status()).instances
    assert mib_of(instance, "Vulkan0", "context") > 0


async def test_who_takes_all_or_fails_is_loaded_once_its_plan_was_asked_for_and_the_made_up_card_is_free_again(
    made: Callable[..., Cards], opened: Opened
):
    """No driver reads this card, and nothing else loads there: only another look of its engine can say so."""
    own = made(Made(600, CARD))
    own.others_hold(0, 590)
    async with opened("[small]\nmodel = small.gguf\nctx-size = 4096\nfit = off\n") as home:
        assert not (await home.get("/plans/small"))["fits"]
        status, reply = await home.ask("small")
        assert (status, reply["error"]["code"]) == (400, "cannot_fit"), reply
        own.others_hold(0, 0)
        assert (await home.ask("small"))[0] == status, "nobody knows of it"
        assert (await home.get("/plans/small"))["fits"]
        assert await home.answer("small") == "I am small."


@pytest.mark.parametrize(
    "sort",
    [
        Made(4000, CARD),
        Made(4000, ""),
        Made(150, CARD),
        Made(4000, CARD, is_integrated=True),
        Made(150, "", is_integrated=True),
    ],
    ids=["card", "no-address", "full", "in-ram", "in-ram-and-full"],
)
async def test_an_idle_daemon_starts_an_engine_once_for_a_made_up_device(
    made: Callable[..., Cards], opened: Opened, tmp_path: Path, sort: Made
):
    made(sort)
    engine = counted(tmp_path)
    async with opened("[dense]\nmodel = dense.gguf\n", engine=engine, plan_ahead=True) as home:
        async with asyncio.timeout(60):
            while (await home.get("/plans/dense"))["source"] != "engine":
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)
        first = starts(tmp_path)
        for _ in range(8):
            home.daemon.sampler.measure()
            await asyncio.sleep(0.2)
        plan = await home.get("/plans/dense")
    [device] = [device for device in plan["devices"] if device["device"] == "Vulkan0"]
    assert device.get("in_ram", False) == sort.is_integrated
    assert (first, starts(tmp_path)) == (1, 1)


def test_what_must_see_no_gpu_sees_no_made_up_one(made: Callable[..., Cards], tmp_path: Path):
    made(Made(4000, CARD, name="Made-up A"))
    engine = find_engine(str(ENGINE), cache_dir=tmp_path)
    assert devices(engine, environ=os.environ) == ["Vulkan0: Made-up A (4000 MiB, 4000 MiB free)"]
    assert devices(engine, environ=os.environ | NO_GPU) == []


def test_a_build_for_a_made_up_card_is_compared_with_the_processors_by_its_answers(
    made: Callable[..., Cards], tmp_path: Path
):
    made(Made(4000, CARD))
    (tmp_path / "models").mkdir()
    [dense] = [
        replace(case, questions=("short",))
        for case in generated(tmp_path / "models")
        if case.name == "dense"
    ]
    ours, theirs = (
        try_all(find_engine(command, cache_dir=tmp_path), [dense], tmp_path / name, print)
        for name, command in (("v", str(ENGINE)), ("p", engine_command()[0]))
    )
    found = findings([dense], ours, theirs)
    assert is_safe(found)
    assert {f.what: f.judgement for f in found} == {
        "load": "ok", "short": "ok", "computes with": "changed",
    }  # fmt: skip
