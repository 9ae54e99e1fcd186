"""How a benchmark is shown: its progress on stderr; its tables on a terminal, as Markdown, JSON or a page."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.cli.output.terminal import (
    complain,
    date_and_time,
    harmless,
    paint,
    print_json,
    print_table,
)
from paddock.errors import BadRequest
from paddock.figures.units import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paddock.api.bench import BenchRun, RunSummary
    from paddock.bench.sheet import Table

_LIST = ("RUN", "BEGUN", "OUTCOME", "TOOK", "PROFILES")
_MARKS = {"▲ better": "green", "▼ worse": "red", "too few samples": "dim"}


@dataclass(frozen=True, slots=True)
class Form:
    """In which form a result is wanted; `html`: the file of a page, beside any of them."""

    as_json: bool = False
    markdown: bool = False
    html: Path | None = None


class StepLines:
    """A line for each step; on a terminal each takes the place of the one before it."""

    def step(self, text: str, left: float | None) -> None:
        line = f"{text}{f', about {seconds(left)} left' if left else ''}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{harmless(line)}")
            sys.stderr.flush()
        else:
            complain(line)

    def close(self) -> None:
        """Nothing of it stays on a terminal."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def show_runs(runs: Sequence[RunSummary], *, as_json: bool) -> None:
    """The list of what is kept."""
    if as_json:
        from paddock.api.bench import BenchRuns

        print_json(BenchRuns(runs=list(runs)))
    elif not runs:
        print("nothing was measured yet")
    else:
        rows = [
            (
                str(r.id),
                date_and_time(r.begun_at),
                r.outcome,
                seconds(r.seconds),
                ", ".join(r.profiles),
            )
            for r in runs
        ]
        print_table(_LIST, rows)


def show_run(run: BenchRun, form: Form) -> None:
    """One run in full."""
    from paddock.bench.html_page import html_page
    from paddock.bench.sheet import headline, tables

    if form.html:
        _written(form.html, html_page(headline(run), tables(run), run))
    if form.as_json:
        print_json(run)
    else:
        _print(headline(run), tables(run), markdown=form.markdown)


def show_comparison(before: BenchRun, after: BenchRun, form: Form) -> None:
    """What changed from one run to the other, and with what it goes together."""
    from paddock.bench.comparison import compared
    from paddock.bench.html_page import html_page
    from paddock.bench.sheet import comparison_headline, comparison_tables

    found = compared(before, after)
    head, tables = comparison_headline(found), comparison_tables(found)
    if form.html:
        _written(form.html, html_page(head, tables, after, before))
    if form.as_json:
        print_json(found)
    else:
        _print(head, tables, markdown=form.markdown)


def _print(head: str, tables: Sequence[Table], *, markdown: bool) -> None:
    if markdown:
        from paddock.bench.markdown import markdown as as_markdown

        print(harmless(as_markdown(head, tables)), end="")
        return
    print(harmless(head))
    for table in tables:
        print(f"\n{paint(harmless(table.title), 'bold')}".rstrip() if table.title else "")
        rows = [
            [paint(cell, _MARKS[cell]) if cell in _MARKS else cell for cell in row]
            for row in table.rows
        ]
        print_table(table.headers, rows)
        for note in table.notes:
            print(harmless(f"  {note}"))


def must_be_writable(path: Path) -> None:
    """BadRequest where a page cannot be written there, before it is made."""
    folder = path.absolute().parent
    if path.is_dir():
        raise BadRequest(f"{path} cannot be written: it is a folder")
    if not folder.is_dir():
        raise BadRequest(f"{path} cannot be written: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise BadRequest(f"{path} cannot be written: this user may not")


def _written(path: Path, page: str) -> None:
    try:
        path.write_text(page)
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {error.strerror}") from error
    complain(f"written: {path}")
