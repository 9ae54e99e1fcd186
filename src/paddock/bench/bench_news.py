"""How a benchmark stands, for whoever runs it and for dashboards."""

from contextlib import suppress
from time import monotonic

from paddock.api.bench import BenchedProfile, BenchNow, RunOutcome
from paddock.api.client import Client
from paddock.bench.profile_bench import BenchProgress
from paddock.errors import PaddockError

_EVERY = 1.0  # seconds between two messages to the daemon, which cost time that is not measured


class BenchNews:
    """Hands steps on to `progress`, and publishes them on the daemon's bus. `of`: how many profiles there are."""

    def __init__(self, client: Client, progress: BenchProgress) -> None:
        self._client, self._progress = client, progress
        self.of = 0
        self._now = BenchNow(profile="")
        self._said_at = 0.0

    def begin(self, profile: str) -> None:
        """The next profile is measured from now on."""
        self._now.profile, self._now.step = profile, ""
        self._now.number, self._now.of = self._now.number + 1, self.of
        self._said_at = 0.0

    def step(self, text: str, left: float | None) -> None:
        """What is done now, and the seconds that the rest takes."""
        self._progress.step(text, left)
        self._now.step, self._now.eta = text.removeprefix(f"{self._now.profile}: "), left
        if self._now.profile and monotonic() - self._said_at >= _EVERY:
            self._publish()

    def note(self, benched: BenchedProfile) -> None:
        """One has been measured."""
        speed = benched.depths[0].generation if benched.depths else None
        if speed and speed.median > (self._now.speed or 0.0):
            self._now.best, self._now.speed = benched.profile, speed.median

    def ended(self, outcome: RunOutcome) -> None:
        """All of them are, or somebody has ended it. One that broke off is not running any more."""
        self._now.outcome = "interrupted" if outcome == "running" else outcome
        self._now.step, self._now.eta = "", None
        if self._now.profile:
            self._publish()
        self._now.profile = ""  # what comes back afterwards is no part of it

    def _publish(self) -> None:
        self._said_at = monotonic()
        with suppress(PaddockError):  # it is measured all the same
            self._client.bench_news(self._now)
