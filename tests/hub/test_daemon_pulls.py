"""Downloads by a daemon: its own API, llama.cpp's router's and Ollama's, against the tests' hub; answered by the model."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx2
import ollama
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from paddock.api import client as api_client
from paddock.llama.scripted import ScriptedModel, write
from tests.hub.fake_hub import FakeHub, HubFile
from tests.yard import Yard, places, yard

REPO = "acme/Parrot-GGUF"
# What the real router's row of a download has (get_router_models of server-models.cpp, build 11434).
DOWNLOADING = {"id", "aliases", "tags", "object", "owned_by", "created", "status", "architecture", "source", "can_remove"}  # fmt: skip
NAME = f"hf.co/{REPO}:Q8_0"


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return write(folder / "parrot.gguf", ScriptedModel(say="Pieces of eight.", name="parrot"))


@pytest.fixture
async def home(
    fake: FakeHub, parrot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Yard]:
    fake.add(REPO, {"Parrot-Q8_0.gguf": parrot})
    monkeypatch.setenv("HF_ENDPOINT", fake.url)
    paths = places(tmp_path / "yard", f"[mine]\nmodel = {parrot}\n")
    paths.settings.write_text("disk-margin = 0\nplan-ahead = false\n")
    async with yard(paths) as made:
        yield made


async def over(home: Yard, pull: str) -> dict[str, Any]:
    """The download once it is over."""
    await home.daemon.pulls.wait(pull)
    found = await home.get(f"/pulls/{pull}")
    assert isinstance(found, dict)
    return found


@asynccontextmanager
async def followed(
    home: Yard, path: str, last: str
) -> AsyncIterator[asyncio.Task[list[dict[str, Any]]]]:
    """What a stream of events sends from now on, up to one that says `last`."""
    async with home.http.get(home.url + path) as response:  # it has subscribed before it answers

        async def read() -> list[dict[str, Any]]:
            seen = []
            async for line in response.content:
                if line.startswith(b"data: "):
                    seen.append(json.loads(line[6:]))
                    if last in line.decode():
                        break
            return seen

        task = asyncio.create_task(read())
        yield task
        await task


@pytest.fixture
def deaf() -> Iterator[None]:
    """As what a shell starts in the background: SIGINT is ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("deaf")
async def test_it_is_fetched_with_events_paused_gone_on_with_and_answers(
    home: Yard, fake: FakeHub
) -> None:
    """By the name that it was pulled by."""
    fake.faults.pause, fake.faults.piece = 0.05, 64 << 10
    async with followed(home, "/events", '"state":"done"') as events:
        status, begun = await home.post("/pulls", {"model": NAME})
        assert (status, begun["state"]) == (202, "running")
        pull = begun["id"]
        await home.until(lambda status: any(p.done for p in status.pulls))
        dashboard = api_client.Client(home.url)
        assert (await asyncio.to_thread(dashboard.steer_pull, pull, "pause")).state == "paused"
        assert [one.id for one in await asyncio.to_thread(dashboard.pulls)] == [pull]
        fake.faults.pause = 0.0
        assert (await home.post("/pulls", {"model": NAME}))[1]["id"] == pull
        assert (await over(home, pull))["profile"] == "parrot-q8_0"
    assert fake.asked("GET", "/content/")[-1].range.startswith("bytes=")
    states = [event["pull"]["state"] for event in events.result() if event["type"] == "pull"]
    assert [state for state, _ in groupby(states)] == ["running", "paused", "running", "done"]
    assert (await home.get("/pulls"))["pulls"][0]["quantisation"] == "Q8_0"
    assert await home.answer(NAME) == "Pieces of eight."


