"""A node is lost: what had no answer yet is answered elsewhere, once; what had one ends in its API's own way."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.proxy import Way
from tests.cluster.stable import StableYard, front_of, node, stable_of
from tests.e2e.engines import gate
from tests.yard import places, process

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 64}
SOON: dict[str, Any] = {
    "stop_timeout": 0.1,
    "keep_alive_after": 0.05,
    "keep_alive_after_plain": 0.05,
    "keep_alive_every": 0.05,
}


def conf(models: Path, *names: str) -> str:
    return "".join(f"[{name}]\nmodel = {models}/{name}.gguf\n" for name in names)


async def _until_asked(home: StableYard, node: str, requests: int) -> None:
    """Until the daemon of this node has so many, however far they are."""
    async with asyncio.timeout(20):
        while len(home.nodes[node].daemon.requests.infos()) < requests:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ["cut", "freeze"])
async def test_what_had_no_answer_is_answered_by_another_node_once(
    tmp_path: Path, models: Path, how: str
) -> None:
    held = gate(tmp_path)  # on the first node it loads for ever, with signs of life
    confs = {"one": held.profile("beta", f"{models}/beta.gguf"), "two": conf(models, "beta")}
    async with stable_of(tmp_path, confs, of_nodes=SOON) as home:
        first, second = home.membership.nodes
        home.membership.put(first)
        await home.until_up("one")
        url, body = f"{home.url}/v1/chat/completions", {**CHAT, "model": "beta"}
        whole = asyncio.ensure_future(home.ask("beta"))
        async with home.http.post(url, json={**body, "stream": True}) as reply:
            assert (await reply.content.readline()).startswith(b": ")  # with a head that stays
            await _until_asked(home, "one", 2)
            home.membership.put(first, second)
            await home.until_up("one", "two")
            await (home.ways["one"].cut() if how == "cut" else _frozen(home.ways["one"]))
            text = (await reply.read()).decode()
        held.open()
        status, document = await whole
    assert (status, document["choices"][0]["message"]["content"]) == (200, "I am beta.")
    said = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: {")]
    words = [c["choices"][0]["delta"].get("content") or "" for c in said if c["choices"]]
    assert ("".join(words), text.count("[DONE]")) == ("I am beta.", 1)


async def _frozen(way: Way) -> None:
    way.freeze()


IN_STREAMS = {
    "/v1/chat/completions": (CHAT, b'data: {"error":', b'"code":"node_lost"'),
    "/v1/completions": ({"prompt": "hi"}, b'data: {"error":', b'"code":"node_lost"'),
    "/v1/responses": ({"input": "hi"}, b"event: error\n", b'"type":"response.failed"'),
    "/v1/messages": (CHAT, b"event: error\n", b'"code":"node_lost"'),
    "/completion": ({"prompt": "hi"}, b'data: {"error":', b'"reason":"node_lost"'),
    "/api/chat": (CHAT, b'{"error":', b'"code":"node_lost"'),
}


async def test_an_answer_that_had_begun_ends_in_the_words_of_its_api(
    tmp_path: Path, models: Path
) -> None:
    confs = {"one": conf(models, "endless"), "two": conf(models, "endless")}
    async with stable_of(tmp_path, confs) as home:
        await home.answer("endless@one", max_tokens=1)
        for path, (asks, begins, holds) in IN_STREAMS.items():
            body = {**asks, "model": "endless@one", "stream": True, "max_tokens": 100_000}
            async with home.http.post(home.url + path, json=body) as reply:
                assert reply.headers["x-paddock-node"] == "one"
                assert reply.headers["x-paddock-instance"] == "one/endless.1"
                heard = await reply.content.readany()
                await home.ways["one"].cut()
                heard += await reply.read()
            last = heard[heard.rindex(begins) :]
            assert holds in last, path
            assert b"one" in last
            await home.ways["one"].start()
            await home.until_up("one", "two")


async def test_a_silent_node_ends_what_it_had_begun_within_bounds(
    tmp_path: Path, models: Path
) -> None:
    async with stable_of(tmp_path, {"one": conf(models, "endless")}) as home:
        body = {**CHAT, "model": "endless", "stream": True, "max_tokens": 100_000}
        async with home.http.post(f"{home.url}/v1/chat/completions", json=body) as reply:
            await reply.content.readany()
            home.ways["one"].freeze()
            async with asyncio.timeout(20):
                rest = await reply.read()
        assert b"node_lost" in rest
        status, refused = await home.ask("endless")
        assert (status, refused["error"]["code"]) == (503, "nodes_away")


async def test_who_refuses_is_passed_over_and_the_last_refusal_is_said(
    tmp_path: Path, models: Path
) -> None:
    broken = f"[beta]\nmodel = {models}/broken.gguf\n[gamma]\nmodel = {models}/broken.gguf\n"
    confs = {"one": broken, "two": broken.replace("[gamma]", "[other]") + conf(models, "gamma")}
    async with stable_of(tmp_path, confs) as home:
        assert await home.answer("gamma") == "I am gamma."
        status, refused = await home.ask("beta")
        assert status == 400
        assert refused["error"]["code"] in {
            "cannot_load",
            "load_failed",
        }  # as its header is read yet


async def test_a_model_that_is_only_on_a_lost_node_comes_back_with_it(
    tmp_path: Path, models: Path
) -> None:
    confs = {"one": conf(models, "alpha"), "two": conf(models, "gamma")}
    async with stable_of(tmp_path, confs) as home:
        assert await home.answer("alpha") == "I am alpha."
        ran = (await home.status()).instances[0].id
        await home.ways["one"].cut()
        await home.until_up("two")
        assert [node.state for node in (await home.status()).nodes] == ["lost", "up"]
        assert await home.answer("gamma") == "I am gamma."
        waits = asyncio.ensure_future(home.answer("alpha"))  # until the node is there again
        await home.until(lambda s: any(r.profile == "alpha" for r in s.requests))
        await home.ways["one"].start()
        assert await waits == "I am alpha."
        assert ran in [instance.id for instance in (await home.status()).instances]


async def test_who_leaves_ends_his_request_at_the_node(tmp_path: Path, models: Path) -> None:
    async with stable_of(tmp_path, {"one": conf(models, "endless")}) as home:
        body = {**CHAT, "model": "endless", "stream": True, "max_tokens": 100_000}
        async with home.http.post(f"{home.url}/v1/chat/completions", json=body) as reply:
            await reply.content.readany()
            assert home.nodes["one"].daemon.requests.infos()
            reply.close()
        async with asyncio.timeout(10):
            while home.nodes["one"].daemon.requests.infos():
                await asyncio.sleep(0.01)


async def test_a_request_is_cancelled_by_its_number_here(tmp_path: Path, models: Path) -> None:
    held = gate(tmp_path)
    confs = {"one": held.profile("beta", f"{models}/beta.gguf")}
    async with stable_of(tmp_path, confs, of_nodes=SOON) as home:
        body = {**CHAT, "model": "beta", "stream": True}
        async with home.http.post(f"{home.url}/v1/chat/completions", json=body) as reply:
            status = await home.until(lambda s: s.requests)
            code, done = await home.post(f"/requests/{status.requests[0].id}/cancel")
            assert (code, done) == (200, {"success": True})
            assert b'"code":"cancelled"' in await reply.read()
        held.open()


async def test_a_new_front_needs_nothing_of_the_one_before(tmp_path: Path, models: Path) -> None:
    async with stable_of(tmp_path, {"one": conf(models, "alpha")}) as home:
        assert await home.answer("alpha") == "I am alpha."
        async with front_of(tmp_path / "again", home.membership.nodes) as second:
            assert await second.answer("alpha") == "I am alpha."  # although it has met no node yet


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_daemon_that_is_killed_or_stopped_costs_one_answer_nothing(
    tmp_path: Path, models: Path, number: signal.Signals
) -> None:
    held = gate(tmp_path)
    slow = places(tmp_path / "one", held.profile("beta", f"{models}/beta.gguf"))
    with process(slow) as lost:
        async with stable_of(tmp_path, {"two": conf(models, "beta")}) as home:
            second = home.membership.nodes[0]
            home.membership.put(node("one", lost.url))
            await home.until_up("one")
            asking = asyncio.ensure_future(home.answer("beta"))
            await home.until(lambda s: s.queue.get("beta") or s.requests)
            home.membership.put(node("one", lost.url), second)
            await home.until_up("one", "two")
            lost.popen.send_signal(number)
            assert await asking == "I am beta."
            await home.until_up("two")
            states = {info.name: info.state for info in (await home.status()).nodes}
            assert states == {"one": "silent" if number == signal.SIGSTOP else "lost", "two": "up"}
