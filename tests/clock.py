"""A clock that a test moves."""

from collections.abc import Callable

from paddock.daemon.clock import Clock


class SetClock(Clock):
    """Shows what the test says; as a time of day, the same number in words."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now()

    def time_of(self, moment: float) -> str:
        return f"at {moment:.0f}"
