"""Reads the bodies of requests: decoded, whole, and bounded in size, in time and in memory.

A body is whole before anything is leased for it, so that a slow client holds nothing but its own
connection.
"""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from paddock.config.settings import Settings
from paddock.errors import BadRequest, BodyTooLarge
from paddock.http import coding, errors
from paddock.http.client_link import ClientLink, link_of
from paddock.http.content import SMALL, Buffer, Content, Sink, Store
from paddock.http.last_head import WholeBody
from paddock.http.outline import Piece

MIB = 1 << 20
_ORDER = MIB  # bytes; nothing that steers Paddock is longer


class Receiver:
    """Of all bodies of one front."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self._limit = settings.max_body * MIB
        self._timeout = settings.body_timeout or None

    def at_once(self, request: web.Request) -> bytes | None:
        """As `content`, for nearly all: what came with its head, is small, and as it is. None: it is another."""
        body = request.content
        if type(body) is WholeBody and body.total_bytes <= SMALL:
            return None if coding.coding_of(request.headers) else body.taken()
        if not body.is_eof() or body.total_bytes > SMALL or coding.coding_of(request.headers):
            return None
        return body.read_nowait()

    async def content(self, request: web.Request, limit: int = 0) -> Content:
        """What a model is asked, to be released by `store`; `limit`: bytes, 0 = as many as any may have.

        Raises BadRequest, BodyTooLarge, UnknownCoding, RequestTimeout or NoRoomForBody.
        """
        limit = limit or self._limit
        _check_length(request, limit)
        name, whole = coding.coding_of(request.headers), b""
        if request.content.is_eof() and not name:  # nearly always: it came with its head
            whole = request.content.read_nowait()
            if len(whole) <= SMALL:
                return whole
        return await self._received(request, whole, name, limit)

    async def order(self, request: web.Request) -> bytes:
        """What is asked of Paddock itself, in memory. Raises as `content` does."""
        found = await self.content(request, min(self._limit, _ORDER))
        self.store.release(found)
        assert isinstance(found, bytes), "so few bytes stay in memory"
        return found

    def check(self, request: web.Request) -> None:
        """Refuse what can be refused before it is read: BodyTooLarge, UnknownCoding."""
        _check_length(request, self._limit)
        coding.coding_of(request.headers)

    async def _received(self, request: web.Request, first: bytes, name: str, limit: int) -> Content:
        sink, decoder = Sink(self.store), coding.decoder(name)
        link = link_of(request)
        try:
            chunk = first or await self._in_time(request, link)
            while chunk:
                for piece in decoder.pieces(chunk):
                    await sink.take(piece)
                    _check_size(sink, limit)
                chunk = await self._in_time(request, link)
            decoder.end()
            return await sink.whole()
        except BaseException:
            sink.drop()
            raise
        finally:
            link.note_body(is_whole=True)

    async def _in_time(self, request: web.Request, link: ClientLink) -> bytes:
        """The next bytes, none at the end; RequestTimeout where nothing comes for too long."""
        link.note_body(is_whole=False)
        try:
            async with asyncio.timeout(self._timeout):
                return await _next(request)
        except TimeoutError:
            raise errors.late(
                "more of the request's body", "body-timeout", self._timeout or 0.0
            ) from None


class HeldBodies:
    """The bodies of one exchange; what they take is free again with `release`."""

    __slots__ = ("_contents", "_receiver")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._contents: list[Content] = []  # those that take room

    def at_once(self, request: web.Request) -> bytes | None:
        """The request's body where it is here already; None: it has to be `received`."""
        return self._receiver.at_once(request)

    async def received(self, request: web.Request) -> Content:
        """The request's body, whole. Raises as `Receiver.content` does."""
        content = await self._receiver.content(request)
        return content if len(content) <= SMALL else self._hold(content)

    def opened(self, content: Content) -> AbstractAsyncContextManager[Buffer]:
        """To look at it inside the block."""
        return self._receiver.store.opened(content)

    def outlined(self, content: Content) -> AbstractAsyncContextManager[Buffer]:
        """To look at the JSON inside the block, without the long strings of a large body."""
        return self._receiver.store.outlined(content)

    async def changed(self, content: Content, pieces: Iterable[Piece]) -> Content:
        """A body of these pieces in the place of another, which they may be views of."""
        if content not in self._contents:  # it was small, before an earlier change at least
            return b"".join(pieces)
        new = self._hold(await self._receiver.store.changed(content, pieces))
        self._contents.remove(content)
        self._receiver.store.release(content)
        return new

    def release(self) -> None:
        """All is over."""
        for content in self._contents:
            self._receiver.store.release(content)

    def _hold(self, content: Content) -> Content:
        self._contents.append(content)
        return content


async def _next(request: web.Request) -> bytes:
    try:
        return await request.content.readany()
    except web.RequestPayloadError as error:
        raise BadRequest("the body is not as its head says: its framing is broken") from error


def _check_length(request: web.Request, limit: int) -> None:
    if (request.content_length or 0) > limit:
        raise _too_large(limit)


def _check_size(sink: Sink, limit: int) -> None:
    if sink.size > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than {limit // MIB} MiB",
        hint="max-body in paddock.toml sets the limit",
    )
