"""What a client reads when an instance misbehaves, and what an instance learns of its client."""

import asyncio
import json

import aiohttp
import pytest
from yarl import URL

from tests.http import sockets
from tests.http.conftest import until

CHAT = "/v1/chat/completions"


def says(*parts):
    async def say(writer):
        for part in parts:
            writer.write(part)
            await writer.drain()

    return say


async def test_a_reply_is_relayed_byte_for_byte(open_yard, tmp_path):
    odd = b'{"a": "\\u00e4",\t"b":1.0e0}\n'
    async with sockets.instance(tmp_path / "s", says(sockets.plain(odd))) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        body = b'{ "model":"a" ,"x":[1,2,{"stream":true}],"stream":false}'
        async with yard.http.post(yard.base + CHAT, data=body) as reply:
            assert await reply.read() == odd
    assert heard.body() == body


async def test_keys_cookies_and_origins_stay_here(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", says(sockets.plain(b"{}"))) as heard:
        yard = await open_yard({"a": tmp_path / "s"}, api_keys=("secret",))
        headers = {
            "Authorization": "Bearer secret",
            "x-api-key": "secret",
            "Cookie": "c=1",
            "Origin": yard.base,
            "X-Forwarded-For": "10.0.0.1",
            "X-Conversation-Id": "c7",
        }
        async with yard.http.post(yard.base + CHAT, json={}, headers=headers) as reply:
            assert reply.status == 200
    for word in ("secret", "cookie", "origin", "forwarded"):
        assert word not in heard.head()
    assert "x-conversation-id: c7" in heard.head()


async def test_llama_servers_cors_and_server_headers_stay_there(open_yard, tmp_path):
    say = says(sockets.SSE, sockets.chunk(sockets.EVENT), b"0\r\n\r\n")
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"})
        async with yard.http.post(yard.base + CHAT, json={"stream": True}) as reply:
            assert await reply.read() == sockets.EVENT
    assert "access-control-allow-origin" not in reply.headers
    assert "llama" not in reply.headers["server"]
    assert reply.headers["content-type"] == "text/event-stream"


async def test_an_instance_that_dies_mid_event_ends_the_stream_with_an_error(open_yard, tmp_path):
    say = says(sockets.SSE, sockets.chunk(sockets.EVENT), sockets.chunk(b'data: {"cho'))
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"})
        async with yard.http.post(yard.base + CHAT, json={"stream": True}) as reply:
            text = await reply.read()
    events = text.split(b"\n\n")
    assert events[0] + b"\n\n" == sockets.EVENT
    assert json.loads(events[-2].removeprefix(b"data: "))["error"]["code"] == "upstream_gone"


async def test_an_instance_that_dies_before_a_word_is_a_502(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", says()) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        status, reply = await yard.post(CHAT, {})
        assert (status, reply["error"]["code"]) == (502, "upstream_gone")
        status, reply = await yard.post("/v1/messages", {})
        assert (status, reply["error"]["type"]) == (502, "overloaded_error")
    assert len(heard.requests) == 4, "each was sent once more, in case only the connection was old"


async def test_an_instance_that_is_not_there_is_a_502(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "nobody"})
    status, reply = await yard.post(CHAT, {})
    assert (status, reply["error"]["code"]) == (502, "upstream_gone")


async def test_half_a_short_reply_is_a_502(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", says(sockets.plain(b"x" * 999)[:-9])):
        yard = await open_yard({"a": tmp_path / "s"})
        status, reply = await yard.post(CHAT, {})
    assert (status, reply["error"]["code"]) == (502, "upstream_gone")


async def test_half_a_long_reply_is_seen_torn(open_yard, tmp_path):
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    async with sockets.instance(tmp_path / "s", says(head, sockets.chunk(b'{"a":'))):
        yard = await open_yard({"a": tmp_path / "s"})
        async with yard.http.post(yard.base + CHAT, json={}) as reply:
            with pytest.raises(aiohttp.ClientError):
                await reply.read()


async def test_a_hang_up_mid_stream_reaches_the_instance(open_yard, tmp_path):
    async def for_ever(writer):
        writer.write(sockets.SSE + sockets.chunk(sockets.EVENT))
        await asyncio.Event().wait()

    async with sockets.instance(tmp_path / "s", for_ever) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        async with yard.http.post(yard.base + CHAT, json={"stream": True}) as reply:
            await reply.content.readuntil(b"\n\n")
            reply.close()
        await heard.hung_up.wait()
        await until(lambda: yard.stable.stalls["a"].leases == 0)


async def test_a_hang_up_before_the_first_byte_reaches_the_instance(open_yard, tmp_path):
    async def silent(writer):
        await asyncio.Event().wait()

    async with sockets.instance(tmp_path / "s", silent) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        asking = asyncio.ensure_future(yard.post(CHAT, {}))
        await until(lambda: len(heard.requests) == 1)
        asking.cancel()
        await heard.hung_up.wait()


async def test_a_slow_reader_holds_the_instance_back_not_the_daemon(open_yard, tmp_path):
    sent = 0

    async def flood(writer):
        nonlocal sent
        writer.write(sockets.SSE)
        while sent < 64 << 20:
            writer.write(sockets.chunk(sockets.EVENT * 1000))
            await writer.drain()
            sent += len(sockets.EVENT) * 1000

    async with sockets.instance(tmp_path / "s", flood) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        reader, writer = await asyncio.open_connection(*yard.address, limit=1024)
        body = b'{"stream":true}'
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        await reader.readuntil(b"\r\n\r\n")
        stuck = -1
        while stuck != sent:  # until it no longer gets anything sent
            stuck = sent
            for _ in range(50):
                await asyncio.sleep(0)
            await yard.get("/health")
        assert sent < 64 << 20
        writer.close()
        await heard.hung_up.wait()


async def test_slots_are_asked_for_once_however_many_look(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", says(sockets.plain(b'[{"id":0}]'))) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        for path in ("/slots", "/slots?model=a", "/upstream/a/slots"):
            assert await yard.get(path) == (200, [{"id": 0}])
    assert len(heard.requests) == 1


async def test_looking_at_a_model_loads_nothing_unless_asked_to(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", says(sockets.plain(b"{}"))):
        yard = await open_yard({"a": tmp_path / "s"}, ready=False)
        status, reply = await yard.get("/props?model=a")
        assert (status, reply["error"]["reason"]) == (409, "model_not_loaded")
        assert yard.stable.stalls["a"].loads == 0
        looking = asyncio.ensure_future(yard.get("/props?model=a&autoload=true"))
        await until(lambda: yard.stable.stalls["a"].loads == 1)
        yard.stable.stalls["a"].ready.set()
        assert (await looking)[0] == 200


async def test_upstream_finds_ids_with_slashes_and_keeps_path_and_query(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", says(sockets.plain(b"{}"))) as heard:
        yard = await open_yard({"org/a": tmp_path / "s", "org": tmp_path / "nobody"})
        url = yard.base + "/upstream/org/a/v1/some%20thing?x=%2F"
        async with yard.http.put(URL(url, encoded=True), data=b"body") as reply:
            assert reply.headers["x-paddock-profile"] == "org/a"
    assert heard.head().startswith("put /v1/some%20thing?x=%2f http/1.1")
    assert heard.body() == b"body"


async def test_the_page_of_an_instance_is_reached_through_its_folder(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "nobody"})
    async with yard.http.get(yard.base + "/upstream/a", allow_redirects=False) as reply:
        assert (reply.status, reply.headers["location"]) == (308, "/upstream/a/")


async def test_a_transcription_names_its_model_in_a_form(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", says(sockets.plain(b"{}"))) as heard:
        yard = await open_yard({"other": tmp_path / "nobody", "ears": tmp_path / "s"})
        form = aiohttp.FormData()
        form.add_field("file", b'name="model"\r\n\r\nother', filename="model")
        form.add_field("model", "ears")
        url = yard.base + "/v1/audio/transcriptions"
        async with yard.http.post(url, data=form) as reply:
            assert reply.headers["x-paddock-profile"] == "ears"
    assert b"multipart/form-data; boundary=" in heard.requests[0]


async def test_a_client_that_leaves_just_as_its_reply_begins_is_noticed(
    open_yard, tmp_path, monkeypatch
):
    async def say(writer):
        writer.write(sockets.SSE)
        while True:
            writer.write(sockets.chunk(sockets.EVENT))
            await writer.drain()
            await asyncio.sleep(0.001)

    async with sockets.instance(tmp_path / "s", say) as heard:
        settings = {"keep_alive_after": 0.01, "keep_alive_every": 0.01}
        yard = await open_yard({"a": tmp_path / "s"}, ready=False, **settings)
        stall = yard.stable.stalls["a"]
        ask = stall.endpoint.pool.ask

        async def leave_as_it_begins(*request):
            reply = await ask(*request)
            [handler] = stall.endpoint._users
            handler.cancel()
            return reply

        monkeypatch.setattr(stall.endpoint.pool, "ask", leave_as_it_begins)
        body = {"model": "a", "stream": True}
        async with yard.http.post(yard.base + CHAT, json=body):  # a sign of life came
            stall.ready.set()
            await heard.hung_up.wait()
        await until(lambda: not stall.leases)
