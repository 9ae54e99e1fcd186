"""The part of a connection that serves requests without a handler, see `direct.py`.

The names with an underscore that are not here are aiohttp's own (3.14).
"""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from paddock.http.direct import DirectRequest
from paddock.http.one_task import OneTask


class WithoutHandler(OneTask):
    """Serves such a request while the task of its connection waits for the next one."""

    def __init__(self, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._direct: DirectRequest | None = None  # the request that is served so
        self._early = b""  # what its client has sent meanwhile
        self._end: asyncio.Future[None] | None = None  # of it, made for who waits
        self._begun: DirectRequest | None = None  # what a handler goes on with

    # ---- for whoever serves it ----

    def send(self, data: bytes) -> None:
        """Send it, unless the client has left."""
        if self.transport is not None:
            self.transport.write(data)

    def served(self) -> None:
        """The reply is out, to its end: the next request may come."""
        self._end_direct()
        if self._close or not self._stays_open():
            self.force_close()
        else:
            self._take_early()

    def to_handler(self, message: RawRequestMessage, body: bytes, begun: DirectRequest) -> None:
        """Have the usual handler go on with it, which finds `begun` here."""
        self._end_direct()
        self._begun = begun
        self._queue(message, body)
        self._take_early()

    def begun(self) -> DirectRequest | None:
        """What the handler that asks is to go on with; it is its own then."""
        begun, self._begun = self._begun, None
        return begun

    def _queue(self, message: RawRequestMessage, body: bytes) -> None:
        """For the task of this connection."""
        raise NotImplementedError

    def _end_direct(self) -> None:
        self._direct = None
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    # ---- what may come meanwhile ----

    def _keep_early(self, data: bytes) -> None:
        """A client that does not wait for its reply is read no further until it is there."""
        self._early += data
        self._pause_transport_reading()

    def _take_early(self) -> None:
        if early := self._early:
            self._early = b""
            self._resume_transport_reading()
            self.data_received(early)

    def connection_lost(self, exc: BaseException | None) -> None:
        for direct in filter(None, (self._direct, self.begun())):
            direct.left()
        self._end_direct()
        super().connection_lost(exc)

    def close(self) -> None:
        """After what is being served, which may still need its handler."""
        if self._direct is None:
            super().close()
        self._close = True

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  # as aiohttp has it
        """As aiohttp's, which knows of handlers alone."""
        if self._direct is not None:
            self._end = self._loop.create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._end
        await super().shutdown(timeout)

    def _process_keepalive(self) -> None:
        if self._direct is not None:  # it is not idle: look again later
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()
