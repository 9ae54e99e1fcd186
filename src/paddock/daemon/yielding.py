"""Leaves all GPUs to other programs, until somebody resumes, a time is over, or a program has ended."""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from paddock import excerpt
from paddock.core import events as ev
from paddock.core.scheduler import Scheduler
from paddock.daemon.clock import timestamp
from paddock.daemon.faults import Faults
from paddock.daemon.loop import Loop
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.reports.publisher import Publisher
from paddock.daemon.yield_state import YieldRecord, YieldState

_log = logging.getLogger(__name__)


class Yielding:
    """Begins and ends it. `run` ends it when its time is over."""

    def __init__(
        self,
        state: YieldState,
        loop: Loop,
        scheduler: Scheduler,
        roster: Roster,
        plans: ProfilePlans,
        sampler: Sampler,
        publisher: Publisher,
        faults: Faults,
    ) -> None:
        self._state, self._loop, self._scheduler = state, loop, scheduler
        self._roster, self._plans, self._sampler = roster, plans, sampler
        self._publisher, self._faults = publisher, faults
        self._changed = asyncio.Event()

    async def begin(self, by: str, *, seconds: float | None = None, now: bool = False) -> None:
        """From now on, for so many `seconds`; None: until it is ended. Again: for how long from now.

        `by` is cut to what people read, since it is kept, and shown to all of them.
        """
        by, before = excerpt.name(by), self._state.current
        since = before.since if before else timestamp()
        until = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
        self._loop.feed(ev.Yielded(now))
        self._keep(YieldRecord(since=since, by=by, until=until))
        _log.info("the GPUs are yielded by %s", by)
        await self._plans.stand_aside()

    def end(self) -> list[str]:
        """The GPUs are ours again; what comes back, where there is room."""
        back = self._scheduler.away or ()
        with self._faults.caught("memory"):
            self._sampler.measure()  # what other programs left there counts
        self._state.clear()
        self._loop.feed(ev.Resumed())
        self._plans.wake()
        self._publisher.yield_changed()
        self._changed.set()
        return [str(profile) for profile in back]

    def recall(self) -> None:
        """Go on with what an earlier daemon began, unless its time is over; then what ran comes back."""
        if (record := self._state.current) is None:
            return
        self._loop.feed(ev.Yielded(back=(*record.back, *self._roster.preloaded())))
        if record.is_over:
            self.end()
        else:
            self._keep(record)

    def note_away(self) -> None:
        """See whether somebody else comes back now: what is unloaded meanwhile does not."""
        record, away = self._state.current, self._scheduler.away
        if record and away is not None and away != record.back:
            self._keep(record)

    def _keep(self, record: YieldRecord) -> None:
        back = self._scheduler.away or ()
        self._state.keep(
            YieldRecord(since=record.since, by=record.by, until=record.until, back=back)
        )
        self._publisher.yield_changed()
        self._changed.set()

    async def run(self) -> None:
        """End it when its time is over, for ever."""
        while True:
            self._changed.clear()
            record = self._state.current
            if record and record.is_over:
                self.end()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(record.left if record else None):
                    await self._changed.wait()
