"""Takes measurements while nobody else is served: others come first, and what they spoilt is measured again.

Whoever comes while we measure has our request ended at once. Only where the traffic does not end within
`wait` seconds, or spoilt a measurement three times, it is taken beside it and marked.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Protocol, TypeVar

from paddock.api.client import Client
from paddock.api.connection import HangUp
from paddock.api.types import Status
from paddock.bench.watch import Cuttable, TrafficWatch
from paddock.errors import PaddockError

T = TypeVar("T")
_TAKES = 3  # that others may spoil


@dataclass(frozen=True, slots=True)
class Taken(Generic[T]):
    value: T
    beside_traffic: bool


class OpenRequests:
    """The requests of one measurement, which end together."""

    def __init__(self) -> None:
        self._lines: list[HangUp] = []
        self.is_cut = False

    def new(self) -> HangUp:
        """For one more request."""
        line = HangUp()
        self._lines.append(line)
        if self.is_cut:
            line.cut()
        return line

    def cut(self) -> None:
        self.is_cut = True
        for line in list(self._lines):
            line.cut()


class TimeLimit(Protocol):
    """Until when measurements are taken."""

    @property
    def left(self) -> float:
        """Seconds."""

    def check(self) -> None:
        """Raise where no time is left."""

    def cutting(self, running: Cuttable) -> AbstractContextManager[None]:
        """For this block, the end of the time has `running` cut."""


class _Unlimited:
    left = float("inf")

    def check(self) -> None: ...

    def cutting(self, running: Cuttable) -> AbstractContextManager[None]:
        return nullcontext()


class Taking:
    """Counts the requests that the daemon served, so that not even a short one goes unseen."""

    def __init__(
        self,
        client: Client,
        watch: TrafficWatch,
        *,
        wait: float,
        limit: TimeLimit | None = None,
    ) -> None:
        self._client, self._watch, self._wait = client, watch, wait
        self._limit: TimeLimit = limit or _Unlimited()
        self._served = 0
        self.busy = self.waited = 0.0  # seconds so far: measuring, and waiting for others
        self.spoilt = 0  # measurements so far that others came into: each was begun anew

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time of the block as busy: it waits for what it asked the daemon for."""
        begun = monotonic()
        try:
            yield
        finally:
            self.busy += monotonic() - begun

    def begin(self) -> None:
        """From now on every request counts, but for those of `take`."""
        self._served = _served(self._client.status())

    def take(
        self,
        profile: str,
        requests: int,
        measure: Callable[[OpenRequests], T],
        ready: Callable[[], None],
    ) -> Taken[T]:
        """What `measure` gives; it sends so many requests. `ready` makes the profile ready again.

        Raises what the time limit raises.
        """
        for _ in range(_TAKES):
            if not self._is_quiet():
                break
            lines = OpenRequests()
            with self._watch.cutting(lines, profile):
                value = self._measured(measure, lines)
            # What was cut has been counted or not: nobody knows how far it had come.
            if value is not None and not self._was_disturbed(requests):
                return Taken(value, beside_traffic=False)
            self._limit.check()
            self.spoilt += 1
            ready()
            self.begin()
        value = self._timed(measure, OpenRequests())
        self.begin()
        return Taken(value, beside_traffic=True)

    def _measured(self, measure: Callable[[OpenRequests], T], lines: OpenRequests) -> T | None:
        """None where somebody came."""
        try:
            return self._timed(measure, lines)
        except PaddockError:
            if lines.is_cut:
                return None
            raise

    def _timed(self, measure: Callable[[OpenRequests], T], lines: OpenRequests) -> T:
        self._limit.check()
        with self.spending(), self._limit.cutting(lines):
            try:
                return measure(lines)
            finally:
                lines.cut()  # where it was interrupted

    def _is_quiet(self) -> bool:
        begun = monotonic()
        try:
            return self._watch.wait_quiet(min(self._wait, self._limit.left))
        finally:
            self.waited += monotonic() - begun

    def _was_disturbed(self, ours: int) -> bool:
        """A request is counted a moment after its last byte: ours may still be missing."""
        status = self._client.status()
        others = _served(status) - self._served - ours
        self._served += ours
        are_served = self._watch.are_others(status.requests)
        if are_served:
            self._watch.note_others()
        return others > 0 or are_served


def _served(status: Status) -> int:
    return status.totals.requests if status.totals else 0
