"""What handlers may ask of the connection that a request came on; `connection.py` is it."""

import asyncio
from typing import Protocol

from aiohttp import web

from paddock.http.direct import DirectRequest
from paddock.http.last_head import HeadMemo


class ClientLink(Protocol):
    """A client's connection, as the handler of one of its requests sees it."""

    transport: asyncio.Transport | None
    memo: HeadMemo  # of the request that is served

    @property
    def writing_paused(self) -> bool:
        """Whether there is more for the client than it takes."""

    def note_body(self, *, is_whole: bool) -> None:
        """A part of a request's body came, or is waited for."""

    def begun(self) -> DirectRequest | None:
        """What the handler that asks is to go on with; it is its own then."""

    def abort(self) -> None:
        """Close it at once, whatever it is at."""

    async def drained(self) -> None:
        """Until the client takes more. ConnectionError where it has left."""


def link_of(request: web.Request) -> ClientLink:
    """The connection of this request."""
    link: ClientLink = request.protocol  # type: ignore[assignment]  # it is our `Connection`
    return link
