"""Phases as bars: each begins where the one before it ends, none is too short to be seen."""

import io
from typing import get_args

import pytest
from rich.console import Console

from paddock.api.switches import PhaseName, SwitchEntry, SwitchPhase
from paddock.tui.detail_switches import waterfall_of
from paddock.tui.waterfall import _KINDS, waterfalls


def entry(*seconds: float, name: PhaseName = "loading") -> SwitchEntry:
    phases = [SwitchPhase(name=name, seconds=s) for s in seconds]
    return SwitchEntry(
        profile="a",
        instance="a.1",
        ended_at="",
        seconds=sum(seconds),
        outcome="ready",
        phases=phases,
    )


@pytest.mark.parametrize(
    ("seconds", "bars"),
    [
        ((4.0, 4.0), ["████", "    ████"]),
        ((8.0,), ["████████"]),
        ((0.001, 8.0), ["▏", "████████"]),
        ((2.5, 5.5), ["██▌", "  █████▌"]),
        ((7.99, 0.01), ["████████", "       ▏"]),
        ((), []),
    ],
)
def test_bars_stand_where_their_time_was(seconds: tuple[float, ...], bars: list[str]):
    [found] = waterfalls([entry(*seconds)], 8)
    assert [bar.bar for bar in found.bars] == bars


def test_all_are_on_the_scale_of_the_longest():
    long, short = waterfalls([entry(10.0), entry(2.5)], 8)
    assert (long.bars[0].bar, short.bars[0].bar) == ("█" * 8, "█" * 2)


def test_of_very_many_phases_the_longest_are_shown_in_their_order():
    [found] = waterfalls([entry(*[1.0] * 30, 5.0, *[2.0] * 10)], 60)
    assert len(found.bars) == 16
    assert [bar.seconds for bar in found.bars][-11:] == ["5.00 s", *["2.00 s"] * 10]
    assert found.left_out == "25 shorter phases"


def test_every_phase_has_its_kind():
    assert set(_KINDS) == set(get_args(PhaseName))


def test_all_switches_stand_in_the_same_columns():
    """Whatever their phases are called: else the one scale would mislead."""
    whole = [entry(1.0, name="first-token"), entry(1.0, name="loading")]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(waterfall_of(whole))
    bars = [line for line in console.export_text().splitlines() if "█" in line]
    assert len({line.index("█") for line in bars}) == 1
