"""A reply of known length to a POST, sent in one write.

It is what aiohttp's `Response` sends, by one coroutine instead of six: of what aiohttp decides for each
reply (chunks, compression, cookies, bodies that must be empty, hooks) nothing can come up here. Used
where `fits` says so. The names with an underscore are aiohttp's own (3.14).
"""

from typing import Any

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_writer import _serialize_headers
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict

_EMPTY = frozenset({204, 205, 304})


def fits(request: web.Request, status: int) -> bool:
    """Whether a reply with this status can be sent this way. Our hooks only look at `Origin` of POSTs."""
    is_plain = request.method == "POST" and request.version == HttpVersion11
    return is_plain and "Origin" not in request.headers and status not in _EMPTY


class WholeReply(web.StreamResponse):
    """Sent with `prepare`, all of it."""

    def __init__(self, status: int, headers: CIMultiDict[str], body: bytes) -> None:
        """`headers`: it takes them over."""
        super().__init__(status=status, _real_headers=headers)
        self._whole = body

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        if not self._eof_sent:
            writer: Any = request.writer
            self._complete_headers(request)
            line = f"HTTP/1.1 {self._status} {self._reason}"
            writer._write(_serialize_headers(line, self._headers) + self._whole)
            self._eof_sent = True
            await writer.drain()
        return None

    def _complete_headers(self, request: BaseRequest) -> None:
        headers = self._headers
        headers[hdrs.CONTENT_LENGTH] = str(len(self._whole))
        headers[hdrs.DATE] = rfc822_formatted_time()
        headers[hdrs.SERVER] = SERVER_SOFTWARE
        headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        if not self._keep_alive:
            headers[hdrs.CONNECTION] = "close"
