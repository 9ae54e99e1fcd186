"""Signs of life after admission: while a prompt waits for a slot or is read, an instance says nothing.

Clients give up on silence, however long it is meant to be: Codex counts events only, and llama-server's
own sign is a comment every 30 s, which begins with its prompt. What is said here stands between two
events. A timer for each request; nothing is added to the way of the pieces.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol

from paddock.http.surfaces import describe

if TYPE_CHECKING:
    from paddock.daemon.lease import Lease


class Voice(Protocol):
    """The way to the client."""

    last: bytes  # what was relayed last

    def pulse(self, text: str, *, may_begin: bool) -> None:
        """A sign of life where one may stand; the head before it only if it may begin."""


class Pulse:
    """Beats whenever nothing was said for a while, from `start` to `stop`."""

    __slots__ = ("_every", "_lease", "_profile", "_seen", "_timer", "_voice", "may_begin")

    def __init__(self, voice: Voice, every: float, profile: str, lease: "Lease") -> None:
        """`every`: seconds of silence between two signs, which say how far this lease is."""
        self._voice, self._every = voice, every
        self._profile, self._lease = profile, lease
        self._seen = b""
        self._timer: asyncio.TimerHandle | None = None
        self.may_begin = True  # until the instance's own head is here

    def start(self, after: float) -> None:
        """The first sign comes `after` so many seconds, if nothing else does."""
        self._timer = asyncio.get_running_loop().call_later(after, self._due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every, self._due)
        said, seen = self._voice.last, self._seen
        self._seen = said
        if said is seen or said.startswith(b":"):  # a comment of llama-server's
            text = describe(self._profile, self._lease.progress)
            self._voice.pulse(text, may_begin=self.may_begin)
