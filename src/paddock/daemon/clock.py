"""The daemon's time: seconds that never go back, and the times of day that they stand for."""

import time
from datetime import UTC, datetime, timedelta


def timestamp() -> str:
    """Now, in UTC, to the millisecond."""
    return time_in_utc(datetime.now(UTC))


class Clock:
    """Gives the monotonic time by which everything is measured. Tests have one that they set."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def time_of(self, moment: float) -> str:
        """The time of day of a moment of this clock, in UTC, to the millisecond."""
        return time_in_utc(datetime.now(UTC) - timedelta(seconds=self.now() - moment))


def time_in_utc(then: datetime) -> str:
    """In ISO 8601, to the millisecond: comparable as text. One without a zone is this machine's."""
    return then.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
