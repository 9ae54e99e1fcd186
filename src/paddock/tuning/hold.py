"""Keeps a study open at the daemon for the length of a block: its reply is read by a thread."""

import threading
from types import TracebackType

from paddock.api.client import Client
from paddock.api.connection import HangUp
from paddock.api.tunings import Goal, StudyBegun
from paddock.errors import PaddockError, TuningRuns, UpstreamGone

_PATIENCE = 20.0  # seconds that an earlier study of ours, which was killed, may take to end


class StudyHold:
    """The daemon has the trial's profile as long as the block lasts; a kill ends that, too."""

    def __init__(self, client: Client, profile: str, goal: Goal) -> None:
        self._client, self._profile, self._goal = client, profile, goal
        self._line = HangUp()
        self._news = threading.Condition()
        self._begun: StudyBegun | None = None
        self._error: PaddockError | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> StudyBegun:
        """Raises what the daemon refuses with, TuningRuns where another one does not end."""
        waited = threading.Event()
        for attempt in range(int(_PATIENCE)):
            try:
                return self._open()
            except TuningRuns:
                if attempt + 1 == int(_PATIENCE):
                    raise
                waited.wait(1.0)  # no event says when it is over
        raise AssertionError("it was opened, or the last attempt raised")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._line.cut()
        if self._thread:
            self._thread.join()

    def _open(self) -> StudyBegun:
        self._error, self._line = None, HangUp()
        self._thread = threading.Thread(target=self._read, daemon=True)  # it waits for the network
        self._thread.start()
        with self._news:
            self._news.wait_for(lambda: self._begun or self._error)
        if self._begun is None:
            assert self._error is not None, "one of the two was waited for"
            raise self._error
        return self._begun

    def _read(self) -> None:
        try:
            with self._client.study(self._profile, self._goal, line=self._line) as (begun, beats):
                with self._news:
                    self._begun = begun
                    self._news.notify_all()
                for _ in beats:
                    pass
            raise UpstreamGone("the daemon has ended the study")
        except PaddockError as error:
            with self._news:
                self._error = error
                self._news.notify_all()
