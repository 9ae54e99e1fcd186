"""One client's connection: aiohttp's handler of it, watched, and with replies that our clients can read.

What is watched is what a request has no handler for yet: a head that does not end, and a client that
takes nothing of its reply. The names with an underscore are aiohttp's own (3.14).
"""

import asyncio
import fcntl
import logging
import struct
import termios
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from aiohttp import HttpVersion11, http_exceptions, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_request import BaseRequest

from paddock.errors import PaddockError
from paddock.http import errors, malformed
from paddock.http.last_head import HeadMemo, LastHead, WholeBody, bytes_due, learned
from paddock.http.without_handler import WithoutHandler

_log = logging.getLogger(__name__)
_HALF_CLOSED = 0.5  # seconds in which a client that will ask nothing more is still answered


class Times(NamedTuple):
    """Seconds after which each kind of silence ends."""

    head: float
    idle: float
    reader: float


class State(IntEnum):
    """What a connection is at, in the order in which it has to give way to a new one."""

    SILENT = 0  # not a byte since it was opened
    HEAD = 1  # a request has begun, and its head is not whole
    IDLE = 2  # between two requests
    BODY = 3  # a request's body is not whole
    SERVED = 4


class Register(Protocol):
    """Whoever keeps count of the connections: the door."""

    def entered(self, connection: "Connection") -> None: ...
    def left(self, connection: "Connection") -> None: ...


