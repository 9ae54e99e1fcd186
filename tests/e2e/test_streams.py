"""Replies that go on without their reader and are read again, with a real llama-server behind them."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from paddock.http import upstream
from tests.e2e.engines import Gate, failing_gate, gate
from tests.yard import Yard

HEADERS = {"X-Conversation-Id": "talk::endless"}
STREAM = "/v1/stream?conv_id=talk::endless"
LONG = 1500  # tokens; some seconds


def _said(text: bytes) -> str:
    events = [json.loads(e[6:]) for e in text.decode().split("\n\n") if e.startswith("data: {")]
    return "".join(e["choices"][0]["delta"].get("content") or "" for e in events)


def _body(tokens: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Talk."}]
    return {"model": "endless", "messages": messages, "stream": True, "max_tokens": tokens}


async def _begin_and_leave(home: Yard, tokens: int = LONG) -> bytes:
    """Ask, read a little, hang up; what was read."""
    async with aiohttp.ClientSession() as http:
        url = home.url + "/v1/chat/completions"
        async with http.post(url, json=_body(tokens), headers=HEADERS) as reply:
            return await reply.content.readany()


async def _known(home: Yard) -> list[dict[str, Any]]:
    status, found = await home.post("/v1/streams/lookup", {"conversation_ids": ["talk", "other"]})
    assert status == 200
    return list(found)


async def _over(home: Yard) -> None:
    await home.until(lambda status: not status.requests, within=30)


async def test_who_comes_back_hears_all_of_it(home):
    async with home() as yard:
        begun = await _begin_and_leave(yard)
        [session] = await _known(yard)
        assert (session["conversation_id"], session["is_done"]) == ("talk::endless", False)
        assert [r.profile for r in (await yard.status()).requests] == ["endless"]  # still at work
        async with yard.http.get(yard.url + STREAM) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            whole = await reply.read()
        assert whole.startswith(begun)
        assert whole.endswith(b"data: [DONE]\n\n")
        async with yard.http.get(f"{yard.url}{STREAM}&from={len(begun)}") as reply:
            assert begun + await reply.read() == whole
        await _over(yard)
        assert (await _known(yard))[0]["is_done"]


async def test_it_holds_its_model_until_it_is_over(home):
    async with home(max_instances=1) as yard:
        await _begin_and_leave(yard, 400)
        async with yard.http.get(yard.url + STREAM) as reply:  # no lease is needed to read
            begun = await reply.content.readany()
            other = asyncio.ensure_future(yard.answer("alpha"))
            assert (begun + await reply.read()).endswith(b"data: [DONE]\n\n")
        assert await other == "I am alpha."


async def test_its_reader_ends_it(home):
    async with home() as yard:
        await _begin_and_leave(yard, -1)
        async with yard.http.delete(yard.url + STREAM) as reply:
            assert reply.status == 204
        await _over(yard)
        assert await _known(yard) == []


@pytest.mark.parametrize("stays", [True, False])
async def test_a_person_ends_it(home, stays):
    """Whether its reader is there or not: without a word llama-server would generate on."""
    async with home() as yard, aiohttp.ClientSession() as http:
        url = yard.url + "/v1/chat/completions"
        async with http.post(url, json=_body(-1), headers=HEADERS) as reply:
            await reply.content.readany()
            if not stays:
                reply.close()
            [request] = (await yard.status()).requests
            await yard.post(f"/requests/{request.id}/cancel")
            if stays:
                assert b"cancelled" in await reply.read()
        await _over(yard)
        assert await _known(yard) == []
        async with asyncio.timeout(10):  # its slot is free again
            assert await yard.answer("endless", max_tokens=3)


async def test_others_are_still_ended_by_their_hang_up(home):
    async with home() as yard, aiohttp.ClientSession() as http:
        async with http.post(yard.url + "/v1/chat/completions", json=_body(-1)) as reply:
            await reply.content.readany()
        await _over(yard)


@pytest.mark.parametrize("conversation", ["talk::endless", "talk::alpha", "talk::nobody", "talk"])
async def test_what_is_not_there(home, conversation):
    async with home() as yard:
        await yard.answer("alpha")
        url = f"{yard.url}/v1/stream?conv_id={conversation}"
        async with yard.http.get(url) as reply:
            assert reply.status == 404
        async with yard.http.delete(url) as reply:
            assert reply.status == 204
        assert await _known(yard) == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_which_one_must_be_said(home, method):
    async with home() as yard, yard.http.request(method, yard.url + "/v1/stream") as reply:
        assert reply.status == 400


# ---- while its model loads: as llama.cpp's router does it (asked in test_router.py) ----

WAITING = {"X-Conversation-Id": "talk::slow"}
COME = "/v1/stream?conv_id=talk::slow"


def _asking(home: Yard, http: aiohttp.ClientSession) -> "asyncio.Task[tuple[int, bytes]]":
    async def asked() -> tuple[int, bytes]:
        url, body = home.url + "/v1/chat/completions", _body(20) | {"model": "slow"}
        async with http.post(url, json=body, headers=WAITING) as reply:
            return reply.status, await reply.read()

    return asyncio.create_task(asked())


async def _read(home: Yard) -> tuple[int, dict[str, str], bytes]:
    async with home.http.get(home.url + COME) as reply:
        return reply.status, dict(reply.headers), await reply.read()


@pytest.mark.parametrize("beats", [0.05, 60.0], ids=["after signs of life", "before"])
async def test_a_page_that_is_reloaded_while_its_model_loads_finds_its_reply(home, tmp_path, beats):
    held = gate(tmp_path)
    settings = {"keep_alive_after": beats, "keep_alive_every": beats}
    async with home(held.profile("slow"), **settings) as yard, aiohttp.ClientSession() as http:
        page = _asking(yard, http)
        await yard.until(lambda status: status.requests and status.requests[0].age > 0.3)
        page.cancel()
        status, headers, refused = await _read(yard)
        assert (status, json.loads(refused)["error"]["reason"]) == (503, "model_loading")
        assert int(_low(headers)["retry-after"]) > 0
        held.open()
        await yard.until(lambda status: not status.requests and status.instances)
        status, _, whole = await _read(yard)
        assert (status, _said(whole)) == (200, "I am gamma.")
        assert whole.endswith(b"data: [DONE]\n\n")


async def test_it_still_loads_until_the_engine_knows_of_the_reply(home, monkeypatch):
    """Between the load's end and the moment at which llama-server has read the request."""
    may_ask, ask = asyncio.Event(), upstream.ask

    async def ask_later(endpoint: Any, method: str, *asked: Any) -> Any:
        if method == "POST":
            await may_ask.wait()
        return await ask(endpoint, method, *asked)

    monkeypatch.setattr(upstream, "ask", ask_later)
    async with home() as yard:
        leaving = asyncio.ensure_future(_begin_and_leave(yard, 20))
        await yard.until(lambda status: any(i.leases for i in status.instances))
        async with yard.http.get(yard.url + STREAM) as reply:
            assert (reply.status, (await reply.json())["error"]["reason"]) == (503, "model_loading")
        may_ask.set()
        begun = await leaving
        async with yard.http.get(yard.url + STREAM) as reply:
            assert (reply.status, (await reply.read())[: len(begun)]) == (200, begun)


