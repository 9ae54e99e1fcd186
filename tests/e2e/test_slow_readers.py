"""A client that asks for much and reads nothing: it costs the daemon no memory, others no service."""

import asyncio
import json
from pathlib import Path

import aiohttp

from tests.e2e.conftest import paths_in
from tests.e2e.wire import CHAT, HELLO, line, post
from tests.yard import Yard, process

WORDS = 300_000
MIB = 1 << 20


async def test_a_reader_that_stalls_costs_little_and_gets_every_byte(tmp_path, herd):
    """llama-server sends a token in about 24 bytes of JSON; each space and each x is one."""
    paths = paths_in(tmp_path / "yard", herd)
    ask = {"model": "alpha", "content": "x " * WORDS, "with_pieces": True}
    with process(paths) as daemon:
        async with aiohttp.ClientSession() as http, line(daemon.url, receive_buffer=4096) as slow:
            yard = Yard(daemon.url, http, paths)
            await yard.answer("alpha")
            before = _peak(daemon.popen.pid)
            await slow.send(post("/tokenize", ask))
            _, headers = await slow.head()  # and not one byte more
            for _ in range(20):
                assert await yard.answer("alpha") == "I am alpha."
            await asyncio.sleep(0.5)  # time enough to take in all of it, if it would
            body = await slow.reader.readexactly(int(headers["content-length"]))
            after = _peak(daemon.popen.pid)
    tokens = json.loads(body)["tokens"]
    assert len(body) > 12 * MIB
    assert len(tokens) == 2 * WORDS
    assert after - before < 8 * MIB, "what it did not read stayed with llama-server"


async def test_a_stream_that_is_sipped_is_complete(home):
    ask = {"model": "endless", "messages": HELLO, "stream": True, "max_tokens": 400}
    async with home() as yard, line(yard.url, receive_buffer=4096) as slow:
        await slow.send(post(CHAT, ask | {"logprobs": True, "top_logprobs": 20}))
        await slow.head()
        events = b"".join([chunk async for chunk in slow.chunks()]).split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    texts = [json.loads(e.removeprefix(b"data: ")) for e in events[:-2]]
    assert sum(bool(t["choices"] and t["choices"][0]["delta"].get("content")) for t in texts) == 400


def _peak(pid: int) -> int:
    """The most memory that the process ever had resident, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(x.split()[1]) << 10 for x in lines if x.startswith("VmHWM:"))
