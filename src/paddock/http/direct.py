"""Requests that are served without a handler: within the very calls that read their bytes, and those of the reply.

Only the front of a stable has such a way (`cluster/front/direct.py`): a relay that decides little is mostly
tasks that wake each other. It takes what it is sure of, and gives the rest, at any point, to the usual handler,
which goes on from there.
"""

from typing import Protocol

from aiohttp.http_parser import RawRequestMessage


class DirectClient(Protocol):
    """The connection that such a request came on; `connection.py` is it."""

    @property
    def writing_paused(self) -> bool:
        """Whether there is more for the client than it takes."""

    def send(self, data: bytes) -> None:
        """Send it, unless the client has left."""

    def served(self) -> None:
        """The reply is out, to its end: the next request may come."""

    def to_handler(self, message: RawRequestMessage, body: bytes, begun: "DirectRequest") -> None:
        """Have the usual handler go on with it, which finds `begun` at its connection."""


class DirectRequest(Protocol):
    """One request on its way."""

    def left(self) -> None:
        """Its client has gone."""


class DirectWay(Protocol):
    """What serves requests with one head, without a handler."""

    def begin(
        self, client: DirectClient, message: RawRequestMessage, body: bytes
    ) -> DirectRequest | None:
        """Serve one from now on; None: its handler must."""