async def test_a_reply_that_is_stopped_while_its_model_loads_never_comes(home, tmp_path):
    held = gate(tmp_path)
    async with home(held.profile("slow")) as yard, aiohttp.ClientSession() as http:
        page = _asking(yard, http)
        await yard.until(lambda status: status.requests)
        async with yard.http.delete(yard.url + COME) as reply:
            assert reply.status == 204
        assert (await _read(yard))[0] == 404
        status, refused = await page
        assert (status, json.loads(refused)["error"]["code"]) == (400, "cancelled")
        held.open()
        await yard.until_phase("slow", "ready")  # the load belongs to nobody, and goes on
        assert (await _read(yard))[0] == 404


async def test_whoever_left_for_a_load_that_fails_finds_nothing(home, tmp_path):
    held: Gate = failing_gate(tmp_path)
    async with home(held.profile("slow")) as yard, aiohttp.ClientSession() as http:
        page = _asking(yard, http)
        await yard.until(lambda status: status.requests)
        page.cancel()
        held.open()
        await _over(yard)
        assert (await _read(yard))[0] == 404


async def test_the_daemon_ends_while_it_waits_for_who_has_left(home, tmp_path):
    held = gate(tmp_path)
    async with home(held.profile("slow")) as yard, aiohttp.ClientSession() as http:
        page = _asking(yard, http)
        await yard.until(lambda status: status.requests)
        page.cancel()
        assert (await _read(yard))[0] == 503


def _low(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
