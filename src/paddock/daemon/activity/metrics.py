"""What Prometheus reads: counts of the past, kept here, and the present, read at each scrape.

The counts are plain numbers, since `prometheus_client` takes several microseconds and 6 KB for each
label of a histogram. What is said of a profile that is gone is forgotten with it.
"""

import asyncio
from collections.abc import Iterable, Set
from typing import Protocol

from paddock.api.activity import Totals
from paddock.api.types import Status
from paddock.daemon.activity.tallies import Counts, Durations

# A generation takes from milliseconds to many minutes, a load from a second to many minutes.
_REQUEST_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_SWITCH_SECONDS = (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)


class StatusSource(Protocol):
    """Whoever knows how everything is now: the view."""

    def status(self) -> Status: ...


class Metrics:
    """Counters of one daemon."""

    def __init__(self, source: StatusSource, totals: Totals) -> None:
        """`source` is asked at each scrape, for the gauges; `totals` get the same counts, over all
        profiles."""
        self._source, self.totals = source, totals
        self._requests = Counts(
            "paddock_requests",
            "Relayed requests, by the status that the client saw (499: it left).",
            ("profile", "surface", "status"),
        )
        self._seconds = Durations(
            "paddock_request_seconds",
            "From the whole request read to the whole reply relayed.",
            ("profile",),
            _REQUEST_SECONDS,
        )
        self._tokens = Counts(
            "paddock_tokens", "Tokens, as llama-server counts.", ("profile", "kind")
        )
        self._switches = Durations(
            "paddock_switch_seconds",
            "From the first wish for a profile to ready, failed or cancelled.",
            ("profile", "outcome"),
            _SWITCH_SECONDS,
        )
        self._families = (self._requests, self._seconds, self._tokens, self._switches)
        self._key_requests = Counts(
            "paddock_key_requests",
            "Requests that reached a model, by the name of their key.",
            ("key",),
        )
        self._key_tokens = Counts(
            "paddock_key_tokens", "Tokens that requests have used, by key.", ("key", "kind")
        )
        self._key_seconds = Counts(
            "paddock_key_seconds",
            "From being let in to the reply's end, added up, by key.",
            ("key",),
        )
        self._of_keys = (self._key_requests, self._key_tokens, self._key_seconds)

    def request_done(self, profile: str, surface: str, status: int, seconds: float) -> None:
        """One relayed request has ended; `status` 499 where the client left."""
        self.totals.requests += 1
        self.totals.failed += status >= 400
        self._requests.add((profile, surface, str(status)))
        self._seconds.add((profile,), seconds)

    def tokens(self, profile: str, *, prompt: int, generated: int) -> None:
        """One request's tokens, as the instance logs them."""
        self.totals.prompt_tokens += prompt
        self.totals.generated_tokens += generated
        self._tokens.add((profile, "prompt"), prompt)
        self._tokens.add((profile, "generated"), generated)

    def used(self, key: str, *, prompt: int, generated: int, seconds: float) -> None:
        """A request with this key has ended."""
        self._key_requests.add((key,))
        self._key_tokens.add((key, "prompt"), prompt)
        self._key_tokens.add((key, "generated"), generated)
        self._key_seconds.add((key,), seconds)

    def keep_only_keys(self, names: Set[str]) -> None:
        """There are no others any more: nothing more is said of those that are gone."""
        for family in self._of_keys:
            for labels in [labels for labels in family.values if labels[0] not in names]:
                del family.values[labels]

    def switch_done(self, profile: str, outcome: str, seconds: float) -> None:
        """One switch has ended: `ready`, `failed` or `cancelled`."""
        self._switches.add((profile, outcome), seconds)

    def forget(self, profiles: Iterable[str]) -> None:
        """These are gone from models.conf: nothing more is said of them."""
        gone = set(profiles)
        for family in self._families:
            for labels in [labels for labels in family.values if labels[0] in gone]:
                del family.values[labels]

    @property
    def families(self) -> "tuple[Counts | Durations, ...]":
        """All counts of the past."""
        return (*self._families, *self._of_keys)

    async def rendered(self) -> bytes:
        """The same as `render`, with turns for others: it takes a second for thousands of profiles."""
        return await asyncio.to_thread(self._rendered, self._source.status())

    def render(self) -> bytes:
        """Everything, in Prometheus' text format (version 0.0.4)."""
        return self._rendered(self._source.status())

    def _rendered(self, status: Status) -> bytes:
        from paddock.daemon.activity.scrape import scraped

        return scraped(self.families, status)
