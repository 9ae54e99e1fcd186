"""The short way of requests through the front: what it says is what the usual way says, whatever happens on it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paddock.config.keys import NamedKey, digest_of
from paddock.http.without_handler import WithoutHandler
from tests.cluster.puppet import Puppet, Says, answers, breaks, hangs, puppet, streams
from tests.cluster.stable import StableYard, front_of, node

WHOLE: dict[str, object] = {"model": "m", "messages": []}
STREAM: dict[str, object] = {**WHOLE, "stream": True}
_PIECES = [b'data: {"a":%d}\n\n' % n for n in range(3)]
_EVENT, _DONE = b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"


@dataclass
class Ways:
    """How requests went: how many were served without a handler, how many were handed to one."""

    served: int = 0
    handed: int = 0


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    seen = Ways()
    served, handed = WithoutHandler.served, WithoutHandler.to_handler

    def count_served(self: WithoutHandler) -> None:
        seen.served += 1
        served(self)

    def count_handed(self: WithoutHandler, *args: object) -> None:
        seen.handed += 1
        handed(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(WithoutHandler, "served", count_served)
    monkeypatch.setattr(WithoutHandler, "to_handler", count_handed)
    return seen


@dataclass
class Client:
    """One connection to the front, on which each request has the same head."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    more: str = ""
    at: str = field(default="/v1/chat/completions")

    def send(self, body: object) -> None:
        text = json.dumps(body)
        head = f"POST {self.at} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: test\r\n{self.more}"
        self.writer.write(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())

    async def reply(self) -> tuple[bytes, bytes]:
        """Its head without the date, and its body without framing."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        head = re.sub(rb"Date: [^\r]*\r\n", b"", head)
        if head.startswith(b"HTTP/1.1 204 "):
            return head, b""
        if found := re.search(rb"(?i)content-length: (\d+)\r\n", head):
            return head, await self.reader.readexactly(int(found[1]))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return head, body

    async def asked(self, body: object) -> tuple[bytes, bytes]:
        self.send(body)
        async with asyncio.timeout(20):
            return await self.reply()


@asynccontextmanager
async def connected(home: StableYard, more: str = "") -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(*home.url[7:].split(":"))
    try:
        yield Client(reader, writer, more)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@dataclass
class Stage:
    """Two nodes that say what they are made to, a front before them, a client."""

    home: StableYard
    one: Puppet
    two: Puppet
    client: Client


@asynccontextmanager
async def stage(
    root: Path, *, both: Sequence[str] = (), keys: Sequence[NamedKey] = (), more: str = ""
) -> AsyncIterator[Stage]:
    """`both`: models that the second node has, too. The client's head is known to the front."""
    async with puppet("m", "n") as one, puppet(*both, "other") as two:
        nodes = [node("one", one.url), node("two", two.url)]
        async with front_of(root, nodes, own_keys=keys) as home:
            await home.until_up("one", "two")
            async with connected(home, more) as client:
                head, _ = await client.asked({"model": "n"})
                assert head.startswith(b"HTTP/1.1 200 ")
                one.heard.clear()
                yield Stage(home, one, two, client)


SAME: dict[str, tuple[Says, dict[str, object]]] = {
    "whole": (answers(b'{"choices":[]}'), WHOLE),
    "empty": (answers(b""), WHOLE),
    "refused": (answers(b'{"error":{"code":"bad_request"}}', status="400 Bad Request"), WHOLE),
    "refused to a stream": (answers(b'{"error":{}}', status="500 No"), STREAM),
    "no content": (answers(b"", status="204 No Content"), WHOLE),
    "large": (answers(b"x" * 3_000_000), WHOLE),
    "stream": (streams(*_PIECES, _DONE), STREAM),
    "stream, piece by piece": (streams(b": wait\n\n", *_PIECES, pause=0.01), STREAM),
    "white space first": (streams(b" ", b"  ", b'{"choices":[]}', pause=0.01), WHOLE),
    "nothing but a head": (streams(), STREAM),
    "fault in a stream": (streams(b'data: {"error":{"code":"other"}}\n\n'), STREAM),
    "breaks off in an answer": (streams(_EVENT, ends=False, pause=0.02), STREAM),
    "a refusal that another may take back": (
        streams(b'data: {"error":{"code":"queue_full","message":"full"}}\n\n'),
        STREAM,
    ),
    "the same after a sign of life": (
        streams(b": wait\n\n", b'data: {"error":{"code":"queue_full"}}\n\n', pause=0.02),
        STREAM,
    ),
}
_HANDED = {"empty", "refused", "refused to a stream", "no content", "large"}
_TAKES_TWO = {
    "breaks off in an answer",
    *(name for name in SAME if "another" in name or "same" in name),
}


