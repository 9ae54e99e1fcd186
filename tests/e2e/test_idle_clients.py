"""Clients that hold something and do nothing, with real curl, a real daemon, real limits."""

import asyncio
import io
import json
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.conftest import paths_in
from tests.e2e.wire import CHAT, HELLO, head, line, post
from tests.yard import Process, Yard, process

MIB = 1 << 20
ENDLESS = {"model": "endless", "messages": HELLO, "max_tokens": 10_000_000, "stream": True}
WORDY = ENDLESS | {"logprobs": True, "top_logprobs": 20}  # more bytes than buffers hold


@contextmanager
def curl(url: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = ["curl", "-sN", *words, url]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            yield running
        finally:
            running.kill()


async def test_a_curl_that_was_stopped_keeps_no_other_model_waiting(home):
    """Its stdout is a pipe that somebody reads, until it is stopped as Ctrl-Z does it."""
    async with home(max_instances=1, reader_timeout=1.0) as yard:
        with curl(yard.url + CHAT, "-d", json.dumps(WORDY)) as reading:
            assert reading.stdout is not None
            await asyncio.to_thread(reading.stdout.read, 1000)
            reading.send_signal(signal.SIGSTOP)
            assert await yard.answer("alpha") == "I am alpha."
            assert not [i for i in (await yard.status()).instances if i.profile == "endless"]


async def test_a_reader_that_is_slow_all_the_time_gets_every_byte(home):
    ask = WORDY | {"max_tokens": 400}
    async with home(reader_timeout=1.5) as yard, line(yard.url, receive_buffer=4096) as slow:
        await slow.send(post(CHAT, ask))
        await slow.head()
        whole = b""
        async for chunk in slow.chunks():
            whole += chunk
            await asyncio.sleep(0.01)  # in all much longer than the limit
    assert whole.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_an_upload_that_never_ends_keeps_nobody_waiting(home, framing):
    header = "Content-Length: 1000" if framing == "length" else "Transfer-Encoding: chunked"
    async with home(max_instances=1) as yard, AsyncExitStack() as stack:
        for path in (CHAT, "/upstream/endless/v1/chat/completions", "/api/chat"):
            uploading = curl(yard.url + path, "-H", header, "-T", "-", "-X", "POST")
            running = stack.enter_context(uploading)
            assert running.stdin is not None
            running.stdin.write(b'{"model":"endless","messages":[')
            running.stdin.flush()
        await asyncio.sleep(0.3)  # until they have begun
        assert not (await yard.status()).instances, "nothing is loaded for half a body"
        assert await yard.answer("alpha") == "I am alpha."


async def test_a_hung_instance_and_a_stopped_reader_end_on_their_own_by_default(home):
    """The settings as they come: none is without end."""
    async with home() as yard:
        settings = yard.daemon.settings
    bounds = (settings.header_timeout, settings.body_timeout, settings.idle_timeout)
    assert all(0 < bound < 300 for bound in (*bounds, settings.reader_timeout))
    assert 0 < settings.hang_timeout < 300
    assert settings.drain_timeout == 0


# ---- a daemon of its own, under limits ----


def limited(tmp_path: Path, herd: Path, *, files: int) -> AbstractContextManager[Process]:
    """A daemon that may open so many files, whatever it would like."""
    under = ("prlimit", f"--nofile={files}:{files}")
    return process(paths_in(tmp_path / "yard", herd), under=under)


@asynccontextmanager
async def visitor(daemon: Process) -> AsyncIterator[Yard]:
    async with aiohttp.ClientSession() as http:
        yield Yard(daemon.url, http, daemon.paths)


def flood(url: str, count: int, first: bytes) -> list[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    found = []
    for _ in range(count):
        one = socket.create_connection((host, int(port)))
        one.sendall(first)
        found.append(one)
    return found


@pytest.mark.parametrize(
    "first",
    [
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x",
        head("POST", CHAT, "Content-Length: 9"),
        b"",
    ],
    ids=["half a head", "half a body", "nothing"],
)
async def test_a_thousand_half_open_connections_harm_nobody(tmp_path, herd, first):
    with limited(tmp_path, herd, files=1024) as daemon:
        async with visitor(daemon) as yard, line(daemon.url) as reading:
            await reading.send(post(CHAT, ENDLESS))
            await reading.head()
            held = await asyncio.to_thread(flood, daemon.url, 1010, first)
            for _ in range(3):
                assert await yard.answer("alpha") == "I am alpha."
            for _ in range(20):
                await reading.reader.readuntil(b"data: ")  # and it goes on
            used = len(list(Path(f"/proc/{daemon.popen.pid}/fd").iterdir()))
            for one in held:
                one.close()
        text = daemon.log.read_text()
    assert used < 1024 - 256
    assert "max-connections" in text
    assert "Traceback" not in text


# ---- large bodies ----


def _resident(pid: int) -> int:
    """Bytes, with the pages of mapped files."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", text)[0]) << 10


def _document(path: str, megabytes: int) -> bytes:
    """A request of this API that says next to nothing in many bytes."""
    filler = b"A" * (megabytes * 1_000_000)
    if path == "/api/chat":  # a picture
        return b'{"model":"alpha","messages":[{"role":"user","images":["%b"]}]}' % filler
    if path == "/v1/responses":  # with a tool that must be rewritten
        wrapped = b'{"type":"namespace","name":"x","tools":[{"type":"function","name":"y"}]}'
        said = b'"tools":[%b],"input":"hi","max_output_tokens":4' % wrapped
        return b'{"model":"alpha","user":"%b",%b}' % (filler, said)
    said = b'"messages":[{"role":"user","content":"hi"}],"max_tokens":4'
    model = b"" if path.startswith("/upstream") else b'"model":"alpha",'
    return b'{%b"user":"%b",%b}' % (model, filler, said)


LARGE = {
    CHAT: 200,
    "/v1/messages": 200,
    "/v1/responses": 200,
    "/upstream/alpha" + CHAT: 200,
    "/api/chat": 500,  # llama-server says that this model sees nothing, having read all of it
}


@pytest.mark.parametrize("path", LARGE)
async def test_five_bodies_of_60_mb_at_once_stay_out_of_memory(tmp_path, herd, path):
    content, paths = _document(path, 60), paths_in(tmp_path / "yard", herd)
    paths.settings.write_text("keep-alive-after = 600\n")  # a sign of life would begin with 200
    with process(paths) as daemon:
        async with visitor(daemon) as yard:

            async def ask() -> int:
                async with yard.http.post(daemon.url + path, data=io.BytesIO(content)) as reply:
                    await reply.read()
                    return reply.status

            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(ask()) for _ in range(5)]
            assert [task.result() for task in asked] == [LARGE[path]] * 5
            peak = _resident(daemon.popen.pid)
            async with asyncio.timeout(10):  # a file goes when its handler has ended
                while _spooled(daemon.popen.pid):
                    await asyncio.sleep(0.05)
    assert peak < 160 * MIB


def _spooled(pid: int) -> list[Path]:
    return [path for path in Path(f"/proc/{pid}/fd").iterdir() if _is_spool(path)]


def _is_spool(entry: Path) -> bool:
    try:
        target = str(entry.readlink())
    except OSError:
        return False
    return "(deleted)" in target and "/state/" in target


async def test_a_large_body_is_nowhere_to_be_read_while_it_waits(home, tmp_path):
    async with home() as yard, line(yard.url) as client:
        content = _document(CHAT, 3)
        await client.send(head("POST", CHAT, f"Content-Length: {len(content) + 1}"), content)
        mode = (await _spool(2 * MIB)).stat().st_mode & 0o777
        named = [p for p in yard.paths.state_dir.rglob("*") if p.is_file() and _holds(p)]
    assert mode == 0o600
    assert not named


async def _spool(size: int) -> Path:
    """The file of a body of which so much has come."""
    async with asyncio.timeout(30):
        while True:
            for entry in Path("/proc/self/fd").iterdir():
                if _is_spool(entry) and entry.stat().st_size >= size:
                    return entry
            await asyncio.sleep(0.01)


def _holds(path: Path) -> bool:
    return b"x" * 10_000 in path.read_bytes()


async def test_all_bodies_together_are_bounded_on_the_disk(home):
    async with home(bodies_size=4) as yard, AsyncExitStack() as stack:
        content = _document(CHAT, 3)
        waiting = await stack.enter_async_context(line(yard.url))
        await waiting.send(head("POST", CHAT, f"Content-Length: {len(content) + 1}"), content)
        await _spool(2 * MIB)
        async with yard.http.post(yard.url + CHAT, data=io.BytesIO(content)) as reply:
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert (await reply.json())["error"]["code"] == "no_room_for_body"
        await waiting.send(b" ")
        assert (await waiting.reply()).status == 200
        async with yard.http.post(yard.url + CHAT, data=io.BytesIO(content)) as reply:
            assert reply.status == 200, "and there is room again"


async def test_a_sampler_policy_takes_fields_out_of_a_large_body_too(home):
    keys = "[strict]\nmodel = alpha.gguf\nsampler-policy = force\ntemp = 0.5\n"
    async with home(keys) as yard:
        content = _document(CHAT, 5).replace(b'"model":"alpha"', b'"model":"strict","top_k":3')
        async with yard.http.post(yard.url + CHAT, data=io.BytesIO(content)) as reply:
            answered = (reply.status, reply.headers["x-paddock-overruled"])
            document = await reply.json()
    assert answered == (200, "top_k")
    assert document["choices"][0]["message"]["content"].startswith("I am")


# ---- hang-ups ----


async def test_sixty_hang_ups_in_the_middle_of_streams_leave_no_traceback(tmp_path, herd):
    with process(paths_in(tmp_path / "yard", herd)) as daemon:
        async with visitor(daemon) as yard:
            await yard.answer("endless", max_tokens=2)
            for number in range(60):
                async with line(daemon.url, receive_buffer=4096) as client:
                    await client.send(post(CHAT, WORDY))
                    await client.head()
                    for _ in range(number % 7):
                        await client.reader.readuntil(b"data: ")
                    client.hang_up(rudely=number % 2 == 0)
            await yard.until(lambda s: not any(i.leases for i in s.instances))
        text = daemon.log.read_text()
    assert "Traceback" not in text
    assert text.count("outcome=left") >= 50


STREAMS = {
    "anthropic": post("/v1/messages", ENDLESS),
    "responses": post("/v1/responses", {"model": "endless", "input": "hi", "stream": True}),
    "llama.cpp": post("/completion", {"model": "endless", "prompt": "hi", "stream": True}),
    "ollama": post("/api/chat", {"model": "endless", "messages": HELLO}),
    "upstream": post("/upstream/endless" + CHAT, ENDLESS),
    "a conversation": post(CHAT, ENDLESS | {"max_tokens": 300}, "X-Conversation-Id: c::endless"),
    "no stream": post(CHAT, ENDLESS | {"stream": False}),
    "events": head("GET", "/events"),
    "the router's events": head("GET", "/models/sse"),
    "a log": head("GET", "/logs/endless?follow=1"),
    "all logs": head("GET", "/logs?follow=1"),
    "a switch": post("/switch", {"model": "alpha"}, "Accept: text/event-stream"),
    "an agent": post(
        "/mcp",
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "ask", "arguments": {"model": "endless", "prompt": "hi"}},
        },
        "Accept: application/json, text/event-stream",
    ),
}


async def test_hang_ups_in_whatever_is_streamed_leave_no_traceback(tmp_path, herd):
    with process(paths_in(tmp_path / "yard", herd)) as daemon:
        async with visitor(daemon) as yard:
            await yard.answer("endless", max_tokens=2)
            for number, (name, request) in enumerate(STREAMS.items()):
                for rudely in (False, True):
                    async with line(daemon.url, receive_buffer=4096) as client:
                        await client.send(request)
                        if name not in {"no stream", "an agent"}:
                            await client.head()
                        await asyncio.sleep(0.02 * (number % 4))
                        client.hang_up(rudely=rudely)
            await yard.until(lambda s: not any(i.leases for i in s.instances))
            assert await yard.answer("alpha") == "I am alpha."
        text = daemon.log.read_text()
    assert "Traceback" not in text
    assert "Error" not in text


async def test_what_a_client_says_makes_no_line_of_the_log(tmp_path, herd):
    forged = "%0A2026-11-30 00:00:00,000 ERROR   paddock: forged%1B[31m"
    with process(paths_in(tmp_path / "yard", herd)) as daemon:
        async with visitor(daemon) as yard, line(daemon.url) as client:
            for target in (f"/upstream/x{forged}", f"/requests/{forged}/cancel", f"/{forged}"):
                await client.send(post(target.replace(" ", "%20"), b"{}"))
                assert (await client.reply()).status == 404
            await yard.ask("x\nERROR forged")
            for _ in range(200):
                await client.send(head("GET", "/history/" + "x" * 5000))
                await client.reply()
            await asyncio.sleep(0.3)  # lines go out in bunches
        text = daemon.log.read_text()
    assert "forged" in text
    assert not [x for x in text.splitlines() if x.startswith("2026-11-30 00:00:00,000")]
    assert "\x1b" not in text
    assert len(text) < 200 * 1000, "a thousand bad requests write less than a megabyte"
