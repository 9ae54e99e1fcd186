"""The daemon's time: seconds that never go back, and the times of day that they stand for."""

import time
from datetime import UTC, datetime, timedelta


def timestamp() -> str:
    """Now, in UTC, to the millisecond."""
    return _text(datetime.now(UTC))


class Clock:
    """Gives the monotonic time by which everything is measured. Tests have one that they set."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def time_of(self, moment: float) -> str:
        """The time of day of a moment of this clock, in UTC, to the millisecond."""
        return _text(datetime.now(UTC) - timedelta(seconds=self.now() - moment))


def _text(then: datetime) -> str:
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
