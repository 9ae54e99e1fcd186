"""Repeated measurements of one figure, and whether two of them differ by more than they scatter. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from paddock.api.bench import Spread

Difference = Literal["more", "less", "same", "unproven"]

ENOUGH = 3  # samples on each side, below which a spread says nothing
_LEAST = 0.03  # of the smaller median: less is no change worth a line


def spread_of(samples: Sequence[float | None]) -> Spread | None:
    """The spread of those that are known; None where none is."""
    known = [sample for sample in samples if sample is not None]
    if not known:
        return None
    return Spread(median=median(known), low=min(known), high=max(known), samples=known)


def difference(before: Spread, after: Spread) -> Difference:
    """Whether `after` differs from `before` beyond their spread.

    It does where the ranges do not meet, the medians are further apart than both ranges are wide
    together, and by 3 % at least. With three samples each and equal truth, that is so once in some
    hundred pairs (`tests/bench/test_spread.py` counts them).
    """
    if min(len(before.samples), len(after.samples)) < ENOUGH:
        return "unproven"
    apart = abs(after.median - before.median)
    disjoint = after.low > before.high or after.high < before.low
    is_clear = apart > before.width + after.width
    is_worth_it = apart > _LEAST * min(abs(before.median), abs(after.median))
    if not (disjoint and is_clear and is_worth_it):
        return "same"
    return "more" if after.median > before.median else "less"
