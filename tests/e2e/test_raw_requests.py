"""Requests as no library sends them: too large, too many at once, of the wrong kind, ambiguous."""

import json

import pytest

from tests.e2e.wire import CHAT, HELLO, head, line, post

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASK = {"model": "alpha", "messages": HELLO}


async def test_requests_pipelined_on_one_connection_are_answered_in_order(shared):
    async with line(shared.url) as client:
        await client.send(*[post(CHAT, ASK | {"model": name}) for name in ("alpha", "beta")])
        replies = [await client.reply() for _ in range(2)]
    assert [r.headers["x-paddock-profile"] for r in replies] == ["alpha", "beta"]
    said = [r.json()["choices"][0]["message"]["content"] for r in replies]
    assert said == ["I am alpha.", "I am beta."]


async def test_a_connection_serves_a_stream_and_then_the_next_request(shared):
    async with line(shared.url) as client:
        await client.send(post(CHAT, ASK | {"stream": True}))
        first = await client.reply()
        await client.send(post("/tokenize", {"model": "alpha", "content": "hi"}))
        second = await client.reply()
    assert first.body.endswith(b"data: [DONE]\n\n")
    assert second.json()["tokens"]


async def test_a_body_that_comes_byte_by_byte_arrives_whole(shared):
    text = json.dumps(ASK).encode()
    async with line(shared.url) as client:
        await client.send(head("POST", CHAT, f"Content-Length: {len(text)}"))
        for byte in text:
            await client.send(bytes([byte]))
        reply = await client.reply()
    assert reply.json()["choices"][0]["message"]["content"] == "I am alpha."


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_what_must_be_posted_is_not_served_to_other_methods(shared, method):
    async with line(shared.url) as client:
        for path in (CHAT, "/v1/messages", "/completion", "/switch", "/shutdown"):
            await client.send(head(method, path))
            reply = await client.reply(bodiless=method == "HEAD")
            assert (reply.status, reply.headers["allow"]) == (405, "POST")
            assert method == "HEAD" or reply.json()["error"]["hint"]


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/completion", "/switch"])
async def test_an_announced_body_beyond_the_limit_is_refused_unread(home, path):
    async with home(max_body=1) as yard, line(yard.url) as client:
        await client.send(head("POST", path, f"Content-Length: {(1 << 20) + 1}"), b"{")
        reply = await client.reply()
        assert reply.status == 413
        assert "1 MiB" in str(reply.json())
        client.writer.write_eof()  # else the daemon reads on for a while, lest we miss its reply
        assert await client.ended(), "what follows would be the rest of that body"
        assert await yard.answer("alpha") == "I am alpha."


async def test_a_chunked_body_is_refused_when_it_passes_the_limit(home):
    async with home(max_body=1) as yard, line(yard.url) as client:
        await client.send(head("POST", CHAT, "Transfer-Encoding: chunked"))
        for _ in range(17):
            await client.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
        assert (await client.reply()).status == 413
        client.writer.write_eof()
        assert await client.ended()


async def test_a_chunked_body_within_the_limit_is_served(shared):
    text = json.dumps(ASK).encode()
    halves = [text[:20], text[20:]]
    async with line(shared.url) as client:
        await client.send(head("POST", CHAT, "Transfer-Encoding: chunked"))
        await client.send(*[f"{len(half):x}\r\n".encode() + half + b"\r\n" for half in halves])
        await client.send(b"0\r\n\r\n")
        reply = await client.reply()
    assert reply.json()["choices"][0]["message"]["content"] == "I am alpha."


SMUGGLED = b"POST /shutdown HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 0"),
        ("Content-Length: 5, 0",),
        ("Content-Length: +5",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: xchunked",),
    ],
    ids="; ".join,
)
async def test_a_body_of_two_lengths_is_refused_and_nothing_behind_it_is_heard(shared, headers):
    async with line(shared.url) as client:
        await client.send(head("POST", CHAT, *headers), b"0\r\n\r\n", SMUGGLED)
        reply = await client.reply()
        assert reply.status == 400
        assert await client.ended()
    assert await shared.answer("alpha") == "I am alpha.", "and nobody shut it down"


async def test_a_head_that_never_ends_is_refused(shared):
    async with line(shared.url) as client:
        await client.send(b"GET /status HTTP/1.1\r\nHost: localhost\r\nX-Filler: " + b"x" * 100_000)
        assert (await client.reply()).status in {400, 431}


async def test_a_path_does_not_climb_out_of_its_place(shared):
    async with line(shared.url) as client:
        for path in ("/logs/../../etc/passwd", "/logs/%2e%2e%2f%2e%2e%2fetc%2fpasswd"):
            await client.send(head("GET", path))
            assert (await client.reply()).status == 404
