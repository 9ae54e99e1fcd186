"""The daemon's time: seconds that never go back, and the times of day that they stand for."""

import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time


def timestamp() -> str:
    """Now, in UTC, to the millisecond."""
    return time_in_utc(datetime.now(UTC))


class Clock:
    """Gives the monotonic time by which everything is measured. Tests have one that they set."""

    # Seconds since some moment. Python's own function, as it is asked six times for each request.
    now = staticmethod(time.monotonic)

    def time_of(self, moment: float) -> str:
        """The time of day of a moment of this clock, in UTC, to the millisecond."""
        return time_in_utc(datetime.now(UTC) - timedelta(seconds=self.now() - moment))


def time_in_utc(then: datetime) -> str:
    """In ISO 8601, to the millisecond: comparable as text. One without a zone is this machine's."""
    return then.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Day:
    """The day of this machine's calendar, which daily limits go by."""

    _KNOWN_FOR = 30.0  # seconds: somebody may set the clock

    def __init__(self) -> None:
        self._today, self._until = "", 0.0

    def now(self) -> datetime:
        """The local time, with its zone. Tests have a day whose time they set."""
        return datetime.now(UTC).astimezone()

    def today(self) -> str:
        """`2026-11-30`. Cheap: it is asked with every request."""
        if (at := time.monotonic()) >= self._until:
            left = self.seconds_left()
            self._today = self.now().date().isoformat()
            self._until = at + min(left, self._KNOWN_FOR)
        return self._today

    def seconds_left(self) -> float:
        """Until midnight, at least 1."""
        now = self.now()
        next_day = datetime.combine(now.date() + timedelta(days=1), clock_time(), tzinfo=now.tzinfo)
        return max(1.0, (next_day - now).total_seconds())