class Connection(WithoutHandler):
    """From the first byte to the last."""

    def __init__(self, server: web.Server, door: Register, **options: Any) -> None:
        super().__init__(server, **options)
        self._door = door
        self._head = b""  # the beginning of the request that is being read
        self._head_began: float | None = None
        self._is_new, self._opened = True, self._loop.time()
        self._body: StreamReader = EMPTY_PAYLOAD  # of the request that was read last
        self._due = 0  # bytes of it that are still to come; below 0: that is not known any more
        self._last: LastHead | None = None
        self.memo = HeadMemo()  # of the request that is served
        self._lacks_body = False
        self._body_moved = 0.0
        self._unsent, self._moved = 0, 0.0  # bytes for its client, and when they last became fewer

    @property
    def state(self) -> State:
        if self._direct is not None:
            return State.SERVED
        if self._current_request is not None or self._messages or not self._body.is_eof():
            return State.BODY if self._lacks_body else State.SERVED
        if self._head_began is not None:
            return State.HEAD
        return State.SILENT if self._is_new else State.IDLE

    @property
    def is_expected(self) -> bool:
        """Whether its first request is still to come, whole."""
        return self._is_new and self.state <= State.HEAD

    @property
    def since(self) -> float:
        """When it last made a step, to be compared with that of others in the same state."""
        match self.state:
            case State.SILENT:
                return self._opened
            case State.HEAD:
                return self._head_began or 0.0
            case State.BODY:
                return self._body_moved
            case _:
                return self._next_keepalive_close_time

    def note_body(self, *, is_whole: bool) -> None:
        """A part of a request's body came, or is waited for."""
        self._lacks_body, self._body_moved = not is_whole, self._loop.time()

    # ---- what the loop reports ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._door.entered(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._door.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """On the hot path: the bytes of a body, and a head that comes whole, cost a look or two."""
        if self._direct is not None:
            self._keep_early(data)
            return
        if self._current_request is not None:
            self._due -= len(data)
            super().data_received(data)
            if self._messages:
                self._due = -1
                self._end_body(self._current_request)
            return
        if not self._body.is_eof():  # its handler is about to begin: the bytes are of its body
            self._due -= len(data)
            super().data_received(data)
            return
        if self._due or self._messages:
            self._due = -1
        elif (last := self._last) is not None and (body := last.body_of(data)) is not None:
            self._take(last, body)
            return
        self._read(data)

    def _take(self, last: LastHead, body: bytes) -> None:
        """The same head as before, and the whole body: what `_read` does, with nothing to parse."""
        if self._force_close or self._close:
            return
        self._request_count += 1
        self._is_new = False
        waits = self._waiter is not None and not self._waiter.done()
        if waits and (way := last.memo.direct) is not None:
            self._direct = way.begin(self, last.message, body)
            if self._direct is not None:
                return
        self._queue(last.message, body)

    def _queue(self, message: RawRequestMessage, body: bytes) -> None:
        """For its handler."""
        self._body = WholeBody(self, body, self._loop)
        self._messages.append((message, self._body))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _read(self, data: bytes) -> None:
        if self._head_began is None and not self._messages:
            self._head = data
        super().data_received(data)
        if self._messages:
            self._head_began, self._is_new = None, False
            message, self._body = self._messages[-1]
            self._remember(data, message)
        elif data and self._head_began is None:
            self._head_began, self._due = self._loop.time(), -1

    def _remember(self, data: bytes, message: Any) -> None:
        """Its head, and how much of it is still to come, if this is all that these bytes are."""
        is_alone = not self._due and len(self._messages) == 1
        if not is_alone or not isinstance(message, RawRequestMessage):
            self._due, self._last = -1, None
            return
        self._due = bytes_due(data, message)
        if self._due < 0:
            self._last = None
        elif self._last is not None and self._last.end_in(data):
            self._last.message = message
        else:
            self._last = learned(data, message)

    def _request_of(self, message: Any, payload: StreamReader) -> tuple[Any, Any]:
        last = self._last
        is_last = last is not None and last.message is message
        self.memo = last.memo if is_last and last is not None else HeadMemo()
        return super()._request_of(message, payload)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's, which aiohttp narrows
        """Its half is closed. Mostly it has left, which looks the same; who has not (`nc -N`) gets what is ready soon.

        RFC 9112, 9.5: a server looks out for that signal, and responds as is appropriate. False closes at once.
        """
        super().eof_received()
        if self.state is not State.SERVED or not self._body.is_eof():
            return False
        self._loop.call_later(_HALF_CLOSED, self.force_close)
        return True

    def resume_reading(self, resume_parser: bool = True) -> None:  # aiohttp's
        """Nothing where nothing was paused: aiohttp would parse once more, for every body that is read."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _end_body(self, request: BaseRequest) -> None:
        """What follows was read, so a body that is not whole never will be: its framing is broken.

        aiohttp's parser leaves whoever reads such a body waiting.
        """
        if not request.content.is_eof():
            request.content.set_exception(web.RequestPayloadError("the framing is broken"))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent, self._moved = self._left_to_send(), self._loop.time()

    async def drained(self) -> None:
        """Until the client takes more. ConnectionError where it has left."""
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client left")
        await self._drain_helper()

    # ---- what is bounded ----

    def look(self, now: float, times: "Times") -> None:
        """End it where it has been at one thing for too long. Between requests, aiohttp does that."""
        began = self._head_began
        if began is not None and now - began > times.head:
            self._end_head(times.head)
        elif self._is_new and began is None and now - self._opened > times.idle:
            self.force_close()
        elif self.writing_paused and self._stalls_for(now) > times.reader:
            _log.info("a client took nothing of its reply for %g s: it is cut off", times.reader)
            self.abort()

    def abort(self) -> None:
        """Close it at once, whatever it is at."""
        if self.transport is not None:
            self.transport.abort()

    def _end_head(self, seconds: float) -> None:
        error = errors.late("the head of the request", "header-timeout", seconds)
        if self.transport is not None:
            surface = malformed.surface_of(malformed.target_of(self._head))
            self.transport.write(malformed.raw(error, surface))
        self.force_close()

    def _stalls_for(self, now: float) -> float:
        """Seconds in which nothing moved, though there is something to send."""
        left = self._left_to_send()
        if left < self._unsent:
            self._moved = now
        self._unsent = left
        return now - self._moved

    def _left_to_send(self) -> int:
        """Bytes that the client's kernel has not acknowledged: ours, and those in the socket."""
        if self.transport is None:
            return 0
        return self.transport.get_write_buffer_size() + _queued(self.transport)

    # ---- what is answered where no handler does ----

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What a client hears whose request could not be read, or broke a handler."""
        if isinstance(exc, ConnectionError):
            raise exc  # it left: nobody hears any more, and aiohttp closes the connection
        if malformed.is_ours(exc):
            _log.error("%s %s broke", request.method, request.path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("a reply that has begun cannot become another")
        is_read = not isinstance(exc, http_exceptions.HttpProcessingError)
        if not is_read or request._version[0] != 1:
            request._version = HttpVersion11  # the parser's stand-in says 1.0, an old or new client what nobody speaks
        return self._refusal(malformed.reason(exc), request.path if is_read else None)

    def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Any:
        """aiohttp's own refusals are text; ours are in the shape of the client's API.

        What its handler has sent to its end needs nothing more.
        """
        if resp._eof_sent and not self._upgraded:
            return _sent(resp)
        if resp.status >= 400 and isinstance(resp, web.HTTPException):
            resp = self._refusal(malformed.reason(resp), request.path)
        return super().finish_response(request, resp, start_time)

    def _refusal(self, error: PaddockError, path: str | None) -> web.Response:
        target = malformed.target_of(self._head) if path is None else path
        _log.info("refused %s: %s", malformed.shown(target), malformed.shown(str(error)))
        response = errors.refusal(error, malformed.surface_of(target).shape)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Only what is a fault of ours is worth a traceback."""
        error = kw.get("exc_info")
        if not isinstance(error, ConnectionError) and malformed.is_ours(error):
            super().log_exception(*args, **kw)


async def _sent(response: web.StreamResponse) -> tuple[web.StreamResponse, bool]:
    """As aiohttp's `finish_response` gives it: the client has not left."""
    return response, False


def _queued(transport: asyncio.Transport) -> int:
    """What the kernel holds of it: sent and not acknowledged, or not sent (`SIOCOUTQ`, tcp(7))."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return 0
    answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])
