"""A JSON list on its way to a client: whole where it is short, else in pieces as its rows are made.

The list of thousands of models has megabytes, which neither the daemon nor its sockets need hold at once.
"""

import msgspec
from aiohttp import web

_PIECE = 256 << 10  # bytes


class Sheet:
    """The reply to one request; rows are written, then it is ended."""

    def __init__(self, request: web.Request, empty: object, field: str = "data") -> None:
        """`empty`: the whole document, with no rows in this field."""
        self._request, self._mark = request, f'"{field}":['.encode()
        self._buffer = bytearray(self._split(empty)[0])
        self._response: web.StreamResponse | None = None
        self._has_rows = False

    def _split(self, document: object) -> tuple[bytes, bytes]:
        head, mark, tail = msgspec.json.encode(document).partition(self._mark + b"]")
        return head + mark[:-1], b"]" + tail

    async def add(self, row: object) -> None:
        """One more row."""
        if self._has_rows:
            self._buffer += b","
        self._has_rows = True
        self._buffer += msgspec.json.encode(row)
        if len(self._buffer) >= _PIECE and self._request.method != "HEAD":
            await self._send()

    async def end(self, document: object) -> web.StreamResponse:
        """The reply; `document`: as `empty`, with what is known now of the fields behind the rows."""
        self._buffer += self._split(document)[1]
        if self._response is None:
            return web.Response(body=bytes(self._buffer), content_type="application/json")
        await self._send()
        await self._response.write_eof()
        return self._response

    async def _send(self) -> None:
        if self._response is None:
            self._response = web.StreamResponse(headers={"content-type": "application/json"})
            await self._response.prepare(self._request)
        piece, self._buffer = bytes(self._buffer), bytearray()
        await self._response.write(piece)
