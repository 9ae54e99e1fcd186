"""Requests that never reach a handler, or break one on their way: each hears why, as its API says no.

Every way to be wrong is tried on every API, over a plain socket.
"""

import asyncio
import gzip
import json
import logging
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from backports import zstd  # type: ignore[import-not-found,unused-ignore]

from paddock.daemon.instances.hand_saved import HandSaved
from paddock.http import malformed
from paddock.http.surfaces import ANTHROPIC, LLAMA, MANAGEMENT, MCP, OLLAMA, OPENAI, RESPONSES
from tests.http import sockets

ASK = b'{"model":"a","messages":[]}'
# One call of each API, and how its clients know an error.
SURFACES: dict[str, Callable[[Any], str]] = {
    "/v1/chat/completions": lambda e: e["error"]["message"] * isinstance(e["error"]["code"], str),
    "/v1/responses": lambda e: e["error"]["message"] * isinstance(e["error"]["code"], str),
    "/v1/messages": lambda e: e["error"]["message"] * (e["type"] == "error"),
    "/completion": lambda e: e["error"]["message"] * isinstance(e["error"]["code"], int),
    "/upstream/a/completion": lambda e: e["error"]["message"] * isinstance(e["error"]["code"], int),
    # Those of an instance that Paddock reads itself, as their files get names of ours.
    "/upstream/a/slots/0?action=save": lambda e: e["error"]["message"] * (e["error"]["code"] > 0),
    "/upstream/a/slots/0?action=restore": lambda e: (
        e["error"]["message"] * (e["error"]["code"] > 0)
    ),
    "/models/load": lambda e: e["error"]["message"] * isinstance(e["error"]["code"], int),
    "/api/chat": lambda e: e["error"] * isinstance(e["code"], str),
    "/api/show": lambda e: e["error"] * isinstance(e["code"], str),
    "/switch": lambda e: e["error"]["message"] * isinstance(e["error"]["code"], str),
    "/mcp": lambda e: e["error"]["message"] * (e["jsonrpc"] == "2.0"),
}


def _post(path: str, *headers: bytes, body: bytes = ASK, version: bytes = b"HTTP/1.1") -> bytes:
    lines = [b"POST %s %s" % (path.encode(), version), b"Host: localhost", *headers]
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _deep(opening: bytes, closing: bytes, times: int = 100_000) -> bytes:
    return b'{"model":"a","messages":' + opening * times + b"1" + closing * times + b"}"


