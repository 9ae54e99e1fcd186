"""Ends what a study waits for when its time is over: requests, plans, and the load of a trial."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from paddock.api.client import Client
from paddock.bench.watch import Cuttable
from paddock.errors import PaddockError
from paddock.tuning.budget import Budget

_AGAIN = 0.5  # seconds: a load that begins just then is ended, too


class Deadline:
    """Looks on for the length of its block. `trial`: the profile that is unloaded, whatever it does."""

    def __init__(self, client: Client, budget: Budget, trial: str) -> None:
        self._client, self._budget, self._trial = client, budget, trial
        self._news = threading.Condition()
        self._running: list[Cuttable] = []
        self._is_over = False
        self._loads = 0  # blocks that may have the trial loaded
        self._is_unloading = False
        self._thread = threading.Thread(target=self._look_on, daemon=True)  # it waits for the clock

    def __enter__(self) -> "Deadline":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        with self._news:
            self._is_over = True
            self._news.notify_all()
        self._thread.join()

    @property
    def left(self) -> float:
        """Seconds that what is done now may take."""
        return self._budget.free

    def check(self) -> None:
        """BudgetSpent where there is none."""
        self._budget.check()

    @contextmanager
    def cutting(self, running: Cuttable) -> Iterator[None]:
        """For this block, the end of the time has `running` cut."""
        with self._news:
            self._running.append(running)
            self._news.notify_all()
        try:
            yield
        finally:
            with self._news:
                self._running.remove(running)

    @contextmanager
    def ending_loads(self) -> Iterator[None]:
        """For this block, the end of the time has the trial unloaded, also while it loads."""
        with self._news:
            self._loads += 1
            self._news.notify_all()
        try:
            yield
        finally:
            with self._news:  # the next load is not to be ended by what ends this one
                self._news.wait_for(lambda: not self._is_unloading)
                self._loads -= 1

    def _look_on(self) -> None:
        with self._news:
            while not self._is_over:
                if self._budget.free > 0 or not (self._running or self._loads):
                    self._news.wait(self._budget.free or None)
                    continue
                for one in self._running:
                    one.cut()
                self._is_unloading = self._loads > 0
                if self._is_unloading:
                    self._unload()
                self._news.wait(_AGAIN)

    def _unload(self) -> None:
        self._news.release()  # it is an exchange with the daemon
        try:
            with suppress(PaddockError):  # it may be gone already
                self._client.unload(self._trial, now=True, wait=False)
        finally:
            self._news.acquire()
            self._is_unloading = False
            self._news.notify_all()
