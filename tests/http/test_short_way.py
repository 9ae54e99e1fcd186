"""Replies that go aiohttp's way or ours: their clients see no difference."""

import asyncio

import pytest

from tests.http import sockets

CHAT = "/v1/chat/completions"


async def say(writer):
    writer.write(sockets.plain(b'{"a":1}'))
    await writer.drain()


async def stream(writer):
    """A stream that has arrived whole before its first byte can be passed on."""
    writer.write(sockets.SSE + sockets.chunk(sockets.EVENT) * 3 + b"0\r\n\r\n")
    await writer.drain()


async def asked(yard, *lines, body=b"{}", version="1.1"):
    """The whole answer to a request, up to the end of the connection."""
    reader, writer = await asyncio.open_connection(*yard.address)
    head = (f"POST {CHAT} HTTP/{version}", "Host: localhost", f"Content-Length: {len(body)}")
    writer.write("\r\n".join((*head, *lines, "", "")).encode() + body)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("lines", "version"), [(("Connection: close",), "1.1"), ((), "1.0")], ids=["close", "HTTP/1.0"]
)
async def test_a_connection_is_closed_where_its_client_wants_that(
    open_yard, tmp_path, lines, version
):
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"})
        answer = await asked(yard, *lines, version=version)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/{version} 200 OK".encode())
    assert body == b'{"a":1}'
    assert (b"connection: close" in head.lower()) == (version == "1.1")


async def test_a_short_reply_has_one_of_each_header(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"})
        answer = await asked(yard, "Connection: close")
    names = [
        line.partition(b":")[0].lower() for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n")
    ]
    assert len(names) == len(set(names))
    wanted = {b"content-length", b"content-type", b"date", b"server", b"x-paddock-profile"}
    assert wanted <= set(names)


async def test_a_page_that_may_call_us_can_read_the_reply(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"}, allowed_origins=("http://friend",))
        answer = await asked(yard, "Connection: close", "Origin: http://friend")
    assert b"access-control-allow-origin: http://friend" in answer.lower()


async def test_who_expects_to_be_asked_for_the_body_is(open_yard, tmp_path):
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"})
        answer = await asked(yard, "Connection: close", "Expect: 100-continue")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_stream_that_came_at_once_is_passed_on_whole(open_yard, tmp_path, version):
    async with sockets.instance(tmp_path / "s", stream):
        yard = await open_yard({"a": tmp_path / "s"})
        answer = await asked(yard, "Connection: close", body=b'{"stream":true}', version=version)
    head, _, body = answer.partition(b"\r\n\r\n")
    whole = sockets.EVENT * 3
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole)
    assert body == (chunked if version == "1.1" else whole)
    assert (b"transfer-encoding: chunked" in head.lower()) == (version == "1.1")


async def test_a_connection_serves_a_stream_and_then_a_short_reply(open_yard, tmp_path):
    async def either(writer):
        await (stream if len(heard.requests) == 1 else say)(writer)

    async with sockets.instance(tmp_path / "s", either) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        async with yard.http.post(yard.base + CHAT, json={"stream": True}) as reply:
            assert await reply.read() == sockets.EVENT * 3
        assert await yard.post(CHAT, {}) == (200, {"a": 1})