HEADS: dict[str, Callable[[str], bytes]] = {
    "a NUL in a header": lambda p: _post(p, b"X-A: \x00"),
    "a header without a name": lambda p: _post(p, b": x"),
    "a header with a blank in its name": lambda p: _post(p, b"X A: x"),
    "a header of 20,000 bytes": lambda p: _post(p, b"X-A: " + b"x" * 20_000),
    "200 headers": lambda p: _post(p, *[b"X-%d: 1" % i for i in range(200)]),
    "a target of 20,000 bytes": lambda p: _post(p + "?" + "x" * 20_000),
    "HTTP/7.7": lambda p: _post(p, version=b"HTTP/7.7"),
    "HTTP/2.0": lambda p: _post(p, version=b"HTTP/2.0"),
    "HTTP/0.9": lambda p: _post(p, version=b"HTTP/0.9"),
    "no version": lambda p: _post(p, version=b"HTTP"),
    "no Host": lambda p: _post(p).replace(b"Host: localhost\r\n", b""),
    "two lengths": lambda p: _post(p, b"Content-Length: 1"),
    "a length that is none": lambda p: _post(p).replace(b"Content-Length: ", b"Content-Length: x"),
    "an unknown method": lambda p: _post(p).replace(b"POST", b"P\x01ST"),
    "a broken length of a chunk": lambda p: (
        _post(p, b"Transfer-Encoding: chunked")
        .replace(b"Content-Length: %d\r\n" % len(ASK), b"")
        .replace(ASK, b"zz\r\nxx\r\n")
    ),
}
KEYS = {
    "a key that is UTF-8": b"Authorization: Bearer k\xc3\xa4se",
    "a key that is Latin-1": b"Authorization: Bearer k\xe4se",
    "a key of bytes": b"x-api-key: \xff\xfe\x80",
    "half an IPv6 address as origin": b"Origin: http://[::1",
    "an origin that is no URL": b"Origin: \xff\xfe",
}
BODIES = {
    "a number of 10,000 digits": b'{"model":' + b"9" * 10_000 + b"}",
    "deep arrays": _deep(b"[", b"]"),
    "deep objects": _deep(b'{"a":', b"}"),
    "half a document": b'{"model":"a"',
    "two documents": ASK + ASK,
    "no UTF-8": b'{"model":"\xff\xfe"}',
    "half a surrogate pair": b'{"model":"\\ud800"}',
    "UTF-16": '{"model":"a"}'.encode("utf-16"),
    "nothing": b"",
    "a name without end": b'{"model":"' + b"x" * 100_000 + b'","name":"y","messages":[]}',
    "only a byte order mark": b"\xef\xbb\xbf",
}
CODED = {
    "broken gzip": (b"gzip", gzip.compress(ASK)[:-6]),
    "gzip that is none": (b"gzip", b"not at all"),
    "gzip with a wrong sum": (b"gzip", gzip.compress(ASK)[:-8] + b"\0" * 8),
    "broken deflate": (b"deflate", zlib.compress(ASK)[:-2]),
    "something behind deflate": (b"deflate", zlib.compress(ASK) + b"more"),
    "broken zstd": (b"zstd", zstd.compress(ASK)[:-3]),
    "zstd that is none": (b"zstd", b"not at all"),
    "brotli": (b"br", b"\x0b\x02\x80{}\x03"),
    "two codings": (b"gzip, gzip", gzip.compress(gzip.compress(ASK))),
    "an unknown coding": (b"x-mystery", ASK),
    "a coding that is no text": (b"\xff\xfe", ASK),
}


async def _refused(yard: Any, path: str, request: bytes, *statuses: int) -> str:
    """The refusal's words: HTTP/1.1, JSON, in the shape of the API that has this path."""
    reader, writer = await asyncio.open_connection(*yard.address)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
    document = json.loads(await reader.readexactly(int(length)))
    writer.close()
    assert head.startswith(b"HTTP/1.1 ")
    assert int(head.split()[1]) in statuses, (head, document)
    assert b"content-type: application/json" in head.lower()
    said = SURFACES[path](document)
    assert said
    return said


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Any:
    """Nothing that a client sends is a fault of ours: no traceback, and no line that it made up."""
    caplog.set_level(logging.INFO)
    yield
    assert not [r for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR]
    assert all(len(r.getMessage()) < 2000 for r in caplog.records)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("path", SURFACES)
