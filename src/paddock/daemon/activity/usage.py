"""Which profiles requests used last, and when."""

from paddock.core.live import Serving
from paddock.core.model import ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.clock import Clock


class Usage:
    """Since the daemon began."""

    def __init__(self, scheduler: Scheduler, clock: Clock) -> None:
        self._scheduler, self._clock = scheduler, clock
        self._last: ProfileId | None = None
        self._at: dict[ProfileId, float] = {}

    def note(self, profile: ProfileId) -> None:
        """A request uses it now."""
        self._last = profile
        self._at[profile] = self._clock.now()

    def last_used(self, profile: ProfileId) -> str | None:
        """The time of day of the last request; None where there was none."""
        at = self._at.get(profile)
        return None if at is None else self._clock.time_of(at)

    def current(self) -> ProfileId | None:
        """The profile that was used last and still serves; else the one that serves last of all."""
        live = self._scheduler.live.values()
        serving = [one.profile for one in live if isinstance(one.state, Serving)]
        if self._last in serving:
            return self._last
        return serving[-1] if serving else None
