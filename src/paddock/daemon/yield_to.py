"""Yields the GPUs by itself while a program runs that `yield-to` names, and takes them back after its end."""

import asyncio
import logging
import os
from collections.abc import Collection, Sequence

from paddock.daemon.aside import Aside
from paddock.daemon.clock import Clock
from paddock.daemon.yield_state import YieldRecord, YieldState
from paddock.daemon.yielding import Yielding
from paddock.host.programs import ProcessList, RunningProgram

_log = logging.getLogger(__name__)
_EVERY = 2.0  # seconds between two looks
_GRACE = 4.0  # seconds without any: a launcher ends before the game begins, a program is restarted
_OURS = " (yield-to)"  # after the name of the program in the words for whom the GPUs are yielded


class YieldTo:
    """`run` looks now and then. Somebody's own yield and resume count more."""

    def __init__(
        self,
        programs: Sequence[str],
        yielding: Yielding,
        state: YieldState,
        clock: Clock,
    ) -> None:
        self._patterns = programs
        self._yielding, self._state, self._clock = yielding, state, clock
        self._programs, self._aside = ProcessList(programs), Aside(1)
        self._refused: set[tuple[int, int]] = (
            set()
        )  # programs that somebody took the GPUs back from
        self._last: YieldRecord | None = None
        self._seen_at = clock.now()

    async def run(self) -> None:
        """For ever; at once done where no program is named and none was yielded to."""
        while self._patterns or self._is_ours(self._state.current):
            found = await self._aside.run(lambda: self._programs.running(but={os.getpid()}))
            if found is not None:  # else the last look hangs
                await self.follow(found)
            await asyncio.sleep(_EVERY)

    async def follow(self, found: Collection[RunningProgram]) -> None:
        """Yield or resume, with these programs running."""
        self._note_what_others_did(found)
        wanted = [one for one in found if (one.pid, one.started) not in self._refused]
        self._refused.intersection_update((one.pid, one.started) for one in found)
        if wanted:
            self._seen_at = self._clock.now()
        if wanted and self._state.current is None:
            _log.info("%s runs (process %d)", wanted[0].name, wanted[0].pid)
            await self._yielding.begin(f"{wanted[0].name}{_OURS}")
        elif self._is_ours(self._state.current) and self._is_over:
            _log.info("no program that yield-to names runs any more")
            self._yielding.end()
        self._last = self._state.current

    @property
    def _is_over(self) -> bool:
        return self._clock.now() - self._seen_at >= _GRACE

    def _note_what_others_did(self, found: Collection[RunningProgram]) -> None:
        """Who resumed by hand meant it: not again for what runs now. A time that is over is another thing."""
        ended = self._last if self._state.current is None else None
        if ended and not (ended.until and ended.is_over):
            self._refused.update((one.pid, one.started) for one in found)

    @staticmethod
    def _is_ours(record: YieldRecord | None) -> bool:
        return record is not None and record.by.endswith(_OURS)
