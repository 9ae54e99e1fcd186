"""Signs of life after admission: while a prompt waits for a slot or is read, an instance says nothing.

Clients give up on silence, however long it is meant to be: Codex counts events only, and llama-server's
own sign is a comment every 30 s, which begins with its prompt. What is said here stands between two
events. One timer for all; nothing is added to the way of the pieces.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol

from paddock.http.surfaces import describe

if TYPE_CHECKING:
    from paddock.daemon.lease import Lease


_EARLY = 0.001  # seconds: uvloop's timers go by whole milliseconds


class Voice(Protocol):
    """The way to the client."""

    last: bytes  # what was relayed last

    def pulse(self, text: str, *, may_begin: bool) -> None:
        """A sign of life where one may stand; the head before it only if it may begin."""


class Beating(Protocol):
    """Whoever has its time: a pulse."""

    every: float  # seconds between two beats

    def beat(self) -> None:
        """Its time has come."""


class Pulse:
    """Beats whenever nothing was said for a while, from `start` to `stop`."""

    __slots__ = ("_heart", "_lease", "_profile", "_seen", "_voice", "every", "may_begin")

    def __init__(
        self, heart: "Heart", voice: Voice, every: float, profile: str, lease: "Lease"
    ) -> None:
        """`every`: seconds of silence between two signs, which say how far this lease is."""
        self._heart, self._voice, self.every = heart, voice, every
        self._profile, self._lease = profile, lease
        self._seen = b""
        self.may_begin = True  # until the instance's own head is here

    def start(self, after: float) -> None:
        """The first sign comes `after` so many seconds, if nothing else does."""
        self._heart.add(self, after)

    def stop(self) -> None:
        self._heart.remove(self)

    def beat(self) -> None:
        """Its time has come."""
        said, seen = self._voice.last, self._seen
        self._seen = said
        if said is seen or said.startswith(b":"):  # a comment of llama-server's
            text = describe(self._profile, self._lease.progress)
            self._voice.pulse(text, may_begin=self.may_begin)


class Heart:
    """The timer of all pulses: one for each, which is set and taken back, is 4 µs of every request.

    Whoever is served in time is put in and taken out; the timer stays, and rings for those who are left.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # once it was asked for
        self._due: dict[Beating, float] = {}  # by the loop's clock
        self._timer: asyncio.TimerHandle | None = None

    def add(self, pulse: Beating, after: float) -> None:
        """It is to beat `after` so many seconds, and again and again."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        self._due[pulse] = at = loop.time() + after
        if self._timer is None or at < self._timer.when():
            self._set(loop, at)

    def remove(self, pulse: Beating) -> None:
        """It beats no more, if it ever did."""
        self._due.pop(pulse, None)

    def _set(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, now = None, loop.time()
        for pulse, at in self._due.items():
            if at <= now + _EARLY:
                self._due[pulse] = now + pulse.every
                loop.call_soon(
                    self._beat, pulse
                )  # by itself, so that an error is of this one alone
        if self._due:
            self._set(loop, min(self._due.values()))

    def _beat(self, pulse: Beating) -> None:
        if pulse in self._due:
            pulse.beat()
