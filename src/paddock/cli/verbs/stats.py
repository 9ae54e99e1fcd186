"""`paddock stats`: what switches cost together, and which change would end what alternation costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.terminal import date_and_time, print_json, print_table

if TYPE_CHECKING:
    from paddock.api.stats import Alternation, ProfileStats, Stats

EXAMPLE = "Example: paddock stats --since 30d"
Since = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="TIME",
        help="So far back: `90min`, `12h`, `7d`, or from `2026-11-30` on.",
    ),
]
_HEADERS = (
    "PROFILE",
    "SWITCHES",
    "FAILED",
    "TOOK",
    "REQUESTS",
    "WAITED",
    "LONGEST",
    "READ AGAIN",
    "IN",
)


def stats(
    since: Since = "7d", url: Url = DEFAULT_URL, key: Key = None, as_json: Json = False
) -> None:
    """Show what switches cost: who waited, what was read again, which two models kept making each other leave.

    For two models that keep making each other leave, it names the change that would let both stay, where plans show one. Plans that are missing are made, which takes seconds and loads nothing.
    """
    from paddock.cli.times import since as time_of

    found = connect(url, key).stats(time_of(since, "--since"))
    if as_json:
        print_json(found)
    elif not found.total.switches:
        print(f"nothing was switched since {date_and_time(found.since)}")
    else:
        _show(found)


def _show(found: Stats) -> None:
    print(f"since {date_and_time(found.since)}\n")
    rows = [*found.profiles, *([found.total] if len(found.profiles) > 1 else [])]
    print_table(_HEADERS, [_row(row) for row in rows])
    for pair in found.alternations:
        print()
        print("\n  ".join(_lines(pair)))


def _row(row: ProfileStats) -> list[str]:
    from paddock.figures.units import seconds

    again = row.read_again
    return [
        row.profile or "all",
        str(row.switches),
        str(row.failed or ""),
        seconds(row.seconds),
        str(row.waits or ""),
        seconds(row.waited) if row.waits else "",
        seconds(row.longest_wait) if row.waits else "",
        f"{again:,} tokens" if again else "",
        seconds(row.read_again_seconds) if again else "",
    ]


def _lines(pair: Alternation) -> list[str]:
    """`coder and chat made each other leave 14 times: 92.0 s of waiting, …`, then what would end that."""
    from paddock.figures.units import count, seconds

    costs = [f"{seconds(pair.loading)} of loading"]
    if pair.waited:
        costs.insert(0, f"{seconds(pair.waited)} of waiting")
    if pair.read_again:
        again = f"{pair.read_again:,} tokens read again ({seconds(pair.read_again_seconds)})"
        costs.append(again)
    times = count(pair.times, "time")
    lines = [f"{pair.one} and {pair.other} made each other leave {times}: {', '.join(costs)}"]
    if pair.why:
        lines.append(f"together they do not fit: {pair.why}")
    for remedy in pair.remedies:
        by = "" if remedy.source == "engine" else " (by an estimate)"
        lines.append(f"{remedy.message}{by}")
    return [*lines, *_nothing_found(pair)]


def _nothing_found(pair: Alternation) -> list[str]:
    if pair.remedies or pair.fits is None:
        return []
    if pair.fits:
        return ["by their plans both fit now: another program, or a third model, held memory then"]
    return ["no smaller context was found with which both fit"]
