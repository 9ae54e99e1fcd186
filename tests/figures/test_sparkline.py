"""A line of characters shows which of its numbers are high."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.figures.sparkline import ASCII, BLOCKS, GAP, levels_of, sparkline

numbers = st.floats(-1e9, 1e9)
series = st.lists(st.one_of(st.none(), numbers), max_size=50)


def test_each_number_has_its_height() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BLOCKS
    assert sparkline([7, 0, 7, 3.6]) == "█▁█▅"


def test_what_is_missing_is_a_gap() -> None:
    assert sparkline([None, 1, None, 2, float("nan")]) == " ▁ █ "
    assert sparkline([None, None]) == "  "
    assert sparkline([]) == ""


def test_a_steady_value_is_a_line_in_the_middle_and_noise_stays_near_it() -> None:
    assert sparkline([40.0, 40.0]) == "▅▅"
    assert sparkline([40.0, 40.4, 39.8]) == "▄▅▄"


def test_nothing_but_zero_is_drawn_low() -> None:
    assert sparkline([0.0, 0.0]) == "▁▁"


def test_a_scale_that_is_known_is_kept_to() -> None:
    assert sparkline([0, 50, 100, 150, -5], within=(0, 100)) == "▁▅██▁"


@pytest.mark.parametrize(
    ("encoding", "levels"),
    [
        ("utf-8", BLOCKS),
        ("cp437", ASCII),  # has four of the eight
        ("ascii", ASCII),
        ("latin-1", ASCII),
        ("no-such-encoding", ASCII),
        (None, ASCII),
    ],
)
def test_a_terminal_gets_what_it_can_show(encoding: str | None, levels: str) -> None:
    assert levels_of(encoding) == levels
    assert sparkline([0, 7], levels) == levels[0] + levels[-1]


def test_both_sets_have_eight_levels_and_no_gap_among_them() -> None:
    for levels in (BLOCKS, ASCII):
        assert len(set(levels)) == len(levels) == 8
        assert GAP not in levels


@given(series, st.sampled_from([BLOCKS, ASCII]))
def test_one_character_for_each_and_higher_is_never_drawn_lower(
    values: list[float | None], levels: str
) -> None:
    drawn = sparkline(values, levels)
    assert len(drawn) == len(values)
    assert [one == GAP for one in drawn] == [value is None for value in values]
    pairs = sorted(
        (value, levels.index(one))
        for value, one in zip(values, drawn, strict=True)
        if value is not None
    )
    heights = [height for _, height in pairs]
    assert heights == sorted(heights)


@given(series, numbers, numbers)
def test_any_scale_can_be_drawn_on(values: list[float | None], one: float, other: float) -> None:
    drawn = sparkline(values, within=(one, other))
    assert all(character in BLOCKS + GAP for character in drawn)
