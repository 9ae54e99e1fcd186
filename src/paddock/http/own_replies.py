"""Replies to POSTs whose head is made here: one of known length, sent in one write, and a chunked one.

They are what aiohttp's own replies send, without its coroutines: of what aiohttp decides for each reply
(compression, cookies, bodies that must be empty, hooks) nothing can come up here. Used where request and
status allow it. The names with an underscore are aiohttp's own (3.14).
"""

from typing import Any

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_writer import StreamWriter, _serialize_headers
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import REASON_PHRASES
from multidict import CIMultiDict

from paddock.http.client_link import link_of

EMPTY = frozenset({204, 205, 304})  # statuses of replies that have no body
_OF_ONE_REPLY = (hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING, hdrs.DATE, hdrs.CONNECTION)


def is_plain(request: web.Request) -> bool:
    """Whether replies to it can be sent this way. Our hooks only look at `Origin` of POSTs."""
    memo = link_of(request).memo
    if memo.is_plain is None:
        is_usual = request.method == "POST" and request.version == HttpVersion11
        memo.is_plain = is_usual and hdrs.ORIGIN not in request.headers
    return memo.is_plain


def head_of(status: int, headers: CIMultiDict[str]) -> bytes:
    """A reply's head as far as it is the same each time: what `OwnReply` sends, and ends. Changes `headers`."""
    headers[hdrs.SERVER] = SERVER_SOFTWARE
    headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")
    for name in _OF_ONE_REPLY:
        headers.popall(name, None)
    head = _serialize_headers(f"HTTP/1.1 {status} {REASON_PHRASES.get(status, '')}", headers)
    return bytes(head[:-2])  # without the empty line


class OwnReply(web.StreamResponse):
    """One whose head is made here. Its `headers` are empty: nobody looks at them."""

    def __init__(self, status: int, head: bytes) -> None:
        """`head`: as `head_of` gives it. The rest is what aiohttp's own sets, without its questions."""
        self._state, self._headers = {}, CIMultiDict()
        self._status, self._reason = status, ""
        self._begins = head

    def sent(self, request: BaseRequest) -> bool:
        """Send what is to be sent, if that can be done at once. Whether it is over. ConnectionError."""
        raise NotImplementedError

    def _head(self, request: BaseRequest, framing: bytes) -> bytes:
        """Status line and headers, as they are sent; `framing`: the line that says where its body ends."""
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        last = b"\r\n" if self._keep_alive else b"Connection: close\r\n\r\n"
        date = rfc822_formatted_time().encode()
        return b"%b%b\r\nDate: %b\r\n%b" % (self._begins, framing, date, last)


class WholeReply(OwnReply):
    """Of known length, sent in one write."""

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        super().__init__(status, head)
        self._whole = body

    def sent(self, request: BaseRequest) -> bool:
        writer: Any = request.writer
        if not self._eof_sent:
            head = self._head(request, b"Content-Length: %d" % len(self._whole))
            writer._write(head + self._whole)
            self._eof_sent = True
        return not writer.protocol.writing_paused

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Send it, and wait until its client takes it."""
        if not self.sent(request):
            await request.writer.drain()
        return None


class StreamedReply(OwnReply):
    """In chunks; its head goes with the first of them, unless it is sent before."""

    def begin(self, request: BaseRequest) -> StreamWriter:
        """Make the head; the writer sends it."""
        writer: Any = request.writer
        self._req, self._payload_writer = request, writer
        writer.enable_chunking()
        writer._headers_buf = self._head(request, b"Transfer-Encoding: chunked")
        return writer  # type: ignore[no-any-return]

    def note_end(self) -> None:
        """Its last chunk is out: what aiohttp's `write_eof` would find, and note."""
        self._eof_sent, self._req, self._payload_writer = True, None, None

    def sent(self, request: BaseRequest) -> bool:
        return self._eof_sent
