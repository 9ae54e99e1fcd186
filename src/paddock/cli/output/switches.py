"""Switches as a table: a column for each phase that took time in any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.cli.output.terminal import date_and_time, print_json, print_table, state

if TYPE_CHECKING:
    from paddock.api.switches import PhaseName, SwitchEntry, SwitchHistory

_PHASES: tuple[PhaseName, ...] = (  # in their order
    "downloading", "queued", "tenure", "draining", "saving", "stopping", "memory",
    "starting", "fitting", "loading", "warming", "restoring", "first-token",
)  # fmt: skip
_HEADERS = (
    "WHEN",
    "PROFILE",
    "OUTCOME",
    "SECONDS",
    *(name.replace("-", " ").upper() for name in _PHASES),
    "READ AGAIN",
    "LEFT FOR IT",
)


def show_switches(found: SwitchHistory, *, as_json: bool) -> None:
    """On stdout, the newest first."""
    if as_json:
        print_json(found)
    elif found.switches:
        print_table(_HEADERS, [_row(entry) for entry in found.switches])
    else:
        print("nothing has been switched yet")


def _row(entry: SwitchEntry) -> list[str]:
    return [
        date_and_time(entry.ended_at),
        entry.profile,
        state(entry.outcome),
        f"{entry.seconds:.2f}",
        *(_seconds(entry, name) for name in _PHASES),
        f"{entry.read_again:,} tokens" if entry.read_again else "",
        ", ".join(entry.left),
    ]


def _seconds(entry: SwitchEntry, name: PhaseName) -> str:
    """All that it spent in this phase; nothing where it never was in it."""
    spent = [phase.seconds for phase in entry.phases if phase.name == name]
    return f"{sum(spent):.2f}" if spent else ""
