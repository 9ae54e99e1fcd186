"""Counts and status in Prometheus' text format. Imported at the first scrape: the library takes 1 MiB."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from paddock.api.types import Status
from paddock.daemon.activity.tallies import Counts, Durations

_MIB = 1 << 20


def scraped(families: Sequence[Counts | Durations], status: Status) -> bytes:
    """All of it, version 0.0.4 of the format."""
    registry = CollectorRegistry()
    registry.register(_Scrape([_metric(family) for family in families], status))
    return generate_latest(registry)


def _metric(family: Counts | Durations) -> Metric:
    if isinstance(family, Counts):
        counter = CounterMetricFamily(family.name, family.about, labels=family.labels)
        for labels, value in list(family.values.items()):
            counter.add_metric(labels, value)
        return counter
    metric = HistogramMetricFamily(family.name, family.about, labels=family.labels)
    for labels, (counts, total) in list(family.values.items()):
        metric.add_metric(labels, list(family.buckets(list(counts))), total[0])
    return metric


class _Scrape(Collector):
    """What one look finds: the counts, and gauges of what is now."""

    def __init__(self, counts: list[Metric], status: Status) -> None:
        self._counts, self._status = counts, status

    def collect(self) -> Iterable[Metric]:
        status = self._status
        yield from self._counts
        yield _gauge("paddock_waiting", "Requests that wait.", "profile", status.queue)
        leases = Counter[str]()
        for instance in status.instances:
            leases[instance.profile] += instance.leases
        yield _gauge("paddock_leases", "Requests being served.", "profile", leases)
        phases = Counter(instance.phase for instance in status.instances)
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