async def test_one_that_is_cancelled_or_fails_says_so(home: Yard) -> None:
    _, begun = await home.post("/pulls", {"model": NAME})
    assert (await home.post(f"/pulls/{begun['id']}/cancel"))[1]["state"] == "cancelled"
    _, begun = await home.post("/pulls", {"model": "acme/none"})
    ended = await over(home, begun["id"])
    assert (ended["state"], ended["failure"]["code"]) == ("failed", "hub_not_found")
    assert (await home.post("/pulls", {"model": "parrot"}))[0] == 400
    status, plan = await home.post("/pulls/plan", {"model": REPO})
    assert (status, plan["chosen"], plan["pushes_out"]) == (200, "Q8_0", [])
    assert [one["fit"] for one in plan["quantisations"]] == ["ram"]
    status, refused = await home.post("/pulls/plan", {"model": "acme/none"})
    assert (status, "acme/none" in refused["error"]["message"]) == (409, True)
    assert (await home.get("/status")).get("pulls", []) == []


# ---- as llama.cpp's router ----


async def test_the_routers_words_fetch_list_and_remove(home: Yard, parrot: Path) -> None:
    """Shapes of server-models.cpp, build 11434."""
    name = f"{REPO}:Q8_0"
    async with followed(home, "/models/sse", "download_finished") as events:
        assert await home.post("/models", {"model": name}) == (200, {"success": True})
        [row] = [row for row in (await home.get("/models"))["data"] if row["id"] == name]
        assert set(row) == DOWNLOADING
        assert (row["status"], row["source"], row["can_remove"]) == ({"value": "downloading", "args": []}, "cache", True)  # fmt: skip
        assert name not in str(await home.get("/v1/models"))  # of whom nobody can ask anything yet
    seen = [event for event in events.result() if event["event"].startswith("download")]
    shapes = {(*sorted(event), event["model"]) for event in seen}
    assert shapes == {("data", "event", "model", name)}
    assert seen[-1] == {"model": name, "event": "download_finished", "data": {}}
    progress = [
        event["data"]["progress"] for event in seen if event["event"] == "download_progress"
    ]
    assert all(set(file) == {"done", "total"} for files in progress for file in files.values())
    listed = (await home.get("/models"))["data"]
    assert name in [alias for model in listed for alias in model["aliases"]]
    assert (await home.post("/models", {"model": name}))[0] == 400
    async with (
        followed(home, "/models/sse", "model_remove") as events,
        home.http.delete(f"{home.url}/models", params={"model": name}) as response,
    ):
        assert await response.json() == {"success": True}
    assert events.result()[-1]["model"] == "parrot-q8_0"
    assert name not in str(await home.get("/models"))
    async with home.http.delete(f"{home.url}/models", params={"model": "mine"}) as response:
        assert response.status == 403
    assert parrot.exists()


# ---- as Ollama ----


@pytest.fixture
async def client(home: Yard) -> AsyncIterator[ollama.AsyncClient]:
    made = ollama.AsyncClient(host=home.url)
    yield made
    await made._client.aclose()


