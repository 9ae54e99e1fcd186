"""llama.cpp's real router and Paddock, asked the same: every field of the one is in the other."""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.e2e.engines import gate
from tests.yard import engine_command

pytestmark = pytest.mark.native


@dataclass(frozen=True)
class Router:
    """The real one."""

    url: str
    pid: int

    async def held(self) -> list[int]:
        """Its children, once there are some, stopped where they stand: they load for as long."""
        while True:
            by_thread = Path(f"/proc/{self.pid}/task").glob("*/children")
            if children := [
                int(pid) for statuses in by_thread for pid in statuses.read_text().split()
            ]:
                for pid in children:
                    os.kill(pid, signal.SIGSTOP)
                return children
            await asyncio.sleep(0.005)


@pytest.fixture
def real(tmp_path: Path, models: Path, unused_tcp_port: int) -> Iterator[Router]:
    """The real one, with a model of its own and one that loads for a while."""
    (tmp_path / "alpha.gguf").symlink_to(models / "alpha.gguf")
    slow = ScriptedModel(say="I am slow.", layers=16, target_mib=400, dense=True)
    write(tmp_path / "slow.gguf", slow)
    command = engine_command()
    if len(command) > 1:
        pytest.skip("the embedded engine has no router")
    words = ["--models-dir", str(tmp_path), "--host", "127.0.0.1", "--port", str(unused_tcp_port)]
    process = subprocess.Popen(
        [*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield Router(f"http://127.0.0.1:{unused_tcp_port}", process.pid)
    process.kill()
    process.wait()


@pytest.fixture
def router(real: Router) -> str:
    return real.url


def missing(theirs: Any, ours: Any, at: str = "") -> list[str]:
    """What they have and we have not, or of another kind."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [at]
        return [
            lack
            for key, value in theirs.items()
            for lack in (
                missing(value, ours[key], f"{at}.{key}") if key in ours else [f"{at}.{key}"]
            )
        ]
    if theirs is None or ours is None:
        return []
    return [] if type(theirs) is type(ours) else [f"{at}: {type(ours).__name__}"]


async def _up(http: Any, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with http.get(url + "/health") as reply:
                    if reply.status == 200:
                        return
            except OSError:
                pass
            await asyncio.sleep(0.05)


async def _event_kinds(http: Any, url: str) -> list[Any]:
    """What the events say while `alpha` is loaded, until it is.

    The real router answers only with its first event, and repeats none: it is given a moment.
    """
    events = []
    opening = asyncio.ensure_future(http.get(url + "/models/sse"))
    await asyncio.sleep(0.5)
    async with http.post(url + "/models/load", json={"model": "alpha"}) as reply:
        assert await reply.json() == {"success": True}
    async with await opening as stream:
        async for line in stream.content:
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                events.append(event)
                if event["data"].get("status") == "loaded":
                    return events
    raise AssertionError(events)


# What only a loaded llama-server could know.
UNKNOWN = {".meta.vocab_type", ".meta.n_vocab", ".meta.n_embd"}


async def test_every_field_of_the_real_router_is_here(router: str, home):
    async with home() as yard:
        await yard.daemon.roster.read_facts()
        await _up(yard.http, router)
        async with yard.http.get(router + "/props") as reply:
            assert missing(await reply.json(), await yard.get("/props")) == []
        async with yard.http.get(router + "/models") as reply:
            theirs = next(m for m in (await reply.json())["data"] if m["id"] == "alpha")
        ours = next(m for m in (await yard.get("/models"))["data"] if m["id"] == "alpha")
        assert missing(theirs, ours) == []
        theirs, ours = (
            await _event_kinds(yard.http, router),
            await _event_kinds(yard.http, yard.url),
        )
        assert (theirs[0]["event"], ours[0]["event"]) == ("model_status", "model_status")
        assert (theirs[-1]["event"], ours[-1]["event"]) == ("status_change", "status_change")
        lacks = missing(theirs[-1]["data"]["info"], ours[-1]["data"]["info"])
        assert set(lacks) <= UNKNOWN
        progress = [
            next(e for e in statuses if "progress" in e["data"]) for statuses in (theirs, ours)
        ]
        assert missing(progress[0], progress[1]) == []


def _go_on(children: list[int]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGCONT)


async def _statuses(http: Any, url: str, asking: "asyncio.Task[int]") -> list[int]:
    """What is said of a conversation whose model loads: read on, stopped, read on, and to its client."""
    statuses, where = [], f"{url}/v1/stream?conv_id=talk::slow"
    for method in ("GET", "DELETE", "GET"):
        async with http.request(method, where) as reply:
            statuses.append(reply.status)
    return [*statuses, await asking]


async def _ask_slow(http: Any, url: str) -> int:
    body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"X-Conversation-Id": "talk::slow"}
    async with http.post(url + "/v1/chat/completions", json=body, headers=headers) as reply:
        await reply.read()
        return int(reply.status)


async def test_a_conversation_is_stopped_while_its_model_loads_as_by_the_real_router(
    real: Router, home, tmp_path
):
    held = gate(tmp_path)
    async with home(held.profile("slow")) as yard, aiohttp.ClientSession() as http:
        await _up(http, real.url)
        asking = asyncio.create_task(_ask_slow(http, real.url))
        children = await real.held()
        gone_on = asyncio.create_task(_statuses(http, real.url, asking))
        await asyncio.wait((gone_on,), timeout=2)  # it may answer its client after the load alone
        _go_on(children)
        theirs = await gone_on
        asking = asyncio.create_task(_ask_slow(http, yard.url))
        await yard.until(lambda status: status.requests)
        ours = await _statuses(http, yard.url, asking)
    assert theirs == ours == [503, 204, 404, 400]


async def test_the_build_is_reported_as_the_real_router_does(router: str, home):
    async with home() as yard:
        await _up(yard.http, router)
        async with yard.http.get(router + "/props") as reply:
            theirs = (await reply.json())["build_info"]
        ours = (await yard.get("/props"))["build_info"]
    assert re.match(r"b\d+-", theirs)
    assert re.match(r"b\d+-", ours)


POSTS = ("/props", "/slots/0?action=erase", "/v1/systemone")


@pytest.mark.parametrize("path", POSTS)
async def test_a_model_that_the_body_names_is_asked_as_by_the_real_router(router: str, home, path):
    async with home() as yard:
        await _up(yard.http, router)
        async with yard.http.post(router + path, json={"model": "alpha"}) as reply:
            theirs = reply.status, (await reply.json())["error"]["message"]
        status, refused = await yard.post(path, {"model": "alpha"})
    assert (status, refused["error"]["message"]) == theirs


async def test_an_instance_is_looked_at_as_by_the_real_router(router: str, home):
    """Theirs loads it for that; ours where it is said so."""
    async with home() as yard:
        await _up(yard.http, router)
        for path in ("/props", "/slots", "/lora-adapters"):
            async with yard.http.get(f"{router}{path}?model=alpha") as reply:
                theirs, status = await reply.json(), reply.status
            ours = await yard.get(f"{path}?model=alpha&autoload=true")
            if path == "/slots":  # it has four of them
                theirs, ours = theirs[0], ours[0]
            assert (status, missing(theirs, ours)) == (200, []), path


async def test_what_a_query_names_for_a_post_is_our_own_addition(router: str, home):
    """Without it, the scale of an adapter could be set at no model: the body is a list."""
    async with home() as yard:
        await _up(yard.http, router)
        for path in (*POSTS, "/lora-adapters"):
            body: Any = [] if path == "/lora-adapters" else {}
            query = ("&" if "?" in path else "?") + "model=alpha"
            async with yard.http.post(router + path + query, json=body) as reply:
                assert (reply.status, "model name is missing" in await reply.text()) == (400, True)
            status, _ = await yard.post(path + query, body)
            assert status == (200 if body == [] else 501), "by the instance itself"


async def test_the_list_is_read_anew_as_by_the_real_router(router: str, home, tmp_path, models):
    async with home() as yard:
        await _up(yard.http, router)
        (tmp_path / "newer.gguf").symlink_to(models / "alpha.gguf")
        conf = yard.paths.config
        conf.write_text(conf.read_text() + "[newer]\nmodel = alpha.gguf\n")
        for url in (router, yard.url):
            async with yard.http.get(url + "/models?reload=1") as reply:
                assert "newer" in [model["id"] for model in (await reply.json())["data"]]


_REAL_ANSWERS = 45.0  # seconds; a load takes ten on a busy machine


async def _found_again(http: Any, url: str, go_on: Any) -> tuple[set[int], str]:
    """What a page finds that was reloaded while its model loads: all answers until there is a reply."""
    where, refused = f"{url}/v1/stream?conv_id=talk::slow&from=0", set[int]()
    while True:
        async with http.get(where) as reply:
            if reply.status == 200:
                text = await reply.text()
                parts = [json.loads(x[6:]) for x in text.split("\n") if x.startswith("data: {")]
                choices = [choice for part in parts for choice in part["choices"]]
                return refused, "".join(c["delta"].get("content") or "" for c in choices)
            refused.add(reply.status)
        go_on()
        await asyncio.sleep(0.1)


async def _found_again_if_answered(
    http: Any, url: str, go_on: Any
) -> tuple[set[int], str] | tuple[None, None]:
    """The real router (build 11434) leaves one such question in thirty without any answer."""
    try:
        async with asyncio.timeout(_REAL_ANSWERS):
            return await _found_again(http, url, go_on)
    except TimeoutError:
        return None, None


async def test_a_page_that_is_reloaded_while_its_model_loads_finds_its_reply_as_by_the_real_router(
    real: Router, home, tmp_path
):
    """Ours never says that it is gone; the real one does for a moment, now and then."""
    held = gate(tmp_path)
    async with home(held.profile("slow")) as yard, aiohttp.ClientSession() as http:
        await _up(http, real.url)
        asking = asyncio.create_task(_ask_slow(http, real.url))
        children = await real.held()
        asking.cancel()
        refused, theirs = await _found_again_if_answered(http, real.url, partial(_go_on, children))
        asking = asyncio.create_task(_ask_slow(http, yard.url))
        await yard.until(lambda status: status.requests)
        asking.cancel()
        ours = await _found_again(http, yard.url, held.open)
    assert refused in (None, {503}, {503, 404})
    assert theirs in {None, "I am slow."}
    assert ours == ({503}, "I am gamma.")
