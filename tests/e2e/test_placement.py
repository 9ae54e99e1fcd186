"""Plans, placements, verdicts and memory through a whole daemon, on made-up GPUs of unequal size."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gguf import GGMLQuantizationType

from paddock.llama.scripted import ScriptedModel, write
from paddock.llama.scripted_tensors import ScriptedTensor, tensors
from tests.rig import Rig, needs_rig, rig
from tests.yard import Yard, places, yard

pytestmark = needs_rig

Opened = Callable[..., AbstractAsyncContextManager[Yard]]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dense` and `moe` of 120 MiB, `small` of 40, and `huge`: 60 GB of holes that nobody reads."""
    folder = tmp_path_factory.mktemp("shelf")
    shape: Any = {"embd": 512, "heads": 8, "kv_heads": 4, "ctx": 16384}
    for name, mib, more in (
        ("dense", 120, {"layers": 12}),
        ("moe", 120, {"arch": "qwen3moe", "layers": 12, "ff": 256, "experts_used": 4}),
        ("small", 40, {"layers": 4}),
        ("huge", 60_000, {"layers": 12}),
    ):
        script = ScriptedModel(say=f"I am {name}.", name=name, target_mib=mib, **{**shape, **more})
        write(folder / f"{name}.gguf", script)
    return folder


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[Rig]:
    """RPC0 of 200 MiB and RPC1 of 140."""
    with rig(tmp_path, 200, 140) as found:
        yield found


@pytest.fixture
def opened(tmp_path: Path, shelf: Path) -> Opened:
    def opening(conf: str, **settings: object) -> AbstractAsyncContextManager[Yard]:
        paths = msgspec.structs.replace(
            places(tmp_path / "yard", "fit-target = 30,15\n" + conf), models_dir=shelf
        )
        return yard(paths, **settings)

    return opening


def profile(name: str, flag: str, *lines: str, model: str = "") -> str:
    rest = "".join(f"{line}\n" for line in lines)
    return f"[{name}]\nmodel = {model or name}.gguf\n{flag}{rest}"


async def test_what_was_planned_is_loaded_and_verified(devices: Rig, opened: Opened):
    async with opened(profile("moe", devices.flag), plan_ahead=True) as home:
        plan = await home.get("/plans/moe")
        assert plan["source"] == "engine"
        assert await home.answer("moe") == "I am moe."
        status = await home.until(lambda s: s.instances[0].verdict is not None)
    instance = status.instances[0]
    assert instance.verdict is not None
    assert (instance.verdict.state, instance.verdict.reasons) == ("verified", [])
    assert instance.placement is not None
    held = {"RPC0": 0.0, "RPC1": 0.0, "Host": 0.0}
    for buffer in instance.placement.buffers:
        held[buffer.device] += buffer.mib
    for device in plan["devices"]:
        planned = sum(device.get(kind, 0) for kind in ("model", "context", "compute"))
        assert abs(held[device["device"]] - planned) <= max(16, 0.05 * planned)
    booked = {d.name: d.booked_mib for d in status.devices}
    assert booked["RPC0"] == {"moe.1": round(held["RPC0"])}


async def test_who_fits_on_devices_of_their_own_live_together_and_are_loaded_once(
    devices: Rig, opened: Opened
):
    conf = profile("small", devices.only(0)) + profile(
        "dense", devices.only(1), "ctx-size = 1024", "fit-target = 0", model="small"
    )
    async with opened(conf) as home:
        await home.get("/plans/small")
        await home.get("/plans/dense")
        for _ in range(4):
            assert await home.answer("small") == await home.answer("dense") == "I am small."
        status = await home.status()
    assert [i.id for i in status.instances] == ["small.1", "dense.2"]


async def test_a_third_evicts_only_who_is_in_its_way(devices: Rig, opened: Opened):
    conf = (
        profile("small", devices.only(0))
        + profile("other", devices.only(1), "ctx-size = 1024", model="small")
        + profile("dense", devices.only(0), "ctx-size = 1024")
    )
    async with opened(conf) as home:
        for name in ("small", "other", "dense"):
            await home.get(f"/plans/{name}")
        for name in ("small", "other", "dense"):
            await home.answer(name)
        status = await home.until(lambda s: len(s.instances) == 2)
    assert sorted(i.profile for i in status.instances) == ["dense", "other"]


async def test_what_can_never_fit_is_refused_at_once_with_the_sum(devices: Rig, opened: Opened):
    conf = profile("small", devices.flag) + profile(
        "moe", devices.flag, "n-gpu-layers = 99", "ctx-size = 16384"
    )
    async with opened(conf) as home:
        await home.answer("small")
        await home.post("/unload", {"model": "small"})
        await home.until(lambda s: not s.instances)
        plan = await home.get("/plans/moe")
        assert plan["fits"] is False
        assert any("n_gpu_layers already set by user to 99" in w for w in plan["warnings"])
        assert await home.answer("small") == "I am small."
        status, reply = await home.ask("moe")
        after = await home.status()
    assert status == 400
    assert reply["error"]["code"] == "cannot_fit"
    assert "RPC0: needs" in reply["error"]["message"]
    assert [i.id for i in after.instances] == ["small.2"], "nothing was stopped for it"


async def test_a_part_in_ram_that_would_swap_is_refused_where_the_profile_says_so(
    devices: Rig, opened: Opened
):
    conf = profile("huge", devices.flag, "on-swap = refuse") + profile(
        "warned", devices.flag, model="huge"
    )
    async with opened(conf) as home:
        plan = await home.get("/plans/huge")
        warned = await home.get("/plans/warned")
        status, reply = await home.ask("huge")
    assert any("the machine would swap" in warning for warning in plan["warnings"])
    assert plan["warnings"] == warned["warnings"]
    assert status == 400
    assert "Host: needs" in reply["error"]["message"]


