"""Lets clients in: as many as there are file descriptors for, and whoever does nothing first out.

A connection costs a descriptor, and being served a second one, to the instance. Were they used up,
nobody could connect, and no instance could be started. So their number is bounded, and a new client
takes the place of one that only holds its connection open. Who is served is never sent away.
"""

import asyncio
import heapq
import logging
import resource
from typing import Any, cast

from aiohttp import web

from paddock.config.settings import Settings
from paddock.errors import TooManyConnections
from paddock.http import malformed
from paddock.http.connection import Connection, State, Times

_log = logging.getLogger(__name__)

RESERVE = 256  # descriptors for instances, their logs, and files
_PER_CLIENT = 2  # descriptors: the client's connection, and one to the instance
_LEAST = 8
_BUNCH = 16  # how many that were never of use leave at once, so that a flood costs few looks
_TURNED = 32  # how many hear at a time that there is no room
_LINGER = 2.0  # seconds in which one that was turned away may read that
_FOR_EVER = 1e9
_MOMENTS, _MOMENT = 50, 0.01  # looks and seconds for a new client's first request, at the end
_LOOKS = (0.05, 1.0)  # seconds between two looks at all connections, at least and at most


def most_connections(wanted: int, reserve: int = RESERVE) -> int:
    """How many clients at a time: as many as wanted, where the soft limit of open files allows."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(_LEAST, min(wanted, (soft - reserve) // _PER_CLIENT))


class Door:
    """The protocol factory of all listening sockets, and the keeper of the times."""

    def __init__(
        self, server: web.Server, settings: Settings, *, most: int, options: dict[str, Any]
    ) -> None:
        """`options`: aiohttp's own for each connection."""
        self._server, self._most = server, most
        self._times = Times(
            settings.header_timeout or _FOR_EVER,
            settings.idle_timeout or _FOR_EVER,
            settings.reader_timeout or _FOR_EVER,
        )
        self._options = options | {"keepalive_timeout": self._times.idle}
        self._inside: set[Connection] = set()
        self._turned: set[Turned] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._was_full = False

    def __call__(self) -> asyncio.Protocol:
        """Whoever serves the connection that is being accepted."""
        if len(self._inside) < self._most or self._make_room():
            return Connection(self._server, self, **self._options)
        return Turned(self._turned)

    def entered(self, connection: Connection) -> None:
        self._inside.add(connection)

    def left(self, connection: Connection) -> None:
        self._inside.discard(connection)

    def _make_room(self) -> bool:
        """Whether somebody could be sent away: who was never of use first, the oldest of them."""
        found = ((c.state, c.since, id(c), c) for c in self._inside if c.state < State.SERVED)
        leaving = heapq.nsmallest(_BUNCH, found)
        useless = [c for state, *_, c in leaving if state <= State.HEAD]
        for connection in useless or [c for *_, c in leaving[:1]]:
            self.left(connection)
            connection.abort()
        self._say_full()
        return bool(leaving)

    def _say_full(self) -> None:
        if not self._was_full:
            self._was_full = True
            _log.warning(
                "%d connections are open, which is the most (max-connections, or the limit of open files): "
                "those that do nothing are closed for new ones",
                self._most,
            )

    # ---- times ----

    def watch(self) -> None:
        """Look at all connections from now on, every now and then, until `close`."""
        pause = min(max(_LOOKS[0], min(self._times) / 4), _LOOKS[1])
        self._look_again(asyncio.get_running_loop(), pause)

    def _look_again(self, loop: asyncio.AbstractEventLoop, pause: float) -> None:
        self._timer = loop.call_later(pause, self._look_again, loop, pause)
        now = loop.time()
        self._was_full = self._was_full and len(self._inside) >= self._most // 2
        for connection in tuple(self._inside):
            connection.look(now, self._times)

    async def heard(self) -> None:
        """Return when whoever has just come in was heard: its request may be on its way, and it would not
        ask again. Those that say nothing are waited for no longer than a moment."""
        for _ in range(_MOMENTS):
            if not any(connection.is_expected for connection in self._inside):
                return
            await asyncio.sleep(_MOMENT)

    def close(self) -> None:
        """Look no more, and send away who was turned away."""
        if self._timer is not None:
            self._timer.cancel()
        for turned in tuple(self._turned):
            turned.end()


class Turned(asyncio.Protocol):
    """A client for whom there is no room: it hears so in its own API's words, and is closed."""

    def __init__(self, all_of_them: "set[Turned]") -> None:
        self._all = all_of_them
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's own, and no subclass of it
        if len(self._all) >= _TURNED:
            transport.abort()
            return
        self._all.add(self)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(_LINGER, self.end)

    def data_received(self, data: bytes) -> None:
        """What its head asks for and accepts says how to answer; the rest is thrown away."""
        if self._is_answered or self._transport is None:
            return
        self._is_answered = True
        error = TooManyConnections(
            "too many clients are being served at once",
            hint="try again in a moment; max-connections and the limit of open files bound them",
        )
        surface = malformed.surface_of(malformed.target_of(data))
        self._transport.write(malformed.raw(error, surface, malformed.accepted_in(data)))
        self._transport.write_eof()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._all.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def end(self) -> None:
        if self._transport is not None:
            self._transport.abort()
