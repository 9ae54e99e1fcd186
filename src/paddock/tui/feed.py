"""The connection to the daemon: a thread that reads its events and never gives up.

Whatever it hears goes to one reader, in order and from that thread: events, and what became of the
link. After a loss it waits, longer each time, and goes on where it was; a daemon that no longer knows
that place begins with a snapshot. Whoever stops it may be that reader's own thread or any other.
"""

from threading import Event, Lock, Thread
from time import monotonic
from typing import Protocol

from paddock.api.client import Client
from paddock.api.connection import HangUp
from paddock.api.events import Snapshot
from paddock.errors import DaemonUnreachable, PaddockError, UpstreamGone
from paddock.tui.state import LinkChanged, News

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between two attempts


class NewsReader(Protocol):
    """Whoever wants the news: the dashboard."""

    def hear(self, news: News) -> None:
        """The next news, from the thread of whatever brings it."""


class Feed:
    """Reads from its start until it is stopped."""

    def __init__(
        self,
        client: Client,
        *,
        first_pause: float = FIRST_PAUSE,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self._client = client
        self._first_pause, self._longest_pause = first_pause, longest_pause
        self._pause = first_pause
        self._after: int | None = None  # the number of the last event
        self._lock = Lock()  # for the next three
        self._line = HangUp()
        self._is_stopped = False
        self._wants_snapshot = False
        self._awake = Event()  # set: do not wait for the end of the pause
        # A daemon thread: one that cannot be cut off while it connects must not hold up the program.
        self._thread: Thread | None = None

    def clock(self) -> float:
        """Seconds, by the clock that the news are dated with as they are read."""
        return monotonic()

    def start(self, reader: NewsReader) -> None:
        """Inform `reader` from now on, from a thread of its own."""
        self._thread = Thread(target=self._run, args=(reader,), name="paddock-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up for good, at once. The thread is not waited for: it may be waiting for the caller."""
        with self._lock:
            self._is_stopped = True
            self._line.cut()
        self._awake.set()

    def refresh(self) -> None:
        """Begin anew with a snapshot; while the link is lost, try again now."""
        with self._lock:
            if not self._wants_snapshot:
                self._wants_snapshot = True
                self._line.cut()
        self._awake.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end, not from within the reader; whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ---- the thread ----

    def _run(self, reader: NewsReader) -> None:
        is_quiet = False  # after an order to begin anew nobody need know of the moment between
        while (line := self._new_line()) is not None:
            if not is_quiet:
                self._say(line, LinkChanged("connecting"), reader)
            error = self._read(line, reader)
            is_quiet = line.is_cut
            if not is_quiet:
                reader.hear(LinkChanged("lost", error))
                self._wait()

    def _new_line(self) -> HangUp | None:
        """For the next attempt; None when there shall be none."""
        with self._lock:
            if self._is_stopped:
                return None
            if self._wants_snapshot:
                self._after = None
            self._awake.clear()
            self._line = HangUp()
            return self._line

    def _read(self, line: HangUp, reader: NewsReader) -> str:
        """Pass on what comes until nothing more does; why, in words."""
        try:
            with self._client.watch(self._after, line=line) as events:
                self._say(line, LinkChanged("live"), reader)
                for event in events:
                    self._say(line, event, reader)
        except (DaemonUnreachable, UpstreamGone) as error:
            return error.message
        except PaddockError as error:
            self._after = None  # what was not understood would only come again
            return error.message
        return "the daemon has ended"

    def _say(self, line: HangUp, news: News, reader: NewsReader) -> None:
        """Pass it on; after a hang-up nothing more, though more may have arrived already."""
        if line.is_cut:
            return
        if not isinstance(news, LinkChanged):
            self._pause = self._first_pause
            self._after = news.seq or self._after  # a reading has no number
        if isinstance(news, Snapshot):
            with self._lock:
                self._wants_snapshot = False
        reader.hear(news)

    def _wait(self) -> None:
        pause, self._pause = self._pause, min(2 * self._pause, self._longest_pause)
        self._awake.wait(pause)