class TestEveryApi:
    @pytest.mark.parametrize("case", HEADS)
    async def test_a_head_that_cannot_be_read(self, open_yard, tmp_path, path, case):
        yard = await open_yard({"a": tmp_path / "s"})
        await _refused(yard, path, HEADS[case](path), 400, 413, 431)
        assert (await yard.get("/health"))[0] == 200

    @pytest.mark.parametrize("case", KEYS)
    async def test_a_key_or_an_origin_that_cannot_be_any(self, open_yard, tmp_path, path, case):
        yard = await open_yard({"a": tmp_path / "s"}, api_keys=("k",), management_keys=("m",))
        await _refused(yard, path, _post(path, KEYS[case]), 401, 403)

    @pytest.mark.parametrize("case", BODIES)
    async def test_a_body_that_is_no_json(self, open_yard, tmp_path, path, case):
        if path == "/upstream/a/completion":
            pytest.skip("what is meant for an instance is the instance's to judge")
        yard = await open_yard({"a": tmp_path / "nobody"})
        yard.stable.hand = HandSaved(tmp_path, tmp_path, limit=1)
        await _refused(yard, path, _post(path, body=BODIES[case]), 400, 404)

    @pytest.mark.parametrize("case", CODED)
    async def test_a_body_that_cannot_be_decompressed(self, open_yard, tmp_path, path, case):
        coding, content = CODED[case]
        yard = await open_yard({"a": tmp_path / "s"})
        request = _post(path, b"Content-Encoding: " + coding, body=content)
        await _refused(yard, path, request, 400, 415)

    async def test_a_body_whose_framing_breaks_on_its_way(self, open_yard, tmp_path, path):
        yard = await open_yard({"a": tmp_path / "s"})
        head = (
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            % path.encode()
        )
        reader, writer = await asyncio.open_connection(*yard.address)
        writer.write(head + b"1\r\n{\r\n")
        await asyncio.sleep(0.05)  # until its handler waits for more
        writer.write(b"no number\r\n")
        said, _, content = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert said.startswith(b"HTTP/1.1 400")
        assert SURFACES[path](json.loads(content))

    async def test_a_body_that_ends_too_early_is_nobodys_fault(self, open_yard, tmp_path, path):
        yard = await open_yard({"a": tmp_path / "s"})
        _, writer = await asyncio.open_connection(*yard.address)
        writer.write(_post(path)[:-5])
        await writer.drain()
        writer.transport.abort()
        assert (await yard.get("/health"))[0] == 200
        assert yard.stable.stalls["a"].leases == 0

    async def test_a_method_that_it_does_not_have(self, open_yard, tmp_path, path):
        if path.startswith("/upstream"):
            pytest.skip("all methods are the instance's to judge")
        yard = await open_yard({"a": tmp_path / "s"})
        request = _post(path).replace(b"POST", b"PATCH")
        assert "there is no PATCH" in await _refused(yard, path, request, 405)


TARGETS = ["/upstream/x%0A", "/upstream/a%0A/health", "/v1/models/a%0Ab", "/logs/%0A", "/%00", "*"]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "CONNECT"])
async def test_a_path_of_odd_bytes_is_not_found_in_json(open_yard, tmp_path, target, method):
    yard = await open_yard({"a": tmp_path / "s"})
    reader, writer = await asyncio.open_connection(*yard.address)
    writer.write(
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, content = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 4")
    assert b"application/json" in head
    assert method == "HEAD" or json.loads(content)["error"]


NUMBERS = ["9" * 7_000, "9" * 30, "-1", "\u0663", "1.5", "0x10", "", " 1", "1e3"]
NUMBERED = ["/history/a?limit=", "/logs/a?lines=", "/events?after=", "/v1/models?limit="]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("target", NUMBERED)
async def test_what_is_no_number_or_too_large_a_one_is_refused(open_yard, tmp_path, target, number):
    yard = await open_yard({"a": tmp_path / "s"})
    yard.stable.logbook.logs["a"] = tmp_path / "log"
    headers = {"anthropic-version": "2023-06-01"}  # whose lists have pages
    status, document = await yard.get(target + number, **headers)
    assert (status, bool(document["error"])) == (400, True)
    status, document = await yard.post(f"/requests/{number or 'x'}/cancel", {})
    assert (status, bool(document["error"])) == (404, True)


@pytest.mark.usefixtures("quiet")
async def test_a_request_for_https_is_answered_with_what_this_is(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"})
    reader, writer = await asyncio.open_connection(*yard.address)
    writer.write(bytes.fromhex("16030100c8010000c40303") + b"\x00" * 100)
    said = await reader.read()
    writer.close()
    assert b"HTTP, not HTTPS" in said


@pytest.mark.parametrize(
    ("target", "surface"),
    [
        ("/v1/chat/completions?x=1", OPENAI),
        ("/v1/responses", RESPONSES),
        ("/v1/messages/count_tokens", ANTHROPIC),
        ("http://localhost:8080/v1/messages", ANTHROPIC),
        ("/api/anything", OLLAMA),
        ("/v1/anything", LLAMA),
        ("/logs/a/b", MANAGEMENT),
        ("/mcp", MCP),
        ("/", LLAMA),
        ("", LLAMA),
        ("http://[", LLAMA),
    ],
)
def test_the_path_says_whose_client_it_is(target, surface):
    assert malformed.surface_of(target) is surface


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "deflate", "zstd", "identity", ""])
async def test_a_compressed_body_is_relayed_plain(open_yard, tmp_path, coding):
    packed = {
        "gzip": gzip.compress(ASK[:9]) + gzip.compress(ASK[9:]),
        "deflate": zlib.compress(ASK),
        "zstd": zstd.compress(ASK[:9]) + zstd.compress(ASK[9:]),
    }.get(coding.lower().removeprefix("x-"), ASK)

    async def say(writer):
        writer.write(sockets.plain(b"{}"))
        await writer.drain()

    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        for path in ("/v1/chat/completions", "/upstream/a/v1/chat/completions"):
            reader, writer = await asyncio.open_connection(*yard.address)
            writer.write(_post(path, b"Content-Encoding: " + coding.encode(), body=packed))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            writer.close()
    assert [request.partition(b"\r\n\r\n")[2] for request in heard.requests] == [ASK, ASK]
    assert b"content-encoding" not in heard.requests[0].lower()


