"""Whoever was let in hears of us too: while a prompt waits for a slot, and while it is read.

Scripted instances are silent as a llama-server is on a slow machine; a real one is, for whoever waits
for its only slot.
"""

import asyncio
import json

import pytest

from tests.http import sockets
from tests.http.conftest import until

HELLO = [{"role": "user", "content": "hello"}]
QUICK = {"keep_alive_after": 0.01, "keep_alive_after_plain": 0.01, "keep_alive_every": 0.01}
SURFACES = {
    "/v1/chat/completions": b": ",
    "/v1/responses": b"event: keepalive",
    "/v1/messages": b"event: ping",
    "/api/chat": b'"done":false',
    "/completion": b": ",
}
PING = b":\n\n"  # llama-server's own sign of life, which Codex does not count


def speech(*, before: bytes, after: bytes, go_on: asyncio.Event) -> sockets.Say:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        await writer.drain()
        await go_on.wait()
        writer.write(after)
        await writer.drain()

    return say


WHERE = {
    "before its head": (b"", sockets.SSE + sockets.chunk(sockets.EVENT)),
    "after its head": (sockets.SSE, sockets.chunk(sockets.EVENT)),
    "after its own ping": (sockets.SSE + sockets.chunk(PING), sockets.chunk(sockets.EVENT)),
    "after an event": (sockets.SSE + sockets.chunk(sockets.EVENT), sockets.chunk(sockets.EVENT)),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("path", SURFACES)
async def test_a_streaming_client_hears_signs_of_life_while_a_scripted_instance_is_silent(
    open_yard, tmp_path, path, where
):
    go_on, (before, after) = asyncio.Event(), WHERE[where]
    say = speech(before=before, after=after + b"0\r\n\r\n", go_on=go_on)
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"}, **QUICK)
        body = {"messages": HELLO, "input": "hello", "prompt": "hello", "stream": True}
        body |= {"model": "a", "max_tokens": 9}
        async with yard.http.post(yard.base + path, json=body) as reply:
            text, sign = b"", SURFACES[path]
            while text.count(sign) < 3:
                text += await reply.content.readany()
            go_on.set()
            text += await reply.read()
    assert reply.status == 200
    assert yard.stable.stalls["a"].leases == 0
    if path != "/api/chat":  # an event is never cut in two
        assert text.count(b" hello") == where.startswith("after an") + 1
        for event in text.split(b"\n\n"):
            data = event.rpartition(b"data: ")[2] if b"data: " in event else b"{}"
            json.loads(data)
    else:
        assert all(json.loads(line) for line in text.splitlines())


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/api/chat"])
async def test_one_that_does_not_stream_gets_white_space_and_its_json(open_yard, tmp_path, path):
    go_on = asyncio.Event()
    whole = sockets.plain(b'{"data":[{"index":0,"embedding":[1.0]}]}')
    if path == "/api/chat":
        whole = sockets.SSE + sockets.chunk(sockets.EVENT) + b"0\r\n\r\n"
    async with sockets.instance(tmp_path / "s", speech(before=b"", after=whole, go_on=go_on)):
        yard = await open_yard({"a": tmp_path / "s"}, **QUICK)
        body = {"model": "a", "messages": HELLO, "input": "hello", "stream": False}
        async with yard.http.post(yard.base + path, json=body) as reply:
            first = await reply.content.readexactly(2)
            go_on.set()
            rest = await reply.read()
    assert first == b"  "
    assert json.loads(first + rest)


async def test_a_reply_that_has_a_length_is_not_added_to(open_yard, tmp_path):
    go_on, size = asyncio.Event(), 2 << 20
    whole = sockets.plain(b'"' + b"x" * size + b'"')
    half = len(whole) // 2
    say = speech(before=whole[:half], after=whole[half:], go_on=go_on)
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"}, **QUICK)
        async with yard.http.post(yard.base + "/v1/chat/completions", json={"model": "a"}) as reply:
            first = await reply.content.read(1)
            await asyncio.sleep(0.05)  # several signs of life long
            go_on.set()
            assert len(json.loads(first + await reply.read())) == size


@pytest.mark.parametrize("path", ["/upstream/a/v1/chat/completions"])
async def test_what_is_passed_on_as_it_is_gets_none(open_yard, tmp_path, path):
    go_on = asyncio.Event()
    say = speech(before=b"", after=sockets.plain(b"{}"), go_on=go_on)
    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"}, **QUICK)
        asking = asyncio.ensure_future(yard.post(path, {"stream": True}))
        await until(lambda: bool(heard.requests))
        await asyncio.sleep(0.05)
        go_on.set()
        assert await asking == (200, {})


async def test_a_refusal_after_signs_of_life_comes_in_band(open_yard, tmp_path):
    go_on = asyncio.Event()
    no = sockets.plain(b'{"error":{"code":400,"message":"no such talk"}}', "400 Bad Request")
    async with sockets.instance(tmp_path / "s", speech(before=b"", after=no, go_on=go_on)):
        yard = await open_yard({"a": tmp_path / "s"}, **QUICK)
        body = {"model": "a", "input": "hello", "stream": True}
        async with yard.http.post(yard.base + "/v1/responses", json=body) as reply:
            await reply.content.readuntil(b"\n\n")
            go_on.set()
            assert b"no such talk" in (await reply.read()).partition(b"response.failed")[2]


@pytest.mark.parametrize("origin", [False, True])  # a page's: its head is not made in one go
async def test_whoever_waits_for_the_only_slot_of_a_real_server_hears_of_us(
    open_yard, endless, origin
):
    yard = await open_yard({"a": endless}, **QUICK)
    body = {"model": "a", "messages": HELLO, "stream": True, "max_tokens": -1}
    url, headers = yard.base + "/v1/chat/completions", {"Origin": yard.base} if origin else {}
    async with yard.http.post(url, json=body) as first:
        await first.content.readuntil(b"\n\n")
        async with yard.http.post(url, json=body | {"max_tokens": 2}, headers=headers) as second:
            for _ in range(3):
                assert (await second.content.readuntil(b"\n\n")).startswith(b": ")
            first.close()
            assert b"data: [DONE]" in await second.read()
