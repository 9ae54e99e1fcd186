"""How far a count of many small steps is, as headers that are read one by one. Goes to stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from paddock.cli.output.terminal import complain

if TYPE_CHECKING:
    from paddock.cli.offline.inquiry import InquiryProgress


class _Rewritten:
    """One line of a terminal, written over and over."""

    def show(self, what: str, done: int, of: int) -> None:
        end = "\n" if done == of else ""
        print(f"\r{what}: {done} of {of}", end=end, file=sys.stderr, flush=True)


class _Totals:
    """A line for each thing that is done."""

    def show(self, what: str, done: int, of: int) -> None:
        if done == of:
            complain(f"{what}: {of}")


def steps_shown() -> InquiryProgress:
    """For a terminal, or for a file or pipe."""
    return _Rewritten() if sys.stderr.isatty() else _Totals()
