"""The head of a connection's last request, so that the same head again need not be read again.

A client sends the same head with each request of a connection, but for the length of the body: parsing it
anew, and working out anew whose it is and what an instance may see of it, was a fifth of a request's time.
A head is remembered only where it was read by aiohttp's parser, and nothing in it but that length can differ.
"""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.helpers import TimerNoop
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from aiohttp import web

    from paddock.core.model import Asker
    from paddock.http.direct import DirectWay

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,7})\r\n", re.IGNORECASE)
_DIGITS = 8  # of a length, and the line's end
_LONGEST = 1 << 13  # bytes of a head; one is kept for each connection
_LOW_WATER = 1 << 16
_NO_TIMER = TimerNoop()


class HeadMemo:
    """What was worked out from a head, and holds for each request of its connection with that head.

    None: not yet. Each is the affair of the module named beside it.
    """

    __slots__ = ("asker", "client", "direct", "handle", "is_let_in", "is_plain", "upstream")

    def __init__(self) -> None:
        self.handle: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = (
            None  # short_way
        )
        self.is_let_in = False  # server: by the guard, whatever its key
        self.asker: Asker | None = None  # askers
        self.client: tuple[str | None, ...] | None = None  # resent
        self.upstream: Mapping[str, str] | None = (
            None  # upstream: the headers that an instance may see
        )
        self.is_plain: bool | None = None  # own_replies
        self.direct: DirectWay | None = None  # direct


class LastHead:
    """A head that was parsed, and its bytes around the length of the body."""

    __slots__ = ("_after", "_before", "_length", "memo", "message")

    def __init__(
        self, message: RawRequestMessage, before: bytes, length: bytes, after: bytes
    ) -> None:
        self.message = message  # of the request that came last
        self.memo = HeadMemo()
        self._before, self._length, self._after = before, length, after

    def body_of(self, data: bytes) -> bytes | None:
        """The body, where these bytes are this head again with the whole body behind it. `message` is theirs then."""
        begins = self.end_in(data)
        if not begins:
            return None
        length = data[len(self._before) : begins - len(self._after)]
        body = data[begins:]
        if len(body) != int(length):
            return None
        if length != self._length:
            self._length, self.message = length, _with_length(self.message, length.decode())
        return body

    def end_in(self, data: bytes) -> int:
        """Where the body begins, where these bytes begin with this head, whatever its length; else 0."""
        before, after = self._before, self._after
        if not data.startswith(before):
            return 0
        begins = len(before)
        ends = data.find(b"\r", begins, begins + _DIGITS)
        is_same = ends > 0 and data[begins:ends].isdigit() and data.startswith(after, ends)
        return ends + len(after) if is_same else 0


def learned(data: bytes, message: RawRequestMessage) -> LastHead | None:
    """What to remember of a request's head that was read from these bytes, which begin with it."""
    ends, found = data.find(_END), _LENGTH.search(data)
    if not 0 < ends < _LONGEST or found is None or found.end() > ends + 2:
        return None
    headers = message.headers
    is_usual = (
        data[:ends].count(b"\n") == len(message.raw_headers)  # a line for each, so it ends there
        and headers.getall(hdrs.CONTENT_LENGTH) == [found[1].decode()]
        and message.method == hdrs.METH_POST
        and not (message.chunked or message.upgrade or message.should_close)
        and hdrs.EXPECT not in headers
    )
    if not is_usual:
        return None
    begins, stops = found.span(1)
    return LastHead(message, data[:begins], found[1], data[stops : ends + len(_END)])


def bytes_due(data: bytes, message: RawRequestMessage) -> int:
    """How many bytes of this request are still to come; below 0: nobody knows, or the next has begun.

    `data`: what came so far, which begins with its head.
    """
    ends = data.find(_END)
    is_known = ends > 0 and data[:ends].count(b"\n") == len(message.raw_headers)
    if not is_known or message.chunked or message.upgrade:
        return -1
    length = message.headers.get(hdrs.CONTENT_LENGTH, "0")
    return ends + len(_END) + int(length) - len(data) if length.isdecimal() else -1


def _with_length(message: RawRequestMessage, length: str) -> RawRequestMessage:
    headers = CIMultiDict(message.headers)
    headers[hdrs.CONTENT_LENGTH] = length
    raw = tuple(
        (name, length.encode() if name.lower() == b"content-length" else value)
        for name, value in message.raw_headers
    )
    return message._replace(headers=CIMultiDictProxy(headers), raw_headers=raw)


class WholeBody(StreamReader):
    """A body that is here already. The names with an underscore are aiohttp's own (3.14)."""

    __slots__ = ()

    def __init__(self, protocol: BaseProtocol, body: bytes, loop: "AbstractEventLoop") -> None:
        self._protocol, self._loop = protocol, loop
        self._low_water, self._high_water = _LOW_WATER, _LOW_WATER * 2
        self._low_water_chunks, self._high_water_chunks = 2, 4
        self._size = self.total_bytes = len(body)
        self._cursor = self._buffer_offset = self._eof_counter = 0
        self._http_chunk_splits = None
        self._buffer = deque((body,) if body else ())
        self._eof = True
        self._waiter = self._eof_waiter = self._exception = None
        self._timer: Any = _NO_TIMER
        self._eof_callbacks = []
        self.total_compressed_bytes = None

    def taken(self) -> bytes:
        """All of it. As `read_nowait`, which asks whether it may read on."""
        self._size, self._cursor = 0, self.total_bytes
        return self._buffer.popleft() if self._buffer else b""
