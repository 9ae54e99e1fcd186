"""A log as it grows: a thread that reads it from the daemon, and goes on after a loss.

What it reads goes to one reader, from that thread: lines, and None where it begins anew, so that
what was shown before comes again. Later runs follow: see `GET /logs`.
"""

from collections.abc import Iterator
from threading import Event, Lock, Thread
from typing import Protocol

from paddock import excerpt
from paddock.api.connection import HangUp
from paddock.errors import DaemonUnreachable, PaddockError, UpstreamGone
from paddock.tui.calls import DaemonCalls

_LONGEST = 1 << 16  # bytes: a line without an end is cut here
_SHOWN = 2_000  # characters of a line: as far as one can scroll
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0  # seconds between two attempts


class LineReader(Protocol):
    """Whoever shows a log."""

    def hear(self, line: str | None) -> None:
        """The next line; None: what was shown before comes again. From the tail's thread."""


class Tail:
    """Follows one log until it is stopped. A name of None: what all models write."""

    def __init__(
        self,
        daemon: DaemonCalls,
        name: str | None,
        reader: LineReader,
        *,
        lines: int,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        """`lines`: how many of the past to begin with."""
        self._daemon, self._name, self._reader, self._lines = daemon, name, reader, lines
        self._pause = first_pause
        self._lock = Lock()  # for the next one
        self._line = HangUp()
        self._stopped = Event()
        # A daemon thread: one that cannot be cut off while it connects must not hold up the program.
        self._thread = Thread(target=self._run, name="paddock-tail", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hang up for good, at once; the thread is not waited for."""
        self._stopped.set()
        with self._lock:
            self._line.cut()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                line = self._line = HangUp()
            if self._stopped.is_set() or not self._read(line):
                return
            self._stopped.wait(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _read(self, line: HangUp) -> bool:
        """Pass on what comes until nothing more does; whether it is worth another attempt."""
        pieces = self._daemon.logs(self._name, self._lines, follow=True, every_run=True, line=line)
        try:
            for number, text in enumerate(_whole_lines(pieces)):
                if self._stopped.is_set():
                    return False
                if not number:
                    self._reader.hear(None)
                self._reader.hear(text)
        except (DaemonUnreachable, UpstreamGone) as error:
            self._say(error.message)
            return True
        except PaddockError as error:
            self._say(f"{error.message}: {error.hint}" if error.hint else error.message)
            return False
        self._say("the daemon has ended")
        return True

    def _say(self, what: str) -> None:
        if not self._stopped.is_set():
            self._reader.hear(f"── {what} ──")


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > _LONGEST:
            whole, rest = [*whole, rest], b""
        for line in whole:
            yield excerpt.line(line.decode(errors="replace"), _SHOWN)
