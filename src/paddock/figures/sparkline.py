"""A line of numbers as one line of characters, each as high as its number. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = ".:-=+*#@"  # as dark as BLOCKS are high
GAP = " "  # where nothing was measured

# Of the largest number: what varies less is drawn as if it varied so much, in the middle, so that
# noise looks like noise.
_LEAST_SPREAD = 0.1


def levels_of(encoding: str | None) -> str:
    """The eight levels as a stream of this encoding can show them."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def sparkline(
    values: Sequence[float | None],
    levels: str = BLOCKS,
    *,
    within: tuple[float, float] | None = None,
) -> str:
    """One character per value, left to right; a gap for None.

    `within`: what the lowest and the highest level stand for, where that is known; else it is taken
    from the values. What lies beyond is drawn at the edge.
    """
    known = [value for value in values if value is not None and isfinite(value)]
    low, high = within or (_range(known) if known else (0.0, 0.0))
    return "".join(
        GAP
        if value is None or not isfinite(value)
        else levels[_step(value, low, high, len(levels))]
        for value in values
    )


def _range(known: Sequence[float]) -> tuple[float, float]:
    low, high = min(known), max(known)
    missing = max(_LEAST_SPREAD * max(abs(low), abs(high)) - (high - low), 0.0)
    return low - missing / 2, high + missing / 2


def _step(value: float, low: float, high: float, steps: int) -> int:
    """0 to `steps` - 1."""
    if high <= low:
        return 0
    share = min(max((value - low) / (high - low), 0.0), 1.0)  # of a tiny spread it may be infinite
    return min(int(share * steps), steps - 1)
