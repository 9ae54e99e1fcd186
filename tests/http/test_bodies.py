"""Bodies: bounded, announced or not; and what cannot be read is refused before anything loads."""

import asyncio
import gzip
import io
import json
from dataclasses import replace

import pytest

from paddock.errors import BadRequest
from paddock.http import body
from paddock.http.content import SMALL
from tests.http import sockets
from tests.http.stable import Roster

CHAT = "/v1/chat/completions"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"


async def _reply_to(yard, *parts):
    reader, writer = await asyncio.open_connection(*yard.address)
    for part in parts:
        writer.write(part)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head


async def test_a_body_that_announces_too_much_is_refused_unread(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, max_body=1)
    head = await _reply_to(yard, HEAD + b"Content-Length: 1048577\r\n\r\n{")
    assert head.startswith(b"HTTP/1.1 413")


async def test_a_client_that_asks_first_gets_100_or_the_refusal(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, max_body=1)
    expect = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    assert (await _reply_to(yard, expect % 2)).startswith(b"HTTP/1.1 100")
    assert (await _reply_to(yard, expect % (2 << 20))).startswith(b"HTTP/1.1 413")


async def test_a_chunked_body_is_refused_when_it_grows_too_large(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, max_body=1)
    chunks = [sockets.chunk(b" " * 65536) for _ in range(17)]
    head = await _reply_to(yard, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *chunks)
    assert head.startswith(b"HTTP/1.1 413")


async def test_a_small_body_that_unpacks_to_a_large_one_is_refused(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, max_body=1)
    bomb = gzip.compress(b" " * (4 << 20))
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    assert (await _reply_to(yard, head + bomb)).startswith(b"HTTP/1.1 413")


async def test_a_large_body_arrives_whole(open_yard, tmp_path):
    async def say(writer):
        writer.write(sockets.plain(b"{}"))
        await writer.drain()

    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        text = b'{"messages":"%s"}' % (b"x" * (5 << 20))
        async with yard.http.post(yard.base + CHAT, data=io.BytesIO(text)) as reply:
            assert reply.status == 200
    assert heard.body() == text


async def test_a_large_body_that_is_changed_keeps_its_strings(open_yard, tmp_path):
    """Of these only an outline was read, and what was left out of it comes back."""
    tool = {"type": "function", "name": "look", "parameters": {}}
    tools = [{"type": "namespace", "name": "mcp", "tools": [tool]}]
    call = {
        "type": "function_call",
        "namespace": "mcp",
        "name": "look",
        "arguments": '"\\n' * 70_000,
    }
    picture = "iVBOR" + "A" * (8 << 20)
    said = {"model": "a", "input": [call, {"image": picture}], "tools": tools}

    async def say(writer):
        writer.write(sockets.plain(b"{}"))
        await writer.drain()

    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        async with yard.http.post(
            yard.base + "/v1/responses", data=io.BytesIO(json.dumps(said).encode())
        ) as reply:
            assert reply.status == 200
    flat = {"type": "function_call", "name": "mcp__look", "arguments": call["arguments"]}
    passed_on = json.loads(heard.body())
    assert passed_on["input"] == [flat, {"image": picture}]
    assert passed_on["tools"] == [tool | {"name": "mcp__look"}]


async def test_a_small_body_that_grows_when_it_is_translated_can_be_changed_again(
    open_yard, tmp_path
):
    async def say(writer):
        writer.write(sockets.SSE + b"0\r\n\r\n")
        await writer.drain()

    message = {"role": "user", "content": ""}
    said = {"model": "a", "messages": [message], "options": {"top_k": 3}}
    message["content"] = "x" * (SMALL - len(json.dumps(said)))
    async with sockets.instance(tmp_path / "s", say) as heard:
        yard = await open_yard({"a": tmp_path / "s"})
        stall = yard.stable.stalls["a"]
        stall.profile = replace(stall.profile, client_samplers=())
        yard.stable.roster = Roster({"a": stall.profile})
        async with yard.http.post(yard.base + "/api/chat", json=said) as reply:
            assert reply.status == 200
    assert len(heard.body()) > SMALL
    assert b"top_k" not in heard.body()


async def test_half_a_body_holds_nothing_and_harms_nobody(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"})
    _, writer = await asyncio.open_connection(*yard.address)
    writer.write(HEAD + b'Content-Length: 100\r\n\r\n{"mod')
    await writer.drain()
    writer.close()
    assert (await yard.get("/health"))[0] == 200
    assert yard.stable.stalls["a"].leases == 0


@pytest.mark.parametrize("text", [b"", b"[]", b'{"model": 7}', b'{"model": "a"', b"\xff"])
async def test_what_is_not_a_json_object_is_a_400(open_yard, tmp_path, text):
    yard = await open_yard({"a": tmp_path / "s"})
    async with yard.http.post(yard.base + CHAT, data=text) as reply:
        assert reply.status == 400
        assert (await reply.json())["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("text", "model", "stream"),
    [
        (b"{}", None, False),
        (b'{"model":null,"stream":null}', None, None),
        (b'{"messages":[{"model":"no","stream":true}],"model":"a/b"}', "a/b", False),
        (b'{"stream":true,"model":"\\u00e4"}', "\u00e4", True),
    ],
)
def test_only_the_outermost_fields_count(text, model, stream):
    wish = body.wish(text, "application/json")
    assert (wish.model, wish.stream) == (model, stream)


def test_a_form_without_a_boundary_is_refused():
    with pytest.raises(BadRequest):
        body.wish(b"x", "multipart/form-data")


# Each took the square of its length: 400 KB held the loop for 6 minutes.
FORMS = {
    "nothing but boundaries": b"\r\n--B" * 2_000_000,
    "boundaries, and the end of a head at last": b"\r\n--B" * 2_000_000 + b"\r\n\r\n",
    "a head without end": b"--B\r\n" + b"x: y\r\n" * 2_000_000 + b"\r\n--B--",
    "ends of heads": b"--B" + b"\r\n\r\n" * 2_000_000 + b"\r\n--B--",
    "half boundaries": b"--B" + b"\r\n-" * 3_000_000,
    "names": b"--B" + b'name="model"' * 1_000_000 + b"\r\n--B--",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
@pytest.mark.timeout(20)
def test_a_form_of_10_mb_is_read_in_a_moment_whatever_it_holds(text):
    assert body.wish(text, "multipart/form-data; boundary=B").model is None


def test_a_field_behind_a_large_file_is_found_and_nothing_in_that_file():
    file = b'name="model"\r\n\r\nno' * 100_000
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n\r\n'
    field = b'\r\n--B\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--B--\r\n'
    assert body.wish(head + file + field, "multipart/form-data; boundary=B").model == "a"


def test_a_form_may_be_streamed():
    text = b'--B\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n--B--\r\n'
    assert body.wish(text, "multipart/form-data; boundary=B").stream is True