@pytest.mark.parametrize("name", SAME)
async def test_both_ways_say_the_same(tmp_path: Path, ways: Ways, name: str) -> None:
    says, body = SAME[name]
    async with stage(tmp_path) as on:
        on.one.script = [says, says]
        async with connected(on.home) as fresh:
            usual = await fresh.asked(body)
        assert ways == Ways()
        direct = await on.client.asked(body)
        assert direct == usual
        assert len(on.one.heard) == 2
        handed = name in _HANDED | _TAKES_TWO
        assert ways == Ways(served=not handed, handed=handed)
        on.one.script = [answers(b"{}")]
        assert (await on.client.asked(WHOLE))[1] == b"{}"  # its connection is as it was


LOSSES: dict[str, Says] = {
    "before a byte": breaks(),
    "within the head": breaks(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "within a whole reply": breaks(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
    "after signs of life": streams(b": wait\n\n", ends=False, pause=0.02),
    "refused in the stream": streams(b'data: {"error":{"code":"queue_full"}}\n\n'),
    "refused": answers(b'{"error":{"code":"queue_full"}}', status="503 No"),
}


@pytest.mark.parametrize("name", LOSSES)
async def test_what_has_no_answer_yet_goes_on_at_another_node_once(
    tmp_path: Path, ways: Ways, name: str
) -> None:
    async with stage(tmp_path, both=["m"]) as on:
        # Of one that breaks before a byte, a connection that was kept may be at fault: it is asked once more.
        losses = [LOSSES[name]] * (2 if name == "before a byte" else 1)
        script: list[Says] = []  # of whoever is asked, in turn
        on.one.script = on.two.script = script
        while not ways.handed:  # at first there may be no connection yet to whom the policy prefers
            script[:] = [*losses, streams(_EVENT)]
            head, said = await on.client.asked(STREAM)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert (said.endswith(_EVENT), said.count(b"data:")) == (True, 1)
        assert on.one.heard
        assert on.two.heard


async def test_nobody_is_asked_a_third_time(tmp_path: Path, ways: Ways) -> None:
    async with stage(tmp_path, both=["m"]) as on:
        refused = answers(b'{"error":{"code":"queue_full"}}', status="503 No")
        while not ways.handed:
            on.one.script, on.two.script = [refused], [refused]
            on.one.heard.clear()
            on.two.heard.clear()
            head, said = await on.client.asked(WHOLE)
            assert (head[:13], b"queue_full" in said) == (b"HTTP/1.1 503 ", True)
            assert (len(on.one.heard), len(on.two.heard)) == (1, 1)


async def test_a_client_that_leaves_ends_its_request_at_the_node(
    tmp_path: Path, ways: Ways
) -> None:
    async with stage(tmp_path) as on:
        on.one.script = [hangs]
        on.client.send(WHOLE)
        async with asyncio.timeout(10):
            while not on.one.heard:
                await asyncio.sleep(0.005)
            on.client.writer.transport.abort()
            while not on.one.left:
                await asyncio.sleep(0.005)
        assert on.home.front is not None
        assert not on.home.front.stable.links["one"].uses
        assert ways == Ways()


async def test_a_node_that_hangs_is_given_up(tmp_path: Path, ways: Ways) -> None:
    async with stage(tmp_path) as on:
        on.one.script = [hangs]
        on.client.send(STREAM)
        async with asyncio.timeout(10):
            while not on.one.heard:
                await asyncio.sleep(0.005)
        assert on.home.front is not None
        [use] = on.home.front.stable.links["one"].uses
        assert not use.served.may_move  # it has no other home
        use.end("node one has not answered for 2 s")
        head, said = await on.client.reply()
        assert (head[:13], b"node_lost" in said) == (b"HTTP/1.1 502 ", True)
        assert ways.handed == 1


async def test_requests_that_do_not_wait_for_replies_are_served_in_turn(
    tmp_path: Path, ways: Ways
) -> None:
    async with stage(tmp_path) as on:
        on.one.script = [streams(b"data: %d\n\n" % n, pause=0.02) for n in range(3)]
        for _ in range(3):
            on.client.send(STREAM)
            await asyncio.sleep(0.005)
        said = [(await on.client.reply())[1] for _ in range(3)]
        assert said == [b"data: %d\n\n" % n for n in range(3)]
        assert ways.served >= 1


async def test_a_slow_client_holds_its_node_back_and_gets_every_byte(
    tmp_path: Path, ways: Ways
) -> None:
    piece = b"data: " + b"x" * 65_000 + b"\n\n"
    async with stage(tmp_path) as on:
        written = []

        async def much(writer: asyncio.StreamWriter, body: bytes) -> None:
            written.append(0)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(400):
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                written[0] += 1
            writer.write(b"0\r\n\r\n")

        on.one.script = [much]
        on.client.send(STREAM)
        async with asyncio.timeout(20):
            while not ways.handed:
                await asyncio.sleep(0.005)
        assert written[0] < 400
        async with asyncio.timeout(30):
            _, said = await on.client.reply()
        assert said == piece * 400


async def test_a_key_is_looked_at_with_each_request(tmp_path: Path, ways: Ways) -> None:
    key = NamedKey(
        name="me", scope="ask", digest=digest_of("secret"), concurrency=1, models=("m", "n")
    )
    async with stage(tmp_path, keys=[key], more="Authorization: Bearer secret\r\n") as on:
        for _ in range(2):  # the first one is over before the second is let in
            assert (await on.client.asked(WHOLE))[0].startswith(b"HTTP/1.1 200 ")
        assert ways.served == 2
        head, said = await on.client.asked({"model": "other"})
        assert (head[:13], b"no node has a model" in said) == (b"HTTP/1.1 404 ", True)
        assert on.home.front is not None
        on.home.front.guard._keyring.take(())
        on.home.front.guard._keyring.take([NamedKey(name="x", scope="ask", digest="00" * 32)])
        assert (await on.client.asked(WHOLE))[0].startswith(b"HTTP/1.1 401 ")
        assert ways == Ways(served=2)


async def test_an_agents_question_goes_on_at_another_node_once(tmp_path: Path) -> None:
    result = b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"text":"hi"}}}'
    progress = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5}}'
    words = b"event: message\ndata: %b\n\n"
    params: dict[str, object] = {"name": "ask_model", "arguments": {"model": "m", "prompt": "hi"}}
    params["_meta"] = {"progressToken": 5}
    call = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params}
    async with stage(tmp_path, both=["m"]) as on:
        script = [
            streams(words % progress, ends=False, pause=0.02),
            streams(words % progress, words % result, pause=0.02),
        ]
        on.one.script = on.two.script = script
        async with connected(on.home, "Accept: text/event-stream\r\n") as agent:
            agent.at = "/mcp"
            _, said = await agent.asked(call)
        assert said.count(progress) == 2
        assert json.loads(said.split(b"data: ")[-1])["result"]["structuredContent"] == {
            "text": "hi"
        }
        asked = [json.loads(one.heard[-1]) for one in (on.one, on.two)]
        assert [one["params"]["arguments"]["model"] for one in asked] == ["m", "m"]
        on.one.script = on.two.script = [breaks()] * 4
        async with connected(on.home) as agent:
            agent.at = "/mcp"
            _, refused = await agent.asked(call)
        assert b"node_lost" in refused
