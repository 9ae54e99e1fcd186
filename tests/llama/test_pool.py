"""Asking an instance: what every way of answering, or of not answering, comes to."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from paddock.llama import pool as pools
from paddock.llama.pool import Pool
from paddock.llama.reply import Reply, Torn, Unanswered

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


class Server:
    """A socket that answers as a test says; it keeps what it was asked, and how often it was connected to."""

    def __init__(self, *answers: bytes, then_close: bool = False) -> None:
        self.answers = list(answers)
        self.then_close = then_close
        self.heads: list[bytes] = []
        self.connections = 0
        self.hung_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                if not self.answers:
                    break
                writer.write(self.answers.pop(0))
                await writer.drain()
                if self.then_close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # its client left
        self.hung_up.set()


@asynccontextmanager
async def asking(path: Path, serve: Serve) -> AsyncIterator[Pool]:
    """A pool of connections to such a server."""
    tasks: set[asyncio.Task[Any]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(served, path / "s.sock")
    pool = Pool(str(path / "s.sock"))
    try:
        yield pool
    finally:
        await pool.close()
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def whole(pool: Pool, method: str = "GET") -> bytes:
    return await (await pool.ask(method, "/", {}, None)).whole()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"Content-Length: 5\r\n\r\nhello", id="with a length"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", id="chunked"
        ),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nLate: 1\r\n\r\n",
            id="chunked, with a trailer",
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            + OK
            + b"Content-Length: 5\r\n\r\nhello",
            id="after interim replies",
        ),
    ],
)
async def test_a_reply_is_read_whole_and_its_connection_is_used_again(tmp_path, answer):
    server = Server(answer, answer)
    async with asking(tmp_path, server.serve) as pool:
        reply = await pool.ask("GET", "/", {}, None)
        assert (reply.status, await reply.whole(), reply.total_bytes) == (200, b"hello", 5)
        assert not reply.header(b"late")
        assert not reply.header(b"link")
        assert await whole(pool) == b"hello"
    assert server.connections == 1


@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_a_reply_may_come_in_any_pieces(tmp_path, cut):
    text = OK + b"Content-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for part in (text[:cut], text[cut:]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)

    async with asking(tmp_path, serve) as pool:
        reply = await pool.ask("GET", "/", {}, None)
        assert (reply.content_type, await reply.whole()) == ("a/b", b"hello")


async def test_a_reply_without_a_length_ends_with_its_connection(tmp_path):
    server = Server(OK + b"\r\nhello", then_close=True)
    async with asking(tmp_path, server.serve) as pool:
        assert await whole(pool) == b"hello"


@pytest.mark.parametrize(
    ("method", "head"),
    [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")],
)
async def test_what_has_no_body_is_not_waited_for(tmp_path, method, head):
    server = Server(b"HTTP/1.1 " + head + b"\r\nContent-Length: 9\r\n\r\n")
    async with asking(tmp_path, server.serve) as pool:
        assert await whole(pool, method) == b""


async def test_a_connection_that_the_server_will_close_is_not_used_again(tmp_path):
    answer = OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n"
    server = Server(answer, answer)
    async with asking(tmp_path, server.serve) as pool:
        await whole(pool)
        await whole(pool)
    assert server.connections == 2


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pools, "IDLE", 0.02)
    answer = OK + b"Content-Length: 0\r\n\r\n"
    server = Server(answer, answer)
    async with asking(tmp_path, server.serve) as pool:
        await whole(pool)
        await server.hung_up.wait()  # nobody asked, and it was closed
        await whole(pool)
    assert server.connections == 2


async def test_a_connection_closed_in_the_moment_of_its_use_costs_one_more_try(tmp_path):
    heads = []

    async def serve(reader, writer):  # one reply for each connection
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK + b"Content-Length: 2\r\n\r\nok")
        heads.append(await reader.readuntil(b"\r\n\r\n"))

    async with asking(tmp_path, serve) as pool:
        assert await whole(pool) == b"ok"
        assert await whole(pool) == b"ok"
    assert len(heads) == 3


async def test_several_connections_closed_in_that_moment_cost_one_more_try(tmp_path):
    heads = []
    all_asked = asyncio.Event()

    async def serve(reader, writer):  # one reply for each connection, once all are open
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if len(heads) == 3:
            all_asked.set()
        await all_asked.wait()
        writer.write(OK + b"Content-Length: 2\r\n\r\nok")
        heads.append(await reader.readuntil(b"\r\n\r\n"))

    async with asking(tmp_path, serve) as pool:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(whole(pool))
        assert await whole(pool) == b"ok"
    assert len(heads) == 5


async def test_who_never_answers_is_asked_twice(tmp_path):
    server = Server()
    async with asking(tmp_path, server.serve) as pool:
        with pytest.raises(Unanswered):
            await whole(pool)
    assert len(server.heads) == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"220 mail.example ESMTP\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 20", id="half a head"),
        pytest.param(OK + b"A: " + b"x" * (1 << 17), id="a head without end"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", id="an upgrade"),
    ],
)
async def test_what_is_no_reply_is_torn_and_not_asked_for_again(tmp_path, answer):
    server = Server(answer, then_close=True)
    async with asking(tmp_path, server.serve) as pool:
        with pytest.raises(Torn):
            await whole(pool)
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"Content-Length: 9\r\n\r\nhello", id="with a length"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", id="chunked"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", id="broken chunks"
        ),
    ],
)
async def test_what_came_of_a_torn_reply_is_given_first(tmp_path, answer):
    server = Server(answer, then_close=True)
    async with asking(tmp_path, server.serve) as pool:
        reply = await pool.ask("GET", "/", {}, None)
        assert await reply.some() == b"hello"
        with pytest.raises(Torn):
            await reply.some()


async def test_more_than_was_asked_for_costs_the_connection(tmp_path):
    answer = OK + b"Content-Length: 2\r\n\r\nok"
    server = Server(answer + answer, answer)
    async with asking(tmp_path, server.serve) as pool:
        assert await whole(pool) == b"ok"
        assert await whole(pool) == b"ok"
    assert server.connections == 2


async def test_leaving_a_reply_hangs_up(tmp_path):
    server = Server(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    async with asking(tmp_path, server.serve) as pool:
        (await pool.ask("GET", "/", {}, None)).close()
        await server.hung_up.wait()


async def test_giving_up_before_a_reply_hangs_up(tmp_path):
    server = Server(b"")
    async with asking(tmp_path, server.serve) as pool:
        task = asyncio.create_task(pool.ask("GET", "/", {}, None))
        while not server.heads:
            await asyncio.sleep(0.005)
        task.cancel()
        await server.hung_up.wait()


async def test_a_large_body_is_sent_whole_and_no_further_once_the_reply_is_there(tmp_path):
    size, received = 3 << 20, 0

    async def serve(reader, writer):
        nonlocal received
        while received < size and (piece := await reader.read(1 << 16)):
            received += len(piece)
        writer.write(OK + b"Content-Length: 0\r\n\r\n")
        while await reader.read(1 << 16):
            pass

    async with asking(tmp_path, serve) as pool:
        reply = await pool.ask("POST", "/", {}, b"x" * size)
        assert (reply.status, received >= size) == (200, True)
    size = 1
    async with asking(tmp_path, serve) as pool:
        reply = await pool.ask("POST", "/", {}, b"x" * (8 << 20))
        assert reply.status == 200


class Bucket:
    """An outlet that takes so many bytes, and then says no until it is emptied."""

    def __init__(self, most: int = 1 << 20) -> None:
        self.most, self.held = most, 0
        self.all = b""

    def opens(self, reply: Reply) -> bool:
        return reply.status < 400

    def take(self, piece: bytes, *, is_last: bool) -> bool:
        self.all += piece
        self.held += len(piece)
        return self.held < self.most


async def test_an_outlet_that_is_offered_has_the_body_before_whoever_asked_wakes(tmp_path):
    server, bucket = Server(OK + b"Content-Length: 5\r\n\r\nhello"), Bucket()
    async with asking(tmp_path, server.serve) as pool:
        reply = await pool.ask("GET", "/", {}, None, bucket)
        assert (bucket.all, reply.is_whole, reply.has_more) == (b"hello", True, False)
        assert not await reply.pour(bucket)


@pytest.mark.parametrize(("at_a_time", "is_split"), [(1, True), (6, False)])
async def test_a_few_replies_begin_before_all_that_has_come_of_them_is_read(
    tmp_path: Path, at_a_time: int, is_split: bool
):
    """With many, a second read for each would keep the others waiting."""
    body = b"x" * 20_000
    pieces: list[int] = []

    class Counting(Bucket):
        def take(self, piece: bytes, *, is_last: bool) -> bool:
            pieces.append(len(piece))
            return super().take(piece, is_last=is_last)

    server = Server(*(OK + b"Content-Length: 20000\r\n\r\n" + body for _ in range(at_a_time + 1)))
    async with asking(tmp_path, server.serve) as pool:
        buckets = [Counting(1 << 20) for _ in range(at_a_time)]
        asked = (pool.ask("GET", "/", {}, None, bucket) for bucket in buckets)
        async with asyncio.TaskGroup() as group:
            for one in asked:
                group.create_task(one)
        pieces.clear()
        last = Counting(1 << 20)
        await pool.ask("GET", "/", {}, None, last)
    assert {bucket.all for bucket in (*buckets, last)} == {body}
    assert (pieces[0] < 3000) == is_split


async def test_what_an_offered_outlet_does_not_want_is_left_to_whoever_asked(tmp_path):
    server, bucket = Server(b"HTTP/1.1 400 No\r\nContent-Length: 5\r\n\r\nhello"), Bucket()
    async with asking(tmp_path, server.serve) as pool:
        reply = await pool.ask("GET", "/", {}, None, bucket)
        assert (bucket.all, await reply.whole()) == (b"", b"hello")


async def test_whoever_asked_hears_that_a_reply_was_torn_while_it_was_poured(tmp_path):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 9\r\n\r\nhello")
        writer.close()

    bucket = Bucket()
    async with asking(tmp_path, serve) as pool:
        reply = await pool.ask("GET", "/", {}, None, bucket)
        with pytest.raises(Torn):
            await reply.pour(bucket)
    assert bucket.all == b"hello"


async def test_an_offered_outlet_that_is_full_stops_the_reading_until_it_is_poured_into_again(
    tmp_path,
):
    size, bucket = 1 << 22, Bucket(1 << 18)

    async def flood(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        await writer.drain()

    async with asking(tmp_path, flood) as pool:
        reply = await pool.ask("GET", "/", {}, None, bucket)
        assert bucket.most <= len(bucket.all) < size
        assert await reply.pour(bucket), "nothing is poured into what was full"
        assert len(bucket.all) < size
        bucket.held = 0
        while await reply.pour(bucket):
            bucket.held = 0
        assert len(bucket.all) == size


async def test_a_full_outlet_stops_the_reading(tmp_path):
    sent = 0

    async def flood(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % (16 << 20))
        while sent < 16 << 20:
            writer.write(b"x" * (1 << 16))
            await writer.drain()
            sent += 1 << 16

    bucket = Bucket(1 << 18)
    async with asking(tmp_path, flood) as pool:
        reply = await pool.ask("GET", "/", {}, None)
        assert await reply.pour(bucket)
        stuck = -1
        while stuck != sent:
            stuck = sent
            await asyncio.sleep(0.05)
        assert sent < 16 << 20
        while await reply.pour(bucket):
            bucket.held = 0
        assert len(bucket.all) == 16 << 20


@pytest.mark.parametrize("headers", [{"A": "b\r\nC: d"}, {"A": "\x00"}])
async def test_what_would_forge_a_head_is_never_sent(tmp_path, headers):
    pool = Pool(str(tmp_path / "nobody"))
    with pytest.raises(ValueError, match="control"):
        await pool.ask("GET", "/", headers, None)
    with pytest.raises(ValueError, match="control"):
        await pool.ask("GET", "/ HTTP/1.1", {}, None)


async def test_a_closed_pool_asks_nobody(tmp_path):
    server = Server()
    async with asking(tmp_path, server.serve) as pool:
        await pool.close()
        with pytest.raises(ConnectionError):
            await whole(pool)
    assert server.connections == 0


class _Holding:
    """An outlet that holds the reply, as a client's request does."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.took = b""

    def opens(self, reply: Reply) -> bool:
        self.reply = reply
        return True

    def take(self, piece: bytes, *, is_last: bool) -> bool:
        self.took += piece
        return True


async def test_a_reply_that_was_poured_leaves_no_circle_for_the_garbage_collector(tmp_path):
    server = Server(OK + b"Content-Length: 5\r\n\r\nhello")
    gc.disable()
    try:
        async with asking(tmp_path, server.serve) as pool:
            outlet = _Holding()
            reply = await pool.ask("POST", "/", {}, b"{}", outlet)
            assert (reply.was_poured, outlet.took) == (True, b"hello")
            gone = weakref.ref(outlet)
            del outlet, reply
            assert gone() is None
    finally:
        gc.enable()
