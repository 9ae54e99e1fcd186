"""One reply of an instance, as it arrives: its head, then its body, piece by piece or poured.

Nothing here is asked for: a `Link` (`link.py`) fills it from the socket. Between the two there is
back-pressure: once a reply holds 64 KiB that nobody has taken, its link reads no further.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

_MOST = 1 << 16  # bytes that may wait to be taken


class Torn(ConnectionError):
    """The reply ended before it was whole, or is not HTTP."""


class Unanswered(ConnectionError):
    """The connection was closed before a byte of a reply: the request may be sent once more."""


class Inflow(Protocol):
    """The connection that a reply arrives on."""

    loop: asyncio.AbstractEventLoop

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


class Outlet(Protocol):
    """Where a reply's body is poured."""

    def opens(self, reply: "Reply") -> bool:
        """Its head is here. Whether its body is to be poured from now on; never raises."""

    def take(self, piece: bytes, *, is_last: bool) -> bool:
        """Send it on. Whether more may come at once; never raises."""


class Reply:
    """What an instance answers. `headers`: names and values as they came, in their order."""

    __slots__ = (
        "_error",
        "_held",
        "_inflow",
        "_is_full",
        "_offered",
        "_outlet",
        "_pieces",
        "_waiter",
        "headers",
        "is_whole",
        "length",
        "same",
        "status",
        "total_bytes",
        "was_poured",
    )

    def __init__(self, inflow: Inflow, outlet: Outlet | None = None) -> None:
        """`outlet`: may have the body poured as soon as the head is there, before anybody wakes."""
        self.status = 0  # until its head is there
        self.headers: list[tuple[bytes, bytes]] = []
        self.length: int | None = None  # of the body, where the head says it
        self.same: tuple[tuple[bytes, bytes], ...] = ()  # the headers without that length
        self.total_bytes = 0  # of the body, so far
        self.is_whole = False  # all of it is here, though not all may be taken
        self.was_poured = False  # all of it went to the outlet that opened, and would take more
        self._inflow = inflow
        self._pieces: list[bytes] = []
        self._held = 0  # bytes of these pieces
        self._offered = outlet
        self._outlet: Outlet | None = None
        self._is_full = False  # the outlet takes no more now
        self._error: ConnectionError | None = None
        self._waiter: asyncio.Future[None] | None = None

    # ---- for whoever asked ----

    def header(self, name: bytes) -> str:
        """The first value of a header, its name in small letters; empty where there is none."""
        return next((v.decode("latin-1") for n, v in self.headers if n.lower() == name), "")

    @property
    def has_more(self) -> bool:
        """Whether some of its body is here, and was not taken."""
        return bool(self._pieces)

    @property
    def content_type(self) -> str:
        """Without its parameters."""
        return self.header(b"content-type").partition(";")[0].strip()

    async def begun(self) -> None:
        """Wait for its head; where an outlet opened for it, until `pour` has something to do or say.

        Raises Unanswered or Torn where none comes.
        """
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._news()

    async def some(self) -> bytes:
        """What has come of its body, at least a byte; empty at its end. Raises Torn."""
        while not self._pieces:
            if self._is_over():
                return b""
            await self._news()
        return self._taken()

    async def whole(self) -> bytes:
        """All that is left of its body. Raises Torn."""
        pieces = []
        while not self.is_whole:
            pieces.append(await self.some())
        return b"".join((*pieces, self._taken()))

    def rest(self) -> bytes:
        """The same at once, of a reply that is whole."""
        return self._taken()

    async def peek(self) -> bytes:
        """All of its body, which stays to be taken. For short ones. Raises Torn."""
        content = await self.whole()
        self._pieces, self._held = [content] if content else [], len(content)
        return content

    async def pour(self, outlet: Outlet) -> bool:
        """Have the outlet take the body as it comes, within the very call that reads it.

        Returns False at its end, True where the outlet takes no more for now: wait for it, and pour
        again. Raises Torn once all that came has been poured.
        """
        self._outlet = outlet
        try:
            if not self._is_full:  # as one may be that opened earlier
                self._push()
            while not self._is_full:
                if self._is_over():
                    return False
                await self._news()
            return True
        finally:
            self._outlet, self._is_full = None, False

    def on_news(self, call: Callable[["asyncio.Future[None]"], None]) -> None:
        """Have this called once, soon, where `begun` or `pour` would return or raise: for who has no task to wait in."""
        self._news().add_done_callback(call)

    def close(self) -> None:
        """Leave it. What is not whole yet ends: the instance sees its client hang up."""
        if not self.is_whole:
            self._inflow.close()

    # ---- for its link ----

    def take(self, body: list[bytes]) -> None:
        """These parts of its body came; the list is emptied."""
        if body:
            piece = body[0] if len(body) == 1 else b"".join(body)
            body.clear()
            self._pieces.append(piece)
            self._held += len(piece)
            self.total_bytes += len(piece)

    def arrived(self) -> None:
        """All that could be read now was added, and the head is there."""
        if self._offered is not None:
            offered, self._offered = self._offered, None
            self._outlet = offered if offered.opens(self) else None
        if self._outlet is not None:
            self._push()
            if not (self._is_full or self.is_whole or self._error):
                return  # nobody needs to wake
            if self.is_whole and not self._is_full:
                self.was_poured, self._outlet = True, None  # which holds its source, this reply
        elif self._held > _MOST and not self.is_whole:
            self._inflow.pause()
        self._wake()

    def end(self) -> None:
        """It is whole; its link is free."""
        self.is_whole = True

    def fail(self, error: ConnectionError) -> None:
        """No more will come of it."""
        if not self.is_whole and self._error is None:
            self._error = error
            self._wake()

    # ---- within ----

    def _is_over(self) -> bool:
        if self._error is not None:
            raise self._error
        return self.is_whole

    def _push(self) -> None:
        if not self._pieces or self._outlet is None:
            return
        if not self._outlet.take(self._taken(), is_last=self.is_whole):
            self._is_full = True
            if not self.is_whole:
                self._inflow.pause()

    def _taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        self._held = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _news(self) -> "asyncio.Future[None]":
        """To be awaited: more has come. A future, since another coroutine would take a µs of each wait."""
        self._inflow.resume()
        self._waiter = waiter = self._inflow.loop.create_future()
        return waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