async def test_ollamas_library_pulls_asks_copies_and_deletes(
    home: Yard, client: ollama.AsyncClient
) -> None:
    lines = [line async for line in await client.pull(NAME, stream=True)]
    assert lines[0].status == "pulling manifest"
    assert [line.status for line in lines[-3:]] == [
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    answer = await client.chat(NAME, [{"role": "user", "content": "Hello"}])
    assert answer.message.content == "Pieces of eight."
    assert (await client.copy(NAME, "polly")).status == "success"
    assert (await client.chat("polly", [{"role": "user", "content": "Hello"}])).message.content
    assert (await client.delete("polly")).status == "success"
    with pytest.raises(ollama.ResponseError):
        await client.show(NAME)
    with pytest.raises(ollama.ResponseError, match="not pulled from a hub"):
        await client.delete("mine")
    assert (await client.pull(NAME)).status == "success"  # without a stream, at its end
    with pytest.raises(ollama.ResponseError, match="none"):
        await client.pull("hf.co/acme/none")
    with pytest.raises(ollama.ResponseError, match="none"):
        async for _ in await client.pull("hf.co/acme/none", stream=True):
            pass


# ---- as an agent ----


async def test_an_agents_tool_fetches_and_says_how_far_it_is(home: Yard) -> None:
    async with (
        httpx2.AsyncClient(timeout=60) as http,
        Client(streamable_http_client(f"{home.url}/mcp", http_client=http)) as agent,
    ):
        begun = await agent.call_tool("pull_model", {"model": NAME})
        assert begun.structured_content["state"] == "running"
        await home.daemon.pulls.wait((await home.get("/pulls"))["pulls"][0]["id"])
        ended = (await agent.call_tool("pull_model", {"model": NAME})).structured_content
        assert (ended["state"], ended["profile"]) == ("done", "parrot-q8_0")
        assert ended["done_bytes"] == ended["size_bytes"] > 0
        refused = await agent.call_tool("pull_model", {"model": "parrot"})
        assert refused.is_error
        assert "OWNER/REPO:QUANT" in str(refused.content)


# ---- a newer file, and a daemon that ends ----


async def test_a_loaded_model_is_switched_over_to_its_newer_file(
    home: Yard, fake: FakeHub, tmp_path: Path
) -> None:
    """`paddock pull --update` beside a daemon: what is loaded is loaded anew, from the newer file."""
    _, begun = await home.post("/pulls", {"model": NAME})
    await over(home, begun["id"])
    assert await home.answer(NAME) == "Pieces of eight."
    [before] = (await home.status()).instances
    newer = write(tmp_path / "newer.gguf", ScriptedModel(say="Newer.", name="parrot"))
    repository = fake.repositories[REPO]
    repository.earlier[repository.commit] = repository.files
    repository.commit, repository.files = "b" * 40, {"Parrot-Q8_0.gguf": HubFile(newer)}
    words = ["pull", "--update", "--config", home.paths.config, "--url", home.url]
    own = ["--settings", home.paths.settings, "--state-dir", home.paths.state_dir]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "paddock", *map(str, [*words, *own]), stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert "loaded anew after its last request" in said.decode()
    await home.until(
        lambda s: [i.id for i in s.instances if i.phase == "ready"] not in ([], [before.id])
    )
    assert await home.answer(NAME) == "Newer."


async def test_the_next_daemon_goes_on_with_what_ran(
    fake: FakeHub, parrot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with what was paused or is over."""
    fake.add(REPO, {"Parrot-Q8_0.gguf": parrot})
    monkeypatch.setenv("HF_ENDPOINT", fake.url)
    paths = places(tmp_path / "yard", f"[mine]\nmodel = {parrot}\n")
    paths.settings.write_text("disk-margin = 0\nplan-ahead = false\n")
    fake.faults.pause, fake.faults.piece = 0.05, 64 << 10
    async with yard(paths) as first:
        await first.post("/pulls", {"model": NAME, "name": "polly"})
        await first.until(lambda status: any(pull.done for pull in status.pulls))
    fake.faults.pause = 0.0
    async with yard(paths) as second:
        [pull] = (await second.get("/pulls"))["pulls"]
        assert pull["model"] == NAME
        assert (await over(second, pull["id"]))["profile"] == "polly"
    assert fake.asked("GET", "/content/")[-1].range.startswith("bytes=")
    async with yard(paths) as third:
        assert (await third.get("/pulls"))["pulls"] == []


# ---- who may ----


async def test_a_key_for_inference_fetches_and_removes_nothing(
    fake: FakeHub, parrot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", fake.url)
    paths = places(tmp_path / "keyed", f"[mine]\nmodel = {parrot}\n")
    async with yard(paths, api_keys=("guest",), management_keys=("boss",)) as home:
        guest = {"Authorization": "Bearer guest"}
        calls = [
            ("POST", "/pulls", {"model": NAME}),
            ("GET", "/pulls", None),
            ("POST", "/models", {"model": NAME}),
            ("DELETE", "/models?model=mine", None),
            ("POST", "/api/pull", {"model": NAME}),
            ("DELETE", "/api/delete", {"model": "mine"}),
            ("POST", "/api/copy", {"source": "mine", "destination": "x"}),
        ]
        for method, path, body in calls:
            async with home.http.request(
                method, home.url + path, json=body, headers=guest
            ) as reply:
                assert reply.status == 403, path
        async with home.http.post(
            home.url + "/api/pull", json={"model": "mine"}, headers=guest
        ) as reply:
            assert reply.status == 200
    assert fake.seen == []
