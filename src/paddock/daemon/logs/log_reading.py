"""One reader of one log: what is there, then what comes, without a gap between the two.

A log is what one run wrote, or what several did, one after another: then a line parts them, and a run
that begins later is read on. Files show all that must be known (a new folder, a growing log, a record
that says *ended*), so nobody needs to inform a reader.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asyncinotify import Mask

from paddock.file_events import FileEvents
from paddock.llama.follow import Growth, pieces, size, start_of_last

_NEWS = Mask.MODIFY | Mask.MOVED_TO | Mask.CREATE


@dataclass(frozen=True, slots=True)
class Run:
    """The log of one run: of an instance, or of this daemon."""

    name: str
    began: str  # when, in UTC; "" where nobody knows
    log: Path  # it grows; beside it lies its older half, once it was cut
    is_over: Callable[[], bool] = field(compare=False)

    @property
    def heading(self) -> bytes:
        began = f", begun {self.began}" if self.began else ""
        return f"── {self.name}{began} ──\n".encode()


class LogReading:
    """Reads the logs of `runs`, which names them anew each time, oldest first.

    `place`: the folder in which folders of later runs appear, where there can be any; without one a
    reader has done when the run is over.
    """

    def __init__(self, runs: Callable[[], Sequence[Run]], *, place: Path | None = None) -> None:
        self._runs = runs
        self._place = place
        self._growths: dict[Path, Growth] = {}
        self._last_run: Run | None = None  # whose lines came last
        self._is_mid_line = False

    def past(self, lines: int | None = None) -> Iterator[bytes]:
        """What they have written so far, or its last `lines` lines, in bounded pieces.

        Blocking: it reads files.
        """
        runs = self._runs()
        ends = {run.log: self._growth(run).offset for run in runs}
        spans = [span for run in runs for span in _spans(run, ends[run.log])]
        for span in spans if lines is None else _last(spans, lines):
            yield from self._headed(span.run, pieces(span.path, span.start, span.end))

    async def follow(self) -> AsyncGenerator[bytes, None]:
        """What they write from then on."""
        with FileEvents() as events:
            watched = set[Path]()
            _watch(events, watched, [self._place] if self._place else [])
            runs = self._listed(events, watched)
            is_done = self._is_done(runs)
            for data in self._fresh(runs):
                yield data
            while not is_done:
                change = await events.next()
                if change.mask & Mask.MODIFY:  # the usual one, and the cheap one
                    grown = [run for run in runs if run.log == change.path]
                else:
                    if change.mask & Mask.ISDIR and change.path:
                        _watch(events, watched, [change.path])  # a run's, whose record comes next
                    runs = self._listed(events, watched)
                    grown = list(runs)
                    is_done = self._is_done(runs)  # asked before the last lines are read
                for data in self._fresh(grown):
                    yield data

    def _listed(self, events: FileEvents, watched: set[Path]) -> Sequence[Run]:
        runs = self._runs()
        _watch(events, watched, [run.log.parent for run in runs])
        known = {run.log for run in runs}
        self._growths = {log: growth for log, growth in self._growths.items() if log in known}
        return runs

    def _is_done(self, runs: Sequence[Run]) -> bool:
        return not self._place and all(run.is_over() for run in runs)

    def _fresh(self, runs: Sequence[Run]) -> Iterator[bytes]:
        for run in runs:
            yield from self._headed(run, self._growth(run, new=0).read())

    def _growth(self, run: Run, *, new: int | None = None) -> Growth:
        """Where we are in its log: at first at its end, or at `new` if it was begun after us."""
        if run.log not in self._growths:
            self._growths[run.log] = Growth(run.log, new)
        return self._growths[run.log]

    def _headed(self, run: Run, pieces: Iterator[bytes] | Sequence[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if not piece:
                continue
            if self._place and run != self._last_run:
                yield (b"\n" if self._is_mid_line else b"") + run.heading
            self._last_run = run
            self._is_mid_line = not piece.endswith(b"\n")
            yield piece


def _watch(events: FileEvents, watched: set[Path], folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder not in watched and events.add(folder, _NEWS):
            watched.add(folder)


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of a file of a run, in bytes."""

    run: Run
    path: Path
    start: int
    end: int


def _spans(run: Run, end: int) -> list[_Span]:
    """Its older half, and it up to `end`."""
    older = run.log.with_name(run.log.name + ".1")
    return [_Span(run, older, 0, size(older)), _Span(run, run.log, 0, end)]


def _last(spans: Sequence[_Span], lines: int) -> list[_Span]:
    """The last lines of all of them together."""
    found: list[_Span] = []
    for span in reversed(spans):
        start, count = start_of_last(span.path, span.end, lines)
        if count:
            found.append(replace(span, start=start))
        lines -= count
    return found[::-1]