async def test_deflate_without_its_frame_is_understood_as_well(open_yard, tmp_path):
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(ASK) + packer.flush()

    async def say(writer):
        writer.write(sockets.plain(b"{}"))
        await writer.drain()

    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        async with yard.http.post(
            yard.base + "/v1/completions",
            data=packed,
            headers={"Content-Encoding": "deflate"},
        ) as reply:
            assert reply.status == 200
    assert heard.body() == ASK


async def test_a_byte_order_mark_is_skipped_and_relayed(open_yard, tmp_path):
    async def say(writer):
        writer.write(sockets.plain(b"{}"))
        await writer.drain()

    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s", "b": tmp_path / "no"})
        marked = b"\xef\xbb\xbf" + ASK
        async with yard.http.post(yard.base + "/v1/completions", data=marked) as reply:
            assert reply.status == 200
        async with yard.http.post(yard.base + "/switch", data=marked) as reply:
            assert reply.status == 200
    assert heard.body() == marked


async def test_who_sends_an_unknown_coding_hears_which_are_known(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"})
    headers = {"Content-Encoding": "br"}
    async with yard.http.post(yard.base + "/v1/completions", data=b"x", headers=headers) as reply:
        assert (reply.status, reply.headers["accept-encoding"]) == (415, "gzip, deflate, zstd")


def _mutated(request: bytes, chance: random.Random) -> bytes:
    """The request with up to four bytes changed, taken out or put in, mostly of its head."""
    end = request.index(b"\r\n\r\n") if chance.random() < 0.8 else len(request)
    changed = bytearray(request)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(min(end, len(changed)))
        match chance.randrange(4):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                del changed[place : place + 1]
            case 2:
                changed.insert(place, chance.choice(b"\x00\r\n :%\xff/?#"))
            case _:
                changed[place:place] = request[place : place + chance.randint(1, 40)]
    return bytes(changed)


async def _check_answer(yard: Any, request: bytes) -> None:
    """Of what may have become two requests, or half of one, the first reply: there is one to all.

    Our end stays open, since whoever closes his has left, and is answered nothing.
    """
    reader, writer = await asyncio.open_connection(*yard.address)
    writer.write(request)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        content = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        pytest.fail(f"{request!r} was answered {error.partial!r}")
    finally:
        writer.close()
    assert head.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), (request, head)
    if head.split()[1] >= b"400":
        assert b"content-type: application/json" in head.lower(), (request, head)
        assert json.loads(content)["error"], request


TIMES = {"header_timeout": 0.2, "body_timeout": 0.2}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_wrong_with_a_head_the_answer_is_http_and_refusals_are_json(
    open_yard, tmp_path, seed
):
    chance = random.Random(seed)
    yard = await open_yard({"a": tmp_path / "nobody"}, **TIMES)
    headers = (b"Accept: */*", b"Origin: http://localhost", b"Connection: close")
    requests = [_mutated(_post(path, *headers), chance) for path in SURFACES for _ in range(24)]
    async with asyncio.TaskGroup() as all_at_once:
        for request in requests:
            all_at_once.create_task(_check_answer(yard, request))
    assert (await yard.get("/health"))[0] == 200
    assert yard.stable.stalls["a"].leases == 0
