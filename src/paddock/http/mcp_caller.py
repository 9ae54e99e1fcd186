"""Who called a tool, and how it hears of progress."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from paddock.api import mcp
from paddock.api.events import AnyEvent, SwitchProgress
from paddock.api.types import Progress
from paddock.http.front import Front
from paddock.http.surfaces import describe

_STEP = 0.0001  # each notification must be greater than the one before, also where nobody can count


@dataclass(slots=True)
class Caller:
    """Who called, and how progress is sent to it."""

    front: Front
    request: web.Request
    token: mcp.Id | None
    tell: Callable[[bytes], None]
    _value: float = field(default=0.0)
    _said: str = field(default="")

    def progress(self, text: str, fraction: float | None = None) -> None:
        """Say how far it is, where the client asked for that and has not heard it yet."""
        if self.token is None or text == self._said:
            return
        self._said = text
        self._value = max(fraction or 0.0, self._value + _STEP)
        total = 1.0 if self._value <= 1.0 else None
        self.tell(mcp.progress(self.token, round(self._value, 4), total, text))

    @asynccontextmanager
    async def watching(self, profile: str) -> AsyncIterator[None]:
        """Report this profile's load for the length of the block."""
        with self.front.daemon.bus.subscribe(None) as changes:
            reports = asyncio.ensure_future(self._follow(changes, profile))  # ended below
            try:
                yield
            finally:
                reports.cancel()

    async def _follow(self, changes: AsyncIterator[AnyEvent], profile: str) -> None:
        async for event in changes:
            if isinstance(event, SwitchProgress) and event.profile == profile:
                self._loading(profile, event.progress)

    def _loading(self, profile: str, progress: Progress) -> None:
        fraction = progress.fraction if progress.stage == "loading" else None
        self.progress(describe(profile, progress), fraction)
