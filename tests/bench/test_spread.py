"""Repeated figures: equal truths are not called different, and real differences are seen."""

import random

import pytest

from paddock.bench.spread import difference, spread_of


def test_a_spread_has_the_median_and_the_extremes_of_what_is_known() -> None:
    found = spread_of([3.0, None, 1.0, 2.0])
    assert found
    assert (found.median, found.low, found.high, found.samples) == (2.0, 1.0, 3.0, [3.0, 1.0, 2.0])
    assert spread_of([None]) is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([100, 101, 102], [120, 121, 122], "more"),
        ([120, 121, 122], [100, 101, 102], "less"),
        ([100, 101, 102], [101, 102, 103], "same"),
        ([100, 110, 120], [121, 131, 141], "same"),  # apart, but no further than they scatter
        ([100, 100, 100], [102, 102, 102], "same"),  # below three per cent
        ([100], [200], "unproven"),
        ([100, 101, 102], [200, 201], "unproven"),
    ],
)
def test_what_differs_beyond_the_spread(
    before: list[float], after: list[float], expected: str
) -> None:
    one, other = spread_of(before), spread_of(after)
    assert one
    assert other
    assert difference(one, other) == expected


@pytest.mark.parametrize(("truth", "least", "most"), [(1.0, 0.0, 0.02), (1.25, 0.95, 1.0)])
def test_noise_is_seldom_called_a_change_and_a_quarter_nearly_always(
    truth: float, least: float, most: float
) -> None:
    rng, pairs = random.Random(20), 2000
    found = 0
    for _ in range(pairs):
        noise = rng.choice([0.005, 0.01, 0.02])
        one = spread_of([rng.gauss(100, 100 * noise) for _ in range(3)])
        other = spread_of([rng.gauss(100 * truth, 100 * noise) for _ in range(3)])
        assert one
        assert other
        found += difference(one, other) != "same"
    assert least <= found / pairs <= most
