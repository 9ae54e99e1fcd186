"""Asks an instance over its Unix socket, on connections that are kept for the next request.

llama-server closes a connection that was idle for 5 s, or served 100 requests. It may do so in the
moment in which one is used again; then, and only before a byte of a reply, the request is sent once
more.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Protocol

from paddock.llama.link import Link
from paddock.llama.reply import Outlet, Reply, Unanswered

IDLE = 4.0  # seconds for which a connection is kept; llama-server closes it after 5
_SLICE = 1 << 16
_IN_ONE_PIECE = 1 << 18  # bytes; a larger body is handed over slice by slice, with back-pressure
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # in a header's value
_FORBIDDEN_IN_PATH = re.compile(r"[\x00-\x20\x7f]")
_SPACE = 1 << 18  # bytes that are read at a time
_FEW = 4  # requests at a time
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Spool(Protocol):
    """A body that is not in memory."""

    def __len__(self) -> int: ...
    def slices(self) -> AsyncIterator[bytes]: ...


Body = bytes | Spool | None


class Pool:
    """The connections to one instance."""

    host, idle = "instance", IDLE  # what requests name, and seconds for which a connection is kept

    def __init__(self, socket: str = "") -> None:
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self.space = memoryview(bytearray(_SPACE))
        self._socket = socket
        self._links: set[Link] = set()
        self._idle: list[Link] = []  # the one used last is the last
        self._sweep: asyncio.TimerHandle | None = None

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Body,
        outlet: Outlet | None = None,
        *,
        anew: bool = False,
    ) -> Reply:
        """Send, and return when the reply's head is there; where `outlet` opened for it, when it is over,
        or more than the outlet takes. `anew`: on a new connection, as one that was kept has just been closed.

        Raises OSError where nobody listens, Torn or Unanswered where no reply comes, ValueError
        where path or headers cannot be sent.
        """
        head = _head(self.host, method, path, headers, body)
        try:
            if not anew:
                return await self._ask(method, head, body, outlet)
        except Unanswered:  # another that was kept may be closed in the same moment
            pass
        return await self._ask(method, head, body, outlet, link=await self._connected())

    async def _ask(
        self,
        method: str,
        head: bytes,
        body: Body,
        outlet: Outlet | None,
        *,
        link: Link | None = None,
    ) -> Reply:
        """`link`: the one to use; None: one that was kept, or a new one."""
        link = link or self.kept() or await self._connected()
        is_small = body is None or (isinstance(body, bytes) and len(body) <= _IN_ONE_PIECE)
        whole = head + body if is_small and isinstance(body, bytes) else head
        reply = link.ask(whole, outlet, is_head=method == "HEAD", is_all=is_small)
        try:
            if not is_small and body is not None:
                await _send(link, body)
            await reply.begun()
        except BaseException:
            link.close()
            raise
        return reply

    def kept(self) -> Link | None:
        """A connection that can be used again, now the asker's own; None where there is none."""
        now = self.loop.time()
        while self._idle:
            link = self._idle.pop()
            if link.is_open and now - link.idle_since < self.idle:
                return link
            link.close()
        return None

    async def _connected(self) -> Link:
        if self.closed:
            raise ConnectionError("it is being stopped")
        link = await self.opened()
        if self.closed:
            link.close()
            raise ConnectionError("it is being stopped")
        self._links.add(link)
        return link

    async def opened(self) -> Link:
        """A new connection. Raises OSError where nobody listens."""
        _, link = await self.loop.create_unix_connection(lambda: Link(self), self._socket)
        return link

    async def close(self) -> None:
        """Hang up everywhere, and return when all sockets are closed."""
        self.closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        links = list(self._links)
        for link in links:
            link.close()
        for link in links:
            await link.wait_closed()

    # ---- for its links ----

    @property
    def is_crowded(self) -> bool:
        """Whether more than a few are being answered, or were a moment ago."""
        return len(self._links) > _FEW

    def put_back(self, link: Link) -> None:
        """It served its request, and can serve another."""
        link.idle_since = self.loop.time()
        self._idle.append(link)
        if self._sweep is None:
            self._sweep = self.loop.call_later(self.idle, self._close_idle)

    def lost(self, link: Link) -> None:
        """Its connection is closed."""
        self._links.discard(link)
        if link in self._idle:
            self._idle.remove(link)

    def _close_idle(self) -> None:
        """Close those that were idle for too long; the first was used longest ago."""
        now = self.loop.time()
        old = [link for link in self._idle if now - link.idle_since >= self.idle]
        for link in old:
            self._idle.remove(link)
            link.close()
        oldest = min((link.idle_since for link in self._idle), default=None)
        self._sweep = None
        if oldest is not None:
            self._sweep = self.loop.call_at(oldest + self.idle, self._close_idle)


async def _send(link: Link, body: bytes | Spool) -> None:
    """A large body, as fast as it is read; no further once the reply is there."""
    left = len(body)
    async for piece in _slices(body) if isinstance(body, bytes) else body.slices():
        left -= len(piece)
        if not await link.send(piece, is_last=left <= 0):
            return


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _SLICE):
        yield body[start : start + _SLICE]


def _head(host: str, method: str, path: str, headers: Mapping[str, str], body: Body) -> bytes:
    head = beginning(host, method, path, tuple(headers.items()), has_body=bool(body))
    if body or method not in _BODILESS:
        return head + b"Content-Length: %d\r\n\r\n" % (len(body) if body is not None else 0)
    return head + b"\r\n"


@lru_cache(maxsize=16)  # few, as a client may send 70 KiB of them; its requests hardly differ
def beginning(
    host: str, method: str, path: str, headers: tuple[tuple[str, str], ...], *, has_body: bool
) -> bytes:
    """All lines of a request's head but the length of its body. Raises ValueError where it cannot be sent."""
    if _FORBIDDEN.search("".join(value for _, value in headers)) or _FORBIDDEN_IN_PATH.search(path):
        raise ValueError("a control character stands in the request's head")
    lines = [f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    names = {name for name, _ in headers}
    if has_body and "Content-Type" not in names:
        lines.append("Content-Type: application/octet-stream\r\n")
    if "Accept" not in names:
        lines.append("Accept: */*\r\n")
    return "".join(lines).encode()
