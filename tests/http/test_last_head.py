"""The head that a client sends again: what comes of it is what aiohttp's parser would make of it, and nothing else."""

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from paddock.http.last_head import LastHead, WholeBody, bytes_due, learned
from tests.http import sockets

LOOP = asyncio.new_event_loop()
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    LOOP.close()


def parsed(data: bytes) -> tuple[Any, bytes] | None:
    """The one whole request that these bytes are, as a new connection would read it."""
    parser = HttpRequestParser(BaseProtocol(LOOP), LOOP, 1 << 16, auto_decompress=False)
    try:
        messages, _, tail = parser.feed_data(data)
    except HttpProcessingError:
        return None
    if len(messages) != 1 or tail or not messages[0][1].is_eof():
        return None
    message, payload = messages[0]
    return message, payload.read_nowait()


def said(message: Any) -> tuple[object, ...]:
    usual = message.method, message.path, message.version, message.url, message.should_close
    return (*usual, tuple(message.headers.items()), message.raw_headers, message.compression)


def request(*lines: bytes, body: bytes = b"{}", head: bytes = CHAT) -> bytes:
    own = [line.replace(b"LENGTH", str(len(body)).encode()) for line in lines]
    return head + b"".join(line + b"\r\n" for line in own) + b"\r\n" + body


def remembered(data: bytes) -> LastHead | None:
    found = parsed(data)
    return learned(data, found[0]) if found else None


USUAL = (b"User-Agent: x/1", b"Content-Length: LENGTH", b"Content-Type: application/json")


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_the_same_head_with_another_body_is_read_as_the_parser_reads_it(one: bytes, other: bytes):
    last = remembered(request(*USUAL, body=one))
    assert last is not None
    data = request(*USUAL, body=other)
    assert last.body_of(data) == other
    expected = parsed(data)
    assert expected is not None
    assert said(last.message) == said(expected[0])


# What changes the meaning of a head, in bytes that look nearly like it.
PIECES = st.sampled_from(
    (
        *(b"", b"0", b"1", b"7", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"-", b"+", b":"),
        *(b",", b"\x00", b"X: y\r\n", b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"),
    )
)


@given(st.integers(0, 200), st.integers(0, 4), PIECES, st.booleans())
def test_what_is_taken_for_the_same_head_is_one_whole_request_to_the_parser_too(
    at: int, gone: int, piece: bytes, is_first: bool
):
    """`is_first`: the head that is remembered is the one that was changed, not the one that follows."""
    usual = request(*USUAL, body=b'{"a": 1}')
    changed = usual[:at] + piece + usual[at + gone :]
    first, second = (changed, usual) if is_first else (usual, changed)
    last = remembered(first)
    if last is None or (body := last.body_of(second)) is None:
        return
    expected = parsed(second)
    assert expected is not None
    assert body == expected[1]
    assert said(last.message) == said(expected[0])


@pytest.mark.parametrize(
    "data",
    [
        request(b"Content-Length: LENGTH", b"Connection: close"),
        request(b"Content-Length: LENGTH", b"Expect: 100-continue"),
        request(b"Content-Length: LENGTH", b"Upgrade: websocket", b"Connection: upgrade"),
        request(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
        request(b"Content-Length: LENGTH", head=b"PUT / HTTP/1.1\r\nHost: localhost\r\n"),
        request(b"Content-Length: LENGTH", b"X: " + b"y" * 5000, b"Z: " + b"y" * 5000),
        b"\r\n" + request(b"Content-Length: LENGTH"),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["close", "expect", "upgrade", "chunked", "PUT", "long", "empty line", "GET"],
)
def test_other_heads_are_parsed_each_time(data: bytes):
    found = parsed(data)
    assert found is None or learned(data, found[0]) is None


@pytest.mark.parametrize(
    ("data", "due"),
    [
        (request(*USUAL), 0),
        (request(*USUAL)[:-2], 2),
        (request(*USUAL) + b"POST", -4),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 0),
        (request(b"Transfer-Encoding: chunked", body=b""), -1),
    ],
)
def test_how_much_of_a_request_is_to_come(data: bytes, due: int):
    parser = HttpRequestParser(BaseProtocol(LOOP), LOOP, 1 << 16, auto_decompress=False)
    messages, _, _ = parser.feed_data(data)
    assert bytes_due(data, messages[0][0]) == due


@pytest.mark.parametrize("body", [b"", b"abc"])
async def test_a_body_that_is_here_reads_as_any_other(body: bytes):
    loop = asyncio.get_running_loop()
    kinds = [WholeBody(BaseProtocol(loop), body, loop) for _ in range(4)]
    assert await kinds[0].read() == body
    assert await kinds[1].readany() == body
    assert await kinds[1].readany() == b""
    assert kinds[2].read_nowait() == body
    assert kinds[3].taken() == body
    assert all(kind.is_eof() and kind.at_eof() for kind in kinds)
    assert {kind.total_bytes for kind in kinds} == {len(body)}


# ---- on a connection ----

WORDS = ("one", "twenty-two", "three", "a" * 5000, "five", "six")


def asked(word: str) -> bytes:
    return request(*USUAL, body=b'{"model":"a","word":"%b"}' % word.encode())


def apart(data: bytes, *cuts: int) -> list[bytes]:
    """The bytes as they arrive, in so many pieces."""
    ends = [0, *(cut % len(data) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(ends) if begin < end]


WHOLE = [asked(word) for word in WORDS]
ARRIVALS = {
    "each by itself": [[data] for data in WHOLE],
    "body behind head": [apart(data, data.find(b"\r\n\r\n") + 4) for data in WHOLE],
    "in the midst of heads": [apart(data, 30, 90) for data in WHOLE],
    "some in pieces": [[data] if number % 2 else apart(data, -9) for number, data in enumerate(WHOLE)],
    "all at once": [[b"".join(WHOLE)]],
    "one and a half": [[WHOLE[0] + WHOLE[1][:50]], [WHOLE[1][50:] + WHOLE[2]], *([w] for w in WHOLE[3:])],
    "two at once, then each": [[WHOLE[0] + WHOLE[1]], *([w] for w in WHOLE[2:])],
}  # fmt: skip


@pytest.mark.parametrize("arrivals", ARRIVALS.values(), ids=ARRIVALS.keys())
async def test_each_request_of_a_connection_is_answered_with_its_own_body(
    open_yard, tmp_path, arrivals: list[list[bytes]]
):
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                asked = await sockets._request(reader)
            except asyncio.IncompleteReadError:
                break
            heard.append(asked)
            writer.write(sockets.plain(asked.partition(b"\r\n\r\n")[2]))
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "s")
    yard = await open_yard({"a": tmp_path / "s"})
    reader, writer = await asyncio.open_connection(*yard.address)
    answers: list[str] = []
    for pieces in arrivals:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)  # mostly, each is read by itself then; either way is right
        if len(arrivals) == len(WHOLE):
            answers.append(await answer(reader))
    while len(answers) < len(WORDS):
        answers.append(await answer(reader))
    writer.close()
    server.close()
    assert answers == list(WORDS)
    assert [json.loads(one.partition(b"\r\n\r\n")[2])["word"] for one in heard] == list(WORDS)


async def answer(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK"), head
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return str(json.loads(await reader.readexactly(length))["word"])