async def test_less_free_memory_than_before_is_reported_as_the_cause(devices: Rig, opened: Opened):
    """Made-up: the device shrinks between two loads, as it does when another program takes memory."""
    async with opened(profile("dense", devices.flag, "ctx-size = 4096")) as home:
        await home.answer("dense")
        await home.until(lambda s: s.instances[0].verdict is not None)
        await home.post("/unload", {"model": "dense"})
        await home.until(lambda s: not s.instances)
        devices.resize(0, 500)
        await home.answer("dense")
        await home.post("/unload", {"model": "dense"})
        await home.until(lambda s: not s.instances)
        devices.resize(0, 90)
        await home.answer("dense")
        status = await home.until(lambda s: s.instances[0].verdict is not None)
        history = await home.get("/history/dense")
    verdict = status.instances[0].verdict
    assert verdict is not None
    codes = [reason.code for reason in verdict.reasons]
    assert verdict.state == "degraded"
    assert codes[0] == "more-in-ram"
    assert "foreign-memory" in codes
    states = [load["verdict"]["state"] for load in history["loads"]]
    assert states == ["degraded", "verified", "unknown"], (
        "the newest first; the first had no measure"
    )


async def test_a_speed_is_probed_compared_and_shown_everywhere(devices: Rig, opened: Opened):
    conf = profile("small", devices.only(0), "SPEED = ~900000 t/s")
    async with opened(conf, probe_after=0.05) as home:
        async with home.http.get(home.url + "/events") as stream:
            await home.post("/switch", {"model": "small"})
            judged = await anext(_degraded(stream.content))
        listed = (await home.get("/status"))["instances"][0]["verdict"]
        async with home.http.get(home.url + "/metrics") as reply:
            metrics = await reply.text()
        history = await home.get("/history/small")
    codes = [reason["code"] for reason in judged["reasons"]]
    assert codes == ["slower-than-expected", "nothing-to-compare"], "its first load, and no plan"
    assert judged["generation"] > 0
    assert listed["state"] == "degraded"
    assert 'paddock_verdict{profile="small",state="degraded"} 1.0' in metrics
    assert 'paddock_tokens_total{kind="generated",profile="small"}' not in metrics, (
        "a probe is no use"
    )
    assert history["loads"][0]["generation"] == pytest.approx(judged["generation"], rel=0.01)


async def _degraded(lines: Any) -> AsyncIterator[dict[str, Any]]:
    async with asyncio.timeout(60):
        async for line in lines:
            if line.startswith(b"data: ") and b'"degraded"' in line:
                event = json.loads(line[6:])
                if event.get("type") == "verdict":
                    yield event["verdict"]


async def test_a_request_ends_a_probe_and_is_not_kept_waiting(devices: Rig, opened: Opened):
    async with opened(profile("small", devices.only(0)), probe_after=0.01) as home:
        await home.post("/switch", {"model": "small"})
        for _ in range(5):
            assert await home.answer("small") == "I am small."


async def test_a_profile_that_forbids_it_is_never_probed(devices: Rig, opened: Opened):
    conf = profile("small", devices.only(0), "probe = false")
    async with opened(conf, probe_after=0.01) as home:
        await home.post("/switch", {"model": "small"})
        assert home.daemon.probes._running == {}


async def test_a_load_ends_a_rehearsal_that_is_under_way(devices: Rig, opened: Opened):
    conf = "".join(profile(f"moe-{i}", devices.flag, model="moe") for i in range(6))
    async with opened(conf, plan_ahead=True) as home:
        assert await home.answer("moe-5") == "I am moe."
        await home.post("/unload", {})
        async with asyncio.timeout(60):
            while any(p["source"] != "engine" for p in (await home.get("/plans"))["plans"]):
                await asyncio.sleep(0.05)


async def test_a_model_whose_embedding_is_its_output_matrix_too_lies_in_ram_as_planned(
    tmp_path: Path, opened: Opened, shelf: Path, monkeypatch: pytest.MonkeyPatch
):
    """As Gemma's: its engine copies the matrix in another order, where the processor computes with it so."""

    def tied(model: ScriptedModel, vocabulary: int) -> Iterator[ScriptedTensor]:
        for tensor in tensors(model, vocabulary):
            if tensor.name == "token_embd.weight":
                yield ScriptedTensor(tensor.name, tensor.shape, GGMLQuantizationType.Q4_0)
            elif tensor.name != "output.weight":
                yield tensor

    monkeypatch.setattr("paddock.llama.scripted_file.tensors", tied)
    shape: Any = {"embd": 2048, "heads": 8, "kv_heads": 4, "layers": 2, "ftype": "q4_0"}
    write(shelf / "tied.gguf", ScriptedModel(say="Hi.", name="tied", vocab=40_000, **shape))
    async with opened(profile("tied", "", "warmup = off")) as home:
        plan = await home.get("/plans/tied")
        async with asyncio.timeout(60):
            while not home.daemon.roster.facts(home.daemon.roster.stable.profiles["tied"]):
                await asyncio.sleep(0.02)
        await home.post("/switch", {"model": "tied"})
        status = await home.until(lambda s: s.instances[0].verdict is not None)
    verdict, placement = status.instances[0].verdict, status.instances[0].placement
    assert verdict is not None
    assert placement is not None
    assert (verdict.placement, verdict.reasons) == ("verified", [])
    held = [b.mib for b in placement.buffers if (b.device, b.kind) == ("Host", "model")]
    assert held == pytest.approx([plan["devices"][-1]["model"]], abs=2)
