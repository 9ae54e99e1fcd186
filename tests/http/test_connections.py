"""Connections: how long one may say nothing, how many there may be, and who gives way to whom."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import pytest

from paddock.config.settings import Settings
from paddock.http import door
from paddock.http.server import bind, build_app, serving
from tests.http import sockets
from tests.http.conftest import until
from tests.http.stable import Folders, Stable

CHAT = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SOON = 0.2  # seconds; a time-out that a test can see


@dataclass
class Line:
    """A connection by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> tuple[int, Any]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return int(head.split()[1]), json.loads(await self.reader.readexactly(length))

    async def ended(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def line(yard: Any, first: bytes = b"") -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection(*yard.address)
    writer.write(first)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


async def test_a_head_that_does_not_end_is_ended_in_its_apis_words(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, header_timeout=SOON)
    async with line(yard, CHAT + b"X-Slow: ") as client:
        status, document = await client.reply()
        assert await client.ended()
    assert (status, document["type"]) == (408, "error")
    assert "header-timeout" in document["error"]["message"]


async def test_a_head_that_comes_byte_by_byte_has_no_more_time(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, header_timeout=SOON)
    async with line(yard) as client, asyncio.TaskGroup() as group:

        async def drip() -> None:
            for byte in CHAT + b"X-Filler: " + b"x" * 1000:
                client.send(bytes([byte]))
                await asyncio.sleep(SOON / 20)

        dripping = group.create_task(drip())
        assert (await client.reply())[0] == 408
        dripping.cancel()


async def test_the_time_for_a_head_counts_from_its_first_byte(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, header_timeout=SOON)
    async with line(yard) as client:
        for _ in range(2):
            await asyncio.sleep(2 * SOON)  # silent so long, which is no head
            client.send(HEALTH)
            assert (await client.reply())[0] == 200


@pytest.mark.parametrize("first", [b"", HEALTH], ids=["from the start", "after a request"])
async def test_a_silent_connection_is_closed(open_yard, tmp_path, first):
    yard = await open_yard({"a": tmp_path / "s"}, idle_timeout=SOON)
    async with line(yard, first) as client:
        if first:
            assert (await client.reply())[0] == 200
        assert await client.ended()


async def test_without_limits_nothing_is_closed(open_yard, tmp_path):
    never = dict.fromkeys(("idle_timeout", "header_timeout", "body_timeout", "reader_timeout"), 0.0)
    yard = await open_yard({"a": tmp_path / "s"}, **never)
    async with line(yard, HEALTH[:9]) as slow, line(yard, HEALTH) as idle:
        assert (await idle.reply())[0] == 200
        slow.send(HEALTH[9:])
        assert (await slow.reply())[0] == 200
        idle.send(HEALTH)
        assert (await idle.reply())[0] == 200


@pytest.mark.parametrize("path", [b"/v1/messages", b"/upstream/a/v1/messages", b"/switch", b"/mcp"])
@pytest.mark.parametrize(
    "half", [b'Content-Length: 100\r\n\r\n{"mod', b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"]
)
async def test_a_body_that_does_not_end_holds_nothing_and_is_ended(open_yard, tmp_path, path, half):
    yard = await open_yard({"a": tmp_path / "s"}, body_timeout=SOON)
    async with line(yard, CHAT.replace(b"/v1/messages", path) + half) as client:
        status, document = await client.reply()
        assert yard.stable.stalls["a"].leases == 0
        assert yard.stable.stalls["a"].loads == 0
        client.writer.write_eof()
        assert await client.ended()
    assert status == 408
    assert "body-timeout" in json.dumps(document)


async def _heard_after_closing_half(yard, said):
    async with line(yard, said) as client:
        client.writer.write_eof()
        return await client.reader.read()


async def test_who_closes_his_half_after_asking_is_answered(open_yard, tmp_path):
    async def say(writer):
        writer.write(sockets.plain(b'{"said":1}'))
        await writer.drain()

    text = b'{"model":"a","messages":[]}'
    ask = CHAT + b"Content-Length: %d\r\n\r\n" % len(text) + text
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"})
        models = HEALTH.replace(b"/health", b"/v1/models")
        for said in (HEALTH, models, ask, HEALTH + ask):
            heard = await _heard_after_closing_half(yard, said)
            assert heard.count(b"HTTP/1.1 200 OK") == said.count(b"Host"), heard
            assert heard.endswith(b'{"said":1}') == said.endswith(ask)


async def test_who_closes_his_half_and_would_have_to_wait_has_left(open_yard, tmp_path):
    """His hang-up looks the same, and must not leave a generation that nobody reads."""
    text = b'{"model":"a","messages":[]}'
    yard = await open_yard({"a": tmp_path / "s"}, ready=False)
    heard = await _heard_after_closing_half(
        yard, CHAT + b"Content-Length: %d\r\n\r\n" % len(text) + text
    )
    await until(lambda: yard.stable.stalls["a"].leases == 0)
    assert heard == b""


@pytest.mark.parametrize("half", [CHAT, CHAT + b'Content-Length: 9\r\n\r\n{"m', b""])
async def test_half_a_request_and_then_its_end_is_closed_at_once(open_yard, tmp_path, half):
    yard = await open_yard({"a": tmp_path / "s"})
    assert await _heard_after_closing_half(yard, half) == b""
    assert yard.stable.stalls["a"].leases == 0


async def test_a_long_prompt_over_a_slow_line_arrives(open_yard, tmp_path):
    async def say(writer):
        writer.write(sockets.plain(b'{"said":1}'))
        await writer.drain()

    text = b'{"model":"a","messages":[]' + b" " * 100 + b"}"
    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"}, body_timeout=5 * SOON, header_timeout=SOON)
        async with line(yard, CHAT + b"Content-Length: %d\r\n\r\n" % len(text)) as client:
            for start in range(
                0, len(text), 10
            ):  # in all, more than twice as long as a pause may be
                client.send(text[start : start + 10])
                await asyncio.sleep(SOON)
            assert await client.reply() == (200, {"said": 1})
    assert heard.body() == text


@pytest.mark.parametrize("turns", range(6))
async def test_a_body_that_comes_while_its_handler_begins_is_no_new_head(
    open_yard, tmp_path, monkeypatch, turns
):
    """aiohttp hands a request to a task: what came before that had begun was taken for a head that never ends."""
    entered: list[Any] = []
    enter = door.Door.entered

    def noted(own: door.Door, connection: Any) -> None:
        entered.append(connection)
        enter(own, connection)

    monkeypatch.setattr(door.Door, "entered", noted)

    async def say(writer):
        await asyncio.sleep(4 * SOON)
        writer.write(sockets.plain(b'{"said":1}'))
        await writer.drain()

    text = b'{"model":"a","messages":[]}'
    async with sockets.instance(tmp_path / "s", say):
        yard = await open_yard({"a": tmp_path / "s"}, header_timeout=SOON)
        async with line(yard) as client:
            await until(lambda: bool(entered))
            entered[0].data_received(CHAT + b"Content-Length: %d\r\n\r\n" % len(text) + text[:9])
            for _ in range(turns):
                await asyncio.sleep(0)
            entered[0].data_received(text[9:])
            assert await client.reply() == (200, {"said": 1})


async def test_half_open_connections_keep_nobody_out(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, max_connections=8)
    flood = [CHAT, b"", CHAT + b'Content-Length: 9\r\n\r\n{"m']
    held = [await asyncio.open_connection(*yard.address) for _ in range(30)]
    for number, (_, writer) in enumerate(held):
        writer.write(flood[number % len(flood)])
    for _ in range(5):
        async with line(yard, HEALTH) as client:
            assert (await client.reply())[0] == 200
    for _, writer in held:
        writer.close()


async def test_who_is_served_is_never_sent_away_and_the_next_hears_why(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, ready=False, max_connections=8)
    stall, ask = yard.stable.stalls["a"], b"Content-Length: 13\r\n\r\n" + b'{"model":"a"}'
    waiting = [await asyncio.open_connection(*yard.address) for _ in range(8)]
    for _, writer in waiting:
        writer.write(CHAT + ask)
    await until(lambda: stall.leases == 8)
    for target, name in ((b"/v1/messages", "error"), (b"/health", "error")):
        async with line(yard, b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n") as client:
            status, document = await client.reply()
            assert await client.ended()
        assert (status, document[name]["code"]) == (503, "too_many_connections")
    events = b"POST /v1/responses HTTP/1.1\r\nHost: h\r\naccept: text/event-stream\r\n\r\n"
    async with line(yard, events) as codex:  # which asks 30 times after a 503
        head, _, stream = (await codex.reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-type: text/event-stream" in head.lower()
    assert b"content-length: %d\r\n" % len(stream) in head.lower()
    assert b"rate_limit_exceeded" in stream
    assert b"Please try again in 1s" in stream
    assert stall.leases == 8
    waiting.pop()[1].close()
    await until(lambda: stall.leases == 7)
    async with line(yard, HEALTH) as client:
        assert (await client.reply())[0] == 200
    for _, writer in waiting:
        writer.close()


async def test_of_those_who_do_nothing_who_never_did_anything_goes_first(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, max_connections=8)
    async with line(yard, HEALTH) as known:
        assert (await known.reply())[0] == 200
        held = []
        for _ in range(20):
            held.append(await asyncio.open_connection(*yard.address))
            held[-1][1].write(CHAT)
        assert await held[0][0].read() == b"", "the oldest of them had to go"
        known.send(HEALTH)
        assert (await known.reply())[0] == 200
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize(
    ("soft", "wanted", "most"),
    [(1024, 1024, 384), (20, 1024, 8), (65536, 1024, 1024), (-1, 1024, 1024), (1024, 16, 16)],
)
def test_there_are_descriptors_for_all_and_some_left(monkeypatch, soft, wanted, most):
    limits = {resource.RLIMIT_NOFILE: (soft, soft)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    assert door.most_connections(wanted, reserve=256) == most


def _has_heard(heard: sockets.Heard, number: int) -> bool:
    return len(heard.requests) == number


async def test_a_connection_whose_requests_were_ended_serves_the_next(open_yard, tmp_path):
    """One task serves all its requests: what ended one of them must not touch another."""
    replies: list[bytes] = [b"", b"", sockets.plain(b'{"a":1}')]

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(replies.pop(0))
        await writer.drain()
        if len(replies) > 0:
            await asyncio.sleep(60)

    body = b'{"model":"a"}'
    asked = CHAT + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        requests = yard.stable.requests
        async with line(yard) as client:
            for number in (1, 2):
                client.send(asked)
                await until(partial(_has_heard, heard, number))
                requests.cancel(requests.infos()[0].id, "enough")
                status, document = await client.reply()
                assert (status, document["error"]["message"]) == (400, "enough")
            client.send(asked)
            assert await client.reply() == (200, {"a": 1})


async def test_whoever_has_just_come_in_is_heard_before_it_ends(tmp_path):
    """Its request may be on its way: a new connection that is closed unheard is asked again by few."""
    stable = Stable(Settings(), [])
    stable.paths = Folders(tmp_path)
    app = build_app(stable)  # type: ignore[arg-type]  # the same interface
    async with serving(app, bind("127.0.0.1:0"), grace=0.1) as [address]:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        asyncio.get_running_loop().call_later(0.1, writer.write, b"GET /health HTTP/1.0\r\n\r\n")
        async with aiohttp.ClientSession() as session, session.get(f"http://{address}/health"):
            pass  # accepted after the other
    assert b" 200 " in await reader.readline()
    writer.close()
