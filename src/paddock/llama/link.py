"""One kept-alive connection to an instance's Unix socket: bytes out, a parsed reply in.

httptools (llhttp, the parser of Node) reads the replies. What it cannot know is decided here: that a
reply to HEAD has no body, that 1xx comes before the reply proper, and what the end of the connection
means for a reply without a length.

A reply's head is read with little more than itself, where few are being answered: its first words then go
on before the rest, which may have come meanwhile, is read and parsed.
"""

import asyncio
from typing import Protocol, cast

import httptools

from paddock.llama.reply import Outlet, Reply, Torn, Unanswered

_LONGEST_HEAD = 1 << 16  # bytes
_FIRST = 1 << 10  # bytes that are read with a head, of which there are some 400


class Home(Protocol):
    """Where a link is while nobody asks anything over it: its pool."""

    loop: asyncio.AbstractEventLoop
    space: memoryview  # that its links read into; what they read is done with before the next reads

    @property
    def is_crowded(self) -> bool:
        """Whether so many are being answered that a further read for each would keep the others waiting."""

    def put_back(self, link: "Link") -> None: ...
    def lost(self, link: "Link") -> None: ...


class Link(asyncio.BufferedProtocol):
    """A connection that serves one request at a time, and belongs to its pool in between."""

    __slots__ = (
        "_body",
        "_drained",
        "_framed",
        "_has_sent",
        "_head",
        "_heard",
        "_is_head_request",
        "_is_interim",
        "_is_paused",
        "_is_reading",
        "_lost",
        "_parser",
        "_pool",
        "_reply",
        "_transport",
        "idle_since",
        "loop",
        "on_body",
    )

    def __init__(self, pool: Home) -> None:
        self.idle_since = 0.0  # by the loop's clock
        self.loop = pool.loop
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._body: list[bytes] = []  # what was read of a reply's body just now
        self.on_body = (
            self._body.append
        )  # for the parser; a method would cost 0.5 µs for each piece
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._reply: Reply | None = None
        self._head: list[tuple[bytes, bytes]] = []  # of the reply that is being read
        self._framed = False  # the head says where the body ends
        self._heard = 0  # bytes before the head was whole
        self._is_head_request = self._is_interim = False
        self._has_sent = True  # the request, all of it
        self._is_reading = True
        self._is_paused = False  # for writing
        self._drained: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] | None = None  # made for who waits for the end

    # ---- for the pool and whoever asks ----

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, head: bytes, outlet: Outlet | None, *, is_head: bool, is_all: bool) -> Reply:
        """Begin a request. `outlet`: as for `Reply`; `is_head`: its method is HEAD; `is_all`: nothing
        of it follows."""
        self._reply = reply = Reply(self, outlet)
        self._heard, self._is_head_request, self._has_sent = 0, is_head, is_all
        self._write(head)
        return reply

    async def send(self, piece: bytes, *, is_last: bool) -> bool:
        """The next part of a request's body; False where the reply came first, so that it is in vain."""
        if not self._is_unanswered():
            return False
        self._write(piece)
        self._has_sent = is_last
        while self._is_paused and self._is_unanswered():
            self._drained = self.loop.create_future()
            await self._drained
        return True

    def pause(self) -> None:
        """Read no further."""
        if self._is_reading and self._transport is not None:
            self._is_reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._is_reading and self._transport is not None:
            self._is_reading = True
            self._transport.resume_reading()

    def close(self) -> None:
        """Hang up, now."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Until the socket is closed."""
        if self._transport is not None:
            self._lost = self._lost or self.loop.create_future()
            await self._lost

    # ---- what the loop reports ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read the next bytes to."""
        reply, space = self._reply, self._pool.space
        is_begun = reply is None or reply.status
        return space if is_begun or self._pool.is_crowded else space[:_FIRST]

    def buffer_updated(self, nbytes: int) -> None:
        data, reply = self._pool.space[:nbytes], self._reply
        if reply is None or self._parser is None:
            self.close()  # nobody asked
            return
        self._heard += nbytes
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(reply, Torn("its reply is not HTTP"))
        if not reply.status and self._heard > _LONGEST_HEAD:
            self._break(reply, Torn("the head of its reply does not end"))
        elif reply.status:
            if self._reply is reply:
                reply.take(self._body)
            reply.arrived()
            self._continue()

    def eof_received(self) -> None:
        """The connection is closed by the loop; `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._parser = None
        if (reply := self._reply) is not None:
            self._end_unframed(reply, exc)
            self._reply = None
        self._continue()
        self._pool.lost(self)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._continue()

    # ---- what the parser reports ----

    def on_message_begin(self) -> None:
        if self._reply is None:
            self.close()  # more than was asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reply is not None and not self._reply.status:  # else it is a trailer
            self._head.append((name, value))

    def on_headers_complete(self) -> None:
        head, self._head = self._head, []
        if self._reply is None or self._parser is None:
            return
        status = self._parser.get_status_code()
        self._is_interim = status < 200
        if not self._is_interim:
            self._begin(self._reply, status, head)

    def on_message_complete(self) -> None:
        if not self._is_interim and self._parser is not None:
            self._end(keep=self._parser.should_keep_alive())

    # ---- within ----

    def _is_unanswered(self) -> bool:
        return self.is_open and self._reply is not None and not self._reply.status

    def _begin(self, reply: Reply, status: int, head: list[tuple[bytes, bytes]]) -> None:
        self._framed, same = False, []
        for pair in head:
            low = pair[0].lower()
            if low == b"content-length":
                self._framed, reply.length = True, int(pair[1])
                continue
            same.append(pair)
            if low == b"transfer-encoding":
                self._framed = True
        reply.headers, reply.same, reply.status = head, tuple(same), status
        if self._is_head_request:  # the parser would wait for the body that the head announces
            self._end(keep=False)

    def _end(self, *, keep: bool) -> None:
        """The reply is whole, so the next request may have this connection."""
        reply, self._reply = self._reply, None
        if reply is None:
            return
        reply.take(self._body)
        reply.end()
        if not self._is_reading:
            self.resume()
        if keep and self._has_sent and self.is_open:
            self._pool.put_back(self)
        else:
            self.close()

    def _end_unframed(self, reply: Reply, error: Exception | None) -> None:
        """The end of the connection is that of a reply without a length, and of no other."""
        if reply.status and not self._framed and error is None:
            reply.end()
            reply.arrived()
        elif self._heard:
            reply.fail(Torn("its reply broke off"))
        else:
            reply.fail(Unanswered(str(error or "no reply")))

    def _break(self, reply: Reply, error: Torn) -> None:
        self._reply = None
        reply.take(self._body)
        reply.fail(error)
        self.close()

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise Unanswered("the connection was closed")
        self._transport.write(data)

    def _continue(self) -> None:
        """Wake whoever sends a body: there is room, or it is in vain."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
