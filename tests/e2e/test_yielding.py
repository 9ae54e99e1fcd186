"""The GPUs are left to another program and taken back, through a whole daemon, on a made-up GPU."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.rig import needs_rig, rig
from tests.yard import Yard, places, yard

pytestmark = needs_rig


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    shape: Any = {"embd": 512, "heads": 8, "kv_heads": 4, "ctx": 16384, "layers": 4}
    script = ScriptedModel(say="I am small.", name="small", target_mib=40, **shape)
    write(folder / "small.gguf", script)
    return folder


@pytest.fixture
def opened(tmp_path: Path, shelf: Path) -> Any:
    """A yard with `gpu`, which lies on a GPU, and `ram`, which does not; again: the same, restarted."""

    @asynccontextmanager
    async def opening(**settings: object) -> AsyncIterator[Yard]:
        with rig(tmp_path, 400) as devices:
            conf = (
                f"[gpu]\nmodel = small.gguf\nfit-target = 0\nctx-size = 1024\n{devices.flag}"
                "[ram]\nmodel = small.gguf\nctx-size = 1024\nn-gpu-layers = 0\n"
            )
            paths = msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=shelf)
            async with yard(paths, **settings) as home:
                await home.get("/plans/gpu")
                yield home

    return opening


Opened = Any


async def test_what_lies_on_a_gpu_leaves_what_does_not_stays_and_all_comes_back(opened: Opened):
    async with opened() as home:
        await home.answer("gpu")
        await home.answer("ram")
        status, found = await home.post("/yield", {"by": "a game"})
        assert (status, found["yielded"]["by"], found["yielded"]["staying"]) == (
            200,
            "a game",
            ["ram"],
        )
        assert found["yielded"]["back"] == ["gpu"]
        assert [i.profile for i in (await home.status()).instances] == ["ram"]
        rows = {row["id"]: row["paddock"] for row in (await home.get("/v1/models"))["data"]}
        assert rows["gpu"]["yielded"] is True
        assert "yielded" not in rows["ram"]
        assert await home.answer("ram") == "I am small."
        _, found = await home.post("/resume")
        assert found["back"] == ["gpu"]
        await home.until_phase("gpu", "ready")
        assert (await home.status()).yielded is None


async def test_for_whom_it_is_said_to_be_is_cut_to_what_people_read(tmp_path: Path):
    async with yard(places(tmp_path / "yard", "")) as home:
        _, found = await home.post("/yield", {"by": "a\x1b[31m\ngame " + "x" * 100_000})
        assert found["yielded"]["by"].startswith("a [31m game x")
        assert found["yielded"]["by"].isprintable()
        assert len(found["yielded"]["by"]) <= 200


async def test_a_request_waits_until_the_gpus_are_ours_again(opened: Opened):
    async with opened() as home:
        await home.post("/yield", {})
        waiting = asyncio.create_task(home.answer("gpu"))
        status = await home.until(lambda s: s.queue)
        assert not status.instances
        await home.post("/resume")
        assert await waiting == "I am small."


async def test_a_request_is_refused_where_nobody_is_to_wait(opened: Opened):
    async with opened(on_yield="refuse") as home:
        await home.post("/yield", {})
        status, body = await home.ask("gpu")
        assert (status, body["error"]["code"]) == (503, "yielded")
        assert "paddock resume" in str(body)
        assert await _retry_after(home) == 60
        await home.post("/yield", {"seconds": 1000})
        assert 900 < await _retry_after(home) <= 1000


async def _retry_after(home: Yard) -> int:
    """When a refused client shall ask again, in seconds."""
    body = {"model": "gpu", "messages": []}
    async with home.http.post(f"{home.url}/v1/chat/completions", json=body) as reply:
        return int(reply.headers["Retry-After"])


async def test_a_persons_switch_needs_force_which_ends_it(opened: Opened):
    async with opened() as home:
        await home.post("/yield", {})
        status, body = await home.post("/switch", {"model": "gpu"})
        assert (status, body["failure"]["code"]) == (503, "yielded")
        status, _ = await home.post("/switch", {"model": "gpu", "force": True})
        assert status == 200
        assert (await home.status()).yielded is None


async def test_it_ends_when_its_time_is_over(opened: Opened):
    async with opened() as home:
        await home.answer("gpu")
        _, found = await home.post("/yield", {"seconds": 1})
        assert found["yielded"]["until"]
        await home.until(lambda s: s.yielded is None)
        await home.until_phase("gpu", "ready")


async def test_it_outlives_the_daemon(opened: Opened):
    async with opened() as home:
        await home.answer("gpu")
        await home.post("/yield", {"by": "a game"})
    async with opened() as home:
        found = (await home.status()).yielded
        assert found is not None
        assert (found.by, found.back) == ("a game", ["gpu"])
        await home.post("/resume")
        await home.until_phase("gpu", "ready")


async def test_what_was_unloaded_meanwhile_does_not_come_back_after_a_restart_either(
    opened: Opened,
):
    async with opened() as home:
        await home.answer("gpu")
        await home.post("/yield", {})
        await home.until(lambda s: not s.instances)
        await home.post("/unload", {"model": "gpu"})
    async with opened() as home:
        found = (await home.status()).yielded
        assert found is not None
        assert found.back == []


async def test_no_rehearsal_runs_meanwhile(opened: Opened):
    async with opened(plan_ahead=False) as home:
        await home.post("/yield", {})
        home.daemon.plans.reconsider({home.daemon.roster.stable.profiles["gpu"].model})
        assert (await home.get("/plans/gpu"))["source"] == "estimate"


async def test_a_command_runs_with_the_gpus_yielded_and_its_exit_status_is_passed_on(
    opened: Opened, tmp_path: Path
):
    look = "import sys, urllib.request as r; u = sys.argv[1] + '/status'; "
    look += "sys.exit(7 if b'\"yielded\"' in r.urlopen(u).read() else 1)"
    async with opened() as home:
        words = ["yield", "--url", home.url, "--", sys.executable, "-c", look, home.url]
        program = await asyncio.create_subprocess_exec(sys.executable, "-m", "paddock", *words)
        assert await program.wait() == 7
        assert (await home.status()).yielded is None


async def test_nonsense_as_a_time_is_refused(opened: Opened):
    async with opened() as home:
        assert (await home.post("/yield", {"seconds": -1}))[0] == 400
        assert (await home.status()).yielded is None


async def test_a_reading_that_fails_does_not_keep_the_gpus_yielded(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    async with opened() as home:
        await home.answer("gpu")
        await home.post("/yield", {})
        was_yielded = []

        def measure() -> None:
            was_yielded.append(home.daemon.parts.yield_state.current is not None)
            raise RuntimeError("made up by this test")

        with monkeypatch.context() as broken:
            broken.setattr(home.daemon.sampler, "measure", measure)
            status, found = await home.post("/resume")
        assert (status, found["back"]) == (200, ["gpu"])
        assert was_yielded[0] is True, "until the devices are read it is as it was"
        await home.until_phase("gpu", "ready")
        assert (await home.status()).yielded is None


async def test_a_named_program_has_the_gpu_while_it_runs(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("paddock.daemon.yield_to._EVERY", 0.1)
    monkeypatch.setattr("paddock.daemon.yield_to._GRACE", 0.3)
    game = shutil.copy(shutil.which("sleep") or "", tmp_path / "little-game")
    async with opened(yield_to=("little-game",)) as home:
        await home.answer("gpu")
        await home.answer("ram")
        child = await asyncio.create_subprocess_exec(game, "600")
        left = await home.until(lambda s: s.yielded and not s.yielded.leaving)
        waiting = asyncio.create_task(home.answer("gpu"))
        await home.until(lambda s: s.queue)
        child.kill()
        await child.wait()
        assert await waiting == "I am small."
    assert left.yielded is not None
    assert (left.yielded.staying, left.yielded.back) == (["ram"], ["gpu"])
