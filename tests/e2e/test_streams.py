"""Replies that go on without their reader and are read again, with a real llama-server behind them."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

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
        other = asyncio.ensure_future(yard.answer("alpha"))
        async with yard.http.get(yard.url + STREAM) as reply:  # no lease is needed to read
            assert (await reply.read()).endswith(b"data: [DONE]\n\n")
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
