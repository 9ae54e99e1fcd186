"""Replies to POSTs whose head is made here: one of known length, sent in one write, and a chunked one.

They are what aiohttp's own replies send, without its coroutines: of what aiohttp decides for each reply
(compression, cookies, bodies that must be empty, hooks) nothing can come up here. Used where `fits`
says so. The names with an underscore are aiohttp's own (3.14).
"""

from typing import Any

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_writer import StreamWriter, _serialize_headers
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict

_EMPTY = frozenset({204, 205, 304})


def fits(request: web.Request, status: int) -> bool:
    """Whether a reply with this status can be sent this way. Our hooks only look at `Origin` of POSTs."""
    is_plain = request.method == "POST" and request.version == HttpVersion11
    return is_plain and "Origin" not in request.headers and status not in _EMPTY


class _OwnReply(web.StreamResponse):
    """One whose head is made here."""

    def __init__(self, status: int, headers: CIMultiDict[str]) -> None:
        """`headers`: it takes them over."""
        super().__init__(status=status, _real_headers=headers)

    def _head(self, request: BaseRequest) -> bytes:
        """Status line and headers, as they are sent."""
        headers = self._headers
        headers[hdrs.DATE] = rfc822_formatted_time()
        headers[hdrs.SERVER] = SERVER_SOFTWARE
        headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        if not self._keep_alive:
            headers[hdrs.CONNECTION] = "close"
        return _serialize_headers(f"HTTP/1.1 {self._status} {self._reason}", headers)


class WholeReply(_OwnReply):
    """Sent with `prepare`, all of it."""

    def __init__(self, status: int, headers: CIMultiDict[str], body: bytes) -> None:
        super().__init__(status, headers)
        self._whole = body

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        if not self._eof_sent:
            writer: Any = request.writer
            self._headers[hdrs.CONTENT_LENGTH] = str(len(self._whole))
            writer._write(self._head(request) + self._whole)
            self._eof_sent = True
            await writer.drain()
        return None


class StreamedReply(_OwnReply):
    """In chunks; its head goes with the first of them, unless it is sent before."""

    def begin(self, request: BaseRequest) -> StreamWriter:
        """Make the head; the writer sends it."""
        writer: Any = request.writer
        self._req, self._payload_writer = request, writer
        writer.enable_chunking()
        self._headers[hdrs.TRANSFER_ENCODING] = "chunked"
        writer._headers_buf = self._head(request)
        return writer  # type: ignore[no-any-return]
