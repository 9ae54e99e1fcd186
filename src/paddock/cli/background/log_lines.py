"""The daemon's log on stderr: `2026-11-24 03:14:05,123 INFO    paddock.http.accounting: request …`.

There is a line for every request, so what a line costs is a part of what a request costs: made the
standard way 30 µs in a busy daemon, of the 300 that a request took; made this way some 10. Writing each
to a file by itself cost about 50 µs more, so lines go out in bunches.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, TextIO

from paddock.cli.background.floods import Floods
from paddock.cli.background.own_log import OwnLog

_BUNCH = 200  # lines
_LATE = 0.1  # seconds
_LONGEST = 8000  # letters of a message
_now = time.time  # noqa: TID251  # what logging's record has


def log_to_stderr(*, verbose: bool, own: OwnLog | None = None) -> None:
    """From here on; `verbose`: what helps to find a bug, too. `own`: the file that stderr may be."""
    _skip_what_no_line_shows()
    is_seen = sys.stderr.isatty()
    handler = logging.StreamHandler(sys.stderr) if is_seen else Bunches(sys.stderr, own)
    handler.setFormatter(Lines())
    handler.addFilter(Floods())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    logging.getLogger("gguf").setLevel(logging.WARNING)  # it logs every small model of ours


def _skip_what_no_line_shows() -> None:
    """The caller, the thread and the process; see "Optimization" in Python's logging HOWTO."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.setLogRecordFactory(LineRecord)


# What every record has besides; in its own dictionary, where formatters other than ours look for it.
_SAME: dict[str, Any] = {
    **dict.fromkeys(("filename", "module"), ""),
    **dict.fromkeys(("thread", "threadName", "process", "processName", "taskName", "stack_info")),
    "relativeCreated": 0.0,
}


class LineRecord(logging.LogRecord):
    """What our lines show of a record. The standard one takes the name of the caller's file apart, too,
    and asks for thread and process: two thirds of its time."""

    def __init__(  # as logging calls it
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        sinfo: str | None = None,
        **_more: object,
    ) -> None:
        self.__dict__.update(_SAME)
        self.name, self.levelno, self.msg, self.exc_info = name, level, msg, exc_info
        if args and len(args) == 1 and isinstance(args[0], Mapping) and args[0]:
            args = args[0]  # `%(name)s` in the message
        self.args, self.levelname = args, logging.getLevelName(level)
        self.pathname, self.lineno, self.exc_text = pathname, lineno, None
        self.funcName = func or ""
        if sinfo is not None:
            self.stack_info = sinfo
        self.created = now = _now()
        self.msecs = float(int(now % 1 * 1000))


class Bunches(logging.StreamHandler[TextIO]):
    """Writes lines together, at most a tenth of a second late; a warning goes out at once.

    At the end of the process, logging's own shutdown flushes it.
    """

    def __init__(self, stream: TextIO, own: OwnLog | None = None) -> None:
        """`own`: the file behind the stream, which is begun anew when it is long."""
        self._own = own
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(stream)
        self._form = Lines()
        self.setFormatter(self._form)

    def handle(self, record: logging.LogRecord) -> bool:
        """As logging's own, which calls a method to take the lock and one to give it back."""
        passes = bool(self.filter(record))
        if passes:
            with self.lock or nullcontext():
                self.emit(record)
        return passes

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
        if record.levelno >= logging.WARNING or len(self._lines) >= _BUNCH:
            self.flush()
        elif self._timer is None:
            self._flush_soon()

    def take_line(self, name: str, text: str) -> None:
        """As a record at INFO of the logger `name` would be written, which `Floods` does not watch."""
        with self.lock or nullcontext():
            self._lines.append(self._form.line(_now(), "INFO", name, text))
            if len(self._lines) >= _BUNCH:
                self.flush()
            elif self._timer is None:
                self._flush_soon()

    def _flush_soon(self) -> None:
        try:
            self._timer = asyncio.get_running_loop().call_later(_LATE, self._due)
        except RuntimeError:  # no loop: nothing would ever flush it
            self.flush()

    def _due(self) -> None:
        self._timer = None
        self.flush()

    def flush(self) -> None:
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("\n".join(lines) + "\n")
            super().flush()
            if lines and self._own:
                self._own.turn_if_long()


def plain(text: str) -> str:
    """What was said on one line: some of it comes from clients, who must not write lines of ours."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


class Lines(logging.Formatter):
    """As `%(asctime)s %(levelname)-7s %(name)s: %(message)s`, with the time made once a second."""

    def __init__(self) -> None:
        super().__init__()
        self._second, self._time = 0, ""

    def format(self, record: logging.LogRecord) -> str:
        line = self.line(record.created, record.levelname, record.name, record.getMessage())
        if not record.exc_info:
            return line
        return f"{line}\n{self.formatException(record.exc_info)}"

    def line(self, created: float, level: str, name: str, text: str) -> str:
        """`created`: seconds of the wall clock."""
        second = int(created)
        if second != self._second:
            self._begin_second(second)
        milliseconds = int((created - second) * 1000)
        return f"{self._time},{milliseconds:03d} {level:<7} {name}: {plain(text)}"

    def _begin_second(self, second: int) -> None:
        self._second = second
        self._time = time.strftime(self.default_time_format, time.localtime(second))
