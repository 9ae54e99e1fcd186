"""How a switch is shown: a bar on a terminal, plain lines anywhere else. Both go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from paddock.cli.output.terminal import complain, has_colour
from paddock.figures.units import mib, seconds

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from paddock.api.types import Progress

_TENTH = 0.1  # of a stage, between two plain lines


class Display(Protocol):
    def show(self, progress: Progress) -> None: ...


@contextmanager
def shown(model: str) -> Iterator[Display]:
    """Show one switch for as long as the block lasts."""
    if not sys.stderr.isatty():
        yield LoadLines(model)
        return
    with _rich_progress() as bars:
        yield LoadBar(bars, model)


def described(progress: Progress) -> str:
    """One line: stage, per cent, MiB, time so far and time left, each where it is known."""
    facts = [_mib(progress), seconds(progress.elapsed), _left(progress)]
    return ", ".join([_stage(progress), *filter(None, facts)])


class LoadLines:
    """A line for each stage, and for each tenth of it."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._last: tuple[str, str, int] | None = None

    def show(self, progress: Progress) -> None:
        tenth = int((progress.fraction or 0) / _TENTH + 1e-9)
        step = (progress.stage, progress.part, tenth)
        if step != self._last:
            complain(f"{self._model}: {described(progress)}")
        self._last = step


class LoadBar:
    """Rich's bar; it runs to and fro until somebody knows how far it is, and then never goes back."""

    def __init__(self, bars: RichProgress, model: str) -> None:
        self._bars = bars
        self._task: TaskID = bars.add_task(model, total=None, stage="", amount="", time="")

    def show(self, progress: Progress) -> None:
        share = 1.0 if progress.is_in_place else progress.fraction
        self._bars.update(
            self._task,
            total=None if share is None else 1.0,
            completed=share,
            stage=_stage(progress, per_cent=False),
            amount=_mib(progress),
            time=", ".join(filter(None, [seconds(progress.elapsed), _left(progress)])),
        )


def _rich_progress() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        TextColumn("{task.fields[stage]}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TextColumn("{task.fields[time]}", style="dim", markup=False),
        console=Console(stderr=True, no_color=not has_colour(sys.stderr)),
    )


def _stage(progress: Progress, *, per_cent: bool = True) -> str:
    part = "" if progress.part == "text_model" else progress.part_in_words  # that one always is
    known = per_cent and progress.fraction is not None
    share = f" {progress.fraction:.0%}" if known else ""
    return progress.stage + (f" ({part})" if part else "") + share


def _mib(progress: Progress) -> str:
    if progress.mib_total is None or progress.mib_done is None:
        return ""
    return f"{mib(progress.mib_done)} of {mib(progress.mib_total)}"


def _left(progress: Progress) -> str:
    return f"about {seconds(progress.eta)} left" if progress.eta else ""
