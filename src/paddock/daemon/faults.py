"""Unexpected errors of the daemon's own parts: logged once with their traceback, counted, shown in status.

Whoever serves all (planning, watching, history, …) works inside `caught` or `keep_running`: an error
about one profile, file or device costs that piece of work, never the part, and never an instance.
"""

import asyncio
import logging
import sqlite3
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from paddock.api.types import FaultInfo
from paddock.daemon.clock import timestamp

_log = logging.getLogger(__name__)
_OF_THE_MACHINE = (OSError, sqlite3.OperationalError)
_KEPT = 50  # different faults; a daemon with more of them has shown enough
_LONGEST = 500  # characters of a message
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before a part that broke off begins again


class Faults:
    """All that were met since the daemon began."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], FaultInfo] = {}  # by part and place in the code

    def note(self, part: str, error: Exception) -> None:
        """Remember it; the log has it the first time that it happens in this place.

        With a traceback, unless the machine itself refused: a full disk is no riddle.
        """
        key = (part, _place(error))
        if known := self._known.get(key):
            known.count += 1
            known.last = timestamp()
            return
        message = f"{type(error).__name__}: {error}"[:_LONGEST]
        riddle = None if isinstance(error, _OF_THE_MACHINE) else error
        _log.error("unexpected error in %s; it goes on: %s", part, message, exc_info=riddle)
        if len(self._known) < _KEPT:
            now = timestamp()
            self._known[key] = FaultInfo(part=part, message=message, first=now, last=now)

    def known(self) -> list[FaultInfo]:
        """Each different one, the oldest first."""
        return list(self._known.values())

    @contextmanager
    def caught(self, part: str) -> Iterator[None]:
        """Whatever goes wrong inside the block ends the block, and is noted."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # that is its purpose
            self.note(part, error)

    async def keep_running(self, part: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run it until it returns; when it breaks off, begin again after a pause that grows."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await run()
            except Exception as error:  # noqa: BLE001  # the part's end must not be the daemon's
                self.note(part, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _place(error: Exception) -> str:
    """The kind of error and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}@{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
