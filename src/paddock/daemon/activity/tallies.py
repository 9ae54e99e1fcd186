"""Counts of the past as plain numbers, by their labels, of which the first is the profile, or the key."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Counts:
    """Numbers that only rise."""

    def __init__(self, name: str, about: str, labels: tuple[str, ...]) -> None:
        self.name, self.about, self.labels = name, about, labels
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, labels: tuple[str, ...], number: float = 1.0) -> None:
        self.values[labels] = self.values.get(labels, 0.0) + number


class Durations:
    """How often something took how long."""

    def __init__(
        self, name: str, about: str, labels: tuple[str, ...], bounds: tuple[float, ...]
    ) -> None:
        self.name, self.about, self.labels = name, about, labels
        self._bounds = bounds
        self.values: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def add(self, labels: tuple[str, ...], seconds: float) -> None:
        found = self.values.get(labels)
        if found is None:
            found = self.values[labels] = ([0] * (len(self._bounds) + 1), [0.0])
        counts, total = found
        counts[bisect_left(self._bounds, seconds)] += 1
        total[0] += seconds

    def buckets(self, counts: Sequence[int]) -> Iterator[tuple[str, float]]:
        """As Prometheus wants them: each counts all that were shorter, too."""
        below = 0
        for bound, number in zip((*self._bounds, float("inf")), counts, strict=True):
            below += number
            yield ("+Inf" if bound == float("inf") else str(float(bound))), float(below)
