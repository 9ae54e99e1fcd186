"""How a download is shown: a bar on a terminal, lines anywhere else, events for programs. All but the last on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from paddock.cli.output.terminal import complain, harmless, has_colour
from paddock.figures.units import mib, seconds

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from paddock.hub.meter import FileProgress, PullProgress
    from paddock.hub.transfer import PullDisplay

_MIB = 1 << 20
_LINE_EVERY = 10.0  # seconds, where nobody sees a bar
_EVENT_EVERY = 0.5


@contextmanager
def pull_shown(*, as_events: bool = False) -> Iterator[PullDisplay]:
    """Show one pull for as long as the block lasts."""
    if as_events:
        yield PullEvents()
    elif not sys.stderr.isatty():
        yield PullLines()
    else:
        with _bars() as bars:
            yield PullBars(bars)


def described(progress: PullProgress) -> str:
    """One line: how much, how fast, how long still, what is waited for."""
    share = progress.done / progress.size if progress.size else 1.0
    words = [f"{share:.0%}, {mib(progress.done / _MIB)} of {mib(progress.size / _MIB)}"]
    if progress.rate:
        words.append(f"{mib(progress.rate / _MIB)}/s")
    if progress.eta and progress.done < progress.size:
        words.append(f"about {seconds(progress.eta)} left")
    if any(file.stage == "checking" for file in progress.files):
        words.append("comparing the hash")
    return ", ".join([*words, *([progress.note] if progress.note else [])])


class PullLines:
    """A line every ten seconds, for each new note, and at the end."""

    def __init__(self) -> None:
        self._due, self._note, self._is_over = 0.0, "", False

    def show(self, progress: PullProgress) -> None:
        is_over = all(file.stage == "done" for file in progress.files)
        is_new = progress.note not in ("", self._note)
        if monotonic() < self._due and not is_new and not (is_over and not self._is_over):
            return
        complain(f"fetching: {described(progress)}")
        self._due, self._note, self._is_over = monotonic() + _LINE_EVERY, progress.note, is_over


class PullEvents:
    """A line of JSON on stdout for each step: what a daemon reads of a pull that it has begun."""

    def __init__(self) -> None:
        self._due, self._last = 0.0, -1

    def show(self, progress: PullProgress) -> None:
        is_over = all(file.stage == "done" for file in progress.files)
        if (monotonic() < self._due or progress.done == self._last) and not is_over:
            return
        self._due, self._last = monotonic() + _EVENT_EVERY, progress.done
        print_event("progress", progress_fields(progress))


def print_event(event: str, fields: dict[str, object]) -> None:
    """One line of JSON."""
    import msgspec

    print(msgspec.json.encode({"event": event, **fields}).decode(), flush=True)


def progress_fields(progress: PullProgress) -> dict[str, object]:
    """Bytes, bytes/s, seconds."""
    return {
        "done": progress.done,
        "size": progress.size,
        "rate": progress.rate,
        "eta": progress.eta,
        "note": progress.note,
        "files": [
            {"path": f.path, "size": f.size, "done": f.done, "stage": f.stage}
            for f in progress.files
        ],
    }


class PullBars:
    """Rich's bars, one for each file."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, progress: PullProgress) -> None:
        for file in progress.files:
            self._show_file(file, progress)

    def _show_file(self, file: FileProgress, progress: PullProgress) -> None:
        if file.path not in self._tasks:
            name = harmless(file.path.rpartition("/")[2])
            self._tasks[file.path] = self._bars.add_task(name, total=file.size, note="")
        rate = (
            f"{mib(progress.rate / _MIB)}/s" if progress.rate and file.stage == "fetching" else ""
        )
        words = {"checking": "comparing the hash", "done": "whole, and as the hub says"}
        note = words.get(file.stage, progress.note or rate)
        self._bars.update(self._tasks[file.path], completed=file.done, note=harmless(note))


def _bars() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=Console(stderr=True, no_color=not has_colour(sys.stderr)),
    )
