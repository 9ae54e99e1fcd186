"""What Prometheus reads: counts of the past, kept here, and the present, read at each scrape.

The counts are plain numbers, since `prometheus_client` takes several microseconds and 6 KB for each
label of a histogram. What is said of a profile that is gone is forgotten with it.
"""

import asyncio
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from paddock.api.activity import Totals
from paddock.api.types import Status

# A generation takes from milliseconds to many minutes, a load from a second to many minutes.
_REQUEST_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_MIB = 1 << 20
_SWITCH_SECONDS = (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)


class _Counter:
    """Numbers that only rise, by their labels, of which the first is the profile, or the key."""

    def __init__(self, name: str, about: str, labels: tuple[str, ...]) -> None:
        self._name, self._about, self._labels = name, about, labels
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, labels: tuple[str, ...], number: float = 1.0) -> None:
        self.values[labels] = self.values.get(labels, 0.0) + number

    def metric(self) -> Metric:
        metric = CounterMetricFamily(self._name, self._about, labels=self._labels)
        for labels, value in list(self.values.items()):
            metric.add_metric(labels, value)
        return metric


class _Histogram:
    """How often something took how long, by its labels, of which the first is the profile."""

    def __init__(
        self, name: str, about: str, labels: tuple[str, ...], bounds: tuple[float, ...]
    ) -> None:
        self._name, self._about, self._labels = name, about, labels
        self._bounds = bounds
        self.values: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def add(self, labels: tuple[str, ...], seconds: float) -> None:
        found = self.values.get(labels)
        if found is None:
            found = self.values[labels] = ([0] * (len(self._bounds) + 1), [0.0])
        counts, total = found
        counts[bisect_left(self._bounds, seconds)] += 1
        total[0] += seconds

    def metric(self) -> Metric:
        metric = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        for labels, (counts, total) in list(self.values.items()):
            metric.add_metric(labels, list(self._buckets(counts)), total[0])
        return metric

    def _buckets(self, counts: list[int]) -> Iterator[tuple[str, float]]:
        """As Prometheus wants them: each counts all that were shorter, too."""
        below = 0
        for bound, number in zip((*self._bounds, float("inf")), list(counts), strict=True):
            below += number
            yield ("+Inf" if bound == float("inf") else str(float(bound))), float(below)


class StatusSource(Protocol):
    """Whoever knows how everything is now: the view."""

    def status(self) -> Status: ...


class Metrics:
    """Counters of one daemon."""

    def __init__(self, source: StatusSource, totals: Totals) -> None:
        """`source` is asked at each scrape, for the gauges; `totals` get the same counts, over all
        profiles."""
        self._source, self.totals = source, totals
        self._requests = _Counter(
            "paddock_requests",
            "Relayed requests, by the status that the client saw (499: it left).",
            ("profile", "surface", "status"),
        )
        self._seconds = _Histogram(
            "paddock_request_seconds",
            "From the whole request read to the whole reply relayed.",
            ("profile",),
            _REQUEST_SECONDS,
        )
        self._tokens = _Counter(
            "paddock_tokens", "Tokens, as llama-server counts.", ("profile", "kind")
        )
        self._switches = _Histogram(
            "paddock_switch_seconds",
            "From the first wish for a profile to ready, failed or cancelled.",
            ("profile", "outcome"),
            _SWITCH_SECONDS,
        )
        self._families = (self._requests, self._seconds, self._tokens, self._switches)
        self._key_requests = _Counter(
            "paddock_key_requests",
            "Requests that reached a model, by the name of their key.",
            ("key",),
        )
        self._key_tokens = _Counter(
            "paddock_key_tokens", "Tokens that requests have used, by key.", ("key", "kind")
        )
        self._key_seconds = _Counter(
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

    async def rendered(self) -> bytes:
        """The same as `render`, with turns for others: it takes a second for thousands of profiles."""
        return await asyncio.to_thread(self._rendered, self._source.status())

    def render(self) -> bytes:
        """Everything, in Prometheus' text format (version 0.0.4)."""
        return self._rendered(self._source.status())

    def _rendered(self, status: Status) -> bytes:
        registry = CollectorRegistry()
        counts = [family.metric() for family in (*self._families, *self._of_keys)]
        registry.register(_Scrape(counts, status))
        return generate_latest(registry)


class _Scrape(Collector):
    """What one look finds: the counts, and gauges of what is now."""

    def __init__(self, counts: list[Metric], status: Status) -> None:
        self._counts, self._status = counts, status

    def collect(self) -> Iterable[Metric]:
        status = self._status
        yield from self._counts
        yield _gauge("paddock_waiting", "Requests that wait.", "profile", status.queue)
        leases = Tally[str]()
        for instance in status.instances:
            leases[instance.profile] += instance.leases
        yield _gauge("paddock_leases", "Requests being served.", "profile", leases)
        phases = Tally(instance.phase for instance in status.instances)
        yield _gauge("paddock_instances", "Instances, by phase.", "phase", phases)
        yield from _loads(status)
        yield from _devices(status)

    def describe(self) -> Iterable[Metric]:
        """Nothing: there is only one."""
        return ()


def _loads(status: Status) -> Iterable[Metric]:
    """Where each instance lies, and whether it lies and runs as it should."""
    verdicts = GaugeMetricFamily(
        "paddock_verdict",
        "1 for what was found of a load: verified, degraded or unknown.",
        labels=("profile", "state"),
    )
    placed = GaugeMetricFamily(
        "paddock_placement_bytes",
        "Memory of an instance, as read from its own log.",
        labels=("profile", "device", "kind"),
    )
    for instance in status.instances:
        if instance.verdict:
            verdicts.add_metric((instance.profile, instance.verdict.state), 1)
        for buffer in instance.placement.buffers if instance.placement else ():
            placed.add_metric((instance.profile, buffer.device, buffer.kind), buffer.mib * _MIB)
    yield verdicts
    yield placed


def _devices(status: Status) -> Iterable[Metric]:
    """What each device has, and who takes it."""
    memory = GaugeMetricFamily(
        "paddock_device_bytes",
        "Memory of a device: total, free, or taken by other programs (foreign).",
        labels=("device", "what"),
    )
    for device in status.devices:
        sizes = {
            "total": device.total_mib, "free": device.free_mib, "foreign": device.foreign_mib
        }  # fmt: skip
        for what, mib in sizes.items():
            if mib is not None:
                memory.add_metric((device.name, what), mib * _MIB)
    yield memory


def _gauge(name: str, help_text: str, label: str, values: Mapping[Any, int]) -> Metric:
    gauge = GaugeMetricFamily(name, help_text, labels=(label,))
    for key, value in values.items():
        gauge.add_metric((key,), value)
    return gauge
