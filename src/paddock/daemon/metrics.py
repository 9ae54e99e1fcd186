"""What Prometheus reads: counts of the past, kept here, and the present, read at each scrape.

Label children are looked up once and kept, because `prometheus_client` takes several microseconds
for each look-up; the number of profiles, surfaces and statuses is small and bounded.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from paddock.api.activity import Totals
from paddock.api.types import Status

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody asked for

# A generation takes from milliseconds to many minutes, a load from a second to many minutes.
_REQUEST_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_MIB = 1 << 20
_SWITCH_SECONDS = (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)


class Metrics:
    """Counters of one daemon, in a registry of their own."""

    def __init__(self, status: Callable[[], Status]) -> None:
        """`status` is asked at each scrape, for the gauges."""
        self.totals = Totals()  # the same counts, over all profiles
        self._registry = registry = CollectorRegistry()
        requests = Counter(
            "paddock_requests",
            "Relayed requests, by the status that the client saw (499: it left).",
            ("profile", "surface", "status"),
            registry=registry,
        )
        seconds = Histogram(
            "paddock_request_seconds",
            "From the whole request read to the whole reply relayed.",
            ("profile",),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        tokens = Counter(
            "paddock_tokens",
            "Tokens, as llama-server counts.",
            ("profile", "kind"),
            registry=registry,
        )
        switches = Histogram(
            "paddock_switch_seconds",
            "From the first wish for a profile to ready, failed or cancelled.",
            ("profile", "outcome"),
            buckets=_SWITCH_SECONDS,
            registry=registry,
        )
        self._requests = cache(requests.labels)
        self._seconds = cache(seconds.labels)
        self._tokens = cache(tokens.labels)
        self._switches = cache(switches.labels)
        registry.register(_Present(status))

    def request_done(self, profile: str, surface: str, status: int, seconds: float) -> None:
        """One relayed request has ended; `status` 499 where the client left."""
        self.totals.requests += 1
        self.totals.failed += status >= 400
        self._requests(profile, surface, str(status)).inc()
        self._seconds(profile).observe(seconds)

    def tokens(self, profile: str, *, prompt: int, generated: int) -> None:
        """One request's tokens, as the instance's log tells them."""
        self.totals.prompt_tokens += prompt
        self.totals.generated_tokens += generated
        self._tokens(profile, "prompt").inc(prompt)
        self._tokens(profile, "generated").inc(generated)

    def switch_done(self, profile: str, outcome: str, seconds: float) -> None:
        """One switch has ended: `ready`, `failed` or `cancelled`."""
        self._switches(profile, outcome).observe(seconds)

    def render(self) -> bytes:
        """Everything, in Prometheus' text format (version 0.0.4)."""
        return generate_latest(self._registry)


class _Present(Collector):
    """Gauges of what is now."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        status = self._status()
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
        """Nothing, so that registering does not ask for a status before the daemon runs."""
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
        "Memory of an instance, as its own log tells it.",
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
