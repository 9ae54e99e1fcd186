"""A timer for a deadline that moves with every event."""

import asyncio
from collections.abc import Callable

from paddock.daemon.clock import Clock


class Alarm:
    """Rings no later than at the deadline last set. It may ring too early, which does no harm:
    moving it for every request would cost more."""

    def __init__(self, ring: Callable[[], None], clock: Clock) -> None:
        self._ring, self._clock = ring, clock
        self._handle: asyncio.TimerHandle | None = None
        self._at = 0.0

    def set(self, deadline: float | None) -> None:
        """Ring at this moment of the clock; None: there is nothing to wait for."""
        if deadline is None or (self._handle and self._at <= deadline):
            return
        self.cancel()
        self._at = deadline
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(max(0.0, deadline - self._clock.now()), self._due)

    def cancel(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _due(self) -> None:
        self._handle = None
        self._ring()
