"""Profiles that name a repository (`hf-repo`): their files are fetched before the load, whatever the engine can do."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.hub.fake_hub import FakeHub
from tests.yard import Yard, places, yard

REPO = "acme/Parrot-GGUF"
CONF = f"[polly]\nhf-repo = {REPO}:Q8_0\n"
QUICK = {"keep_alive_after": 0.01, "keep_alive_after_plain": 0.01, "keep_alive_every": 0.01}
Open = Callable[..., AbstractAsyncContextManager[Yard]]


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return write(folder / "parrot.gguf", ScriptedModel(say="Pieces of eight.", name="parrot"))


@pytest.fixture
def home(fake: FakeHub, parrot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    fake.add(REPO, {"Parrot-Q8_0.gguf": parrot, "Parrot-F16.gguf": parrot})
    monkeypatch.setenv("HF_ENDPOINT", fake.url)
    monkeypatch.delenv("LLAMA_CACHE", raising=False)
    paths = places(tmp_path / "yard", CONF)

    @asynccontextmanager
    async def opened(settings: str = "", **chosen: Any) -> AsyncIterator[Yard]:
        paths.settings.write_text(f"disk-margin = 0\nplan-ahead = false\n{settings}")
        async with yard(paths, **chosen) as made:
            yield made

    return opened


async def events(home: Yard, until: str) -> list[dict[str, Any]]:
    """What happens from now on, up to one of this type."""
    seen = []
    async with home.http.get(home.url + "/events") as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
                if seen[-1].get("type") == until:
                    break
    return seen


async def test_with_the_wheel_it_is_fetched_and_loaded_while_requests_are_kept_alive(
    home: Open, fake: FakeHub
) -> None:
    """One download and one load for two who wait; models.conf stays as it is; the next daemon needs no hub."""
    pytest.importorskip("xllamacpp")
    async with home(engine="embedded", **QUICK) as made:
        following = asyncio.create_task(events(made, "switch-ended"))
        other = asyncio.create_task(made.answer("polly"))
        body = {"model": "polly", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        async with made.http.post(made.url + "/v1/chat/completions", json=body) as reply:
            text = (await reply.read()).decode()
        assert text.startswith(": ")  # a sign of life before the first word
        assert "Pieces" in text
        assert await other == "Pieces of eight."
        seen = await following
        assert made.paths.config.read_text().endswith(CONF)
        assert len((await made.get("/pulls"))["pulls"]) == 1
    progress = [event["progress"] for event in seen if event["type"] == "progress"]
    assert progress[0]["stage"] == "downloading"
    assert progress[0]["part"] == f"{REPO}:Q8_0"
    assert "loading" in [one["stage"] for one in progress]
    assert [e["pull"]["state"] for e in seen if e["type"] == "pull"][-1] == "done"
    assert seen[-1]["phases"][0]["name"] == "downloading"
    asked = len(fake.seen)
    async with home(engine="embedded") as made:
        assert await made.answer("polly") == "Pieces of eight."
    assert len(fake.seen) == asked


async def test_a_failed_download_is_said_with_its_cause_and_tried_again_as_is_one_whose_file_has_gone(
    home: Open, fake: FakeHub, parrot: Path
) -> None:
    there = fake.repositories.pop(REPO)
    async with home() as made:
        following = asyncio.create_task(events(made, "switch-ended"))
        status, reply = await made.ask("polly")
        assert status == 400  # of the agents' API: what waiting does not mend ends the turn
        assert "the files of [polly] were not fetched" in reply["error"]["message"]
        assert REPO in reply["error"]["message"]
        assert (await following)[-1]["failure"]["code"] == "fetch_failed"
        fake.repositories[REPO] = there
        assert await made.answer("polly") == "Pieces of eight."
        await made.post("/unload", {"model": "polly", "now": True})
        await made.until(lambda status: not status.instances)
        cached = made.daemon.roster.stable.profiles["polly"].model
        assert cached
        cached.resolve().unlink()
        assert await made.answer("polly") == "Pieces of eight."
    assert len(fake.asked("GET", "/content/")) >= 2


async def test_a_switch_that_is_cancelled_ends_the_download_and_keeps_what_came(
    home: Open, fake: FakeHub
) -> None:
    fake.faults.pause, fake.faults.piece = 0.1, 64 << 10
    async with home() as made:
        job = (await made.post("/switch", {"model": "polly", "wait": False}))[1]["job"]
        await made.until(lambda status: any(pull.done for pull in status.pulls))
        assert (await made.post("/cancel", {"model": "polly"}))[1]["models"] == ["polly"]
        assert (await made.daemon.job(job).wait()).outcome == "cancelled"
        assert [pull["state"] for pull in (await made.get("/pulls"))["pulls"]] == ["cancelled"]
        assert list(Path(made.paths.config.parent.parent).rglob("*.incomplete"))


@pytest.mark.parametrize("engine", ["embedded", "native"])
async def test_without_the_library_only_an_engine_that_downloads_itself_may(
    home: Open, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr("paddock.hub.extra.find_spec", lambda _: None)
    chosen = {"engine": "embedded"} if engine == "embedded" else {}
    async with home(**chosen) as made:
        if made.daemon.roster.engine(made.daemon.roster.stable.profiles["polly"]).kind != engine:
            pytest.skip(f"there is no {engine} engine")
        if engine == "embedded":
            status, reply = await made.ask("polly")
            assert status == 400
            assert "needs the library huggingface_hub" in reply["error"]["message"]
            assert "paddock-llm[hub]" in reply["error"]["message"]
        else:
            argv = made.daemon.roster.stable.profiles["polly"].argv
            assert argv[argv.index("--hf-repo") + 1] == f"{REPO}:Q8_0"
            assert not made.daemon.fetches.is_needed("polly")  # type: ignore[arg-type]  # a new name for str
