"""Starts the next instance's process while others leave for it, so that its program, its libraries and
the driver's context are there when the memory is. It waits where it would open its model."""

import asyncio
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from paddock.config.profile import Profile
from paddock.core.effects import Spawn
from paddock.core.upcoming import Upcoming
from paddock.daemon.early_start import EarlyStart
from paddock.daemon.faults import Faults
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.starter import Starter
from paddock.engine.launch import environment
from paddock.errors import PaddockError
from paddock.llama.process import Child
from paddock.placement.beforehand import hindrance

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A process that goes on as an instance."""

    record: Record
    child: Child


class EarlyStarts:
    """At most one that may still be needed; those that are not any more end in a moment."""

    def __init__(
        self,
        records: Records,
        registry: Registry,
        roster: Roster,
        ledger: Ledger,
        plans: ProfilePlans,
        starter: Starter,
        contexts: Contexts,
        faults: Faults,
    ) -> None:
        self._records, self._registry, self._roster = records, registry, roster
        self._ledger, self._plans, self._starter = ledger, plans, starter
        self._contexts, self._faults = contexts, faults
        self._current: EarlyStart | None = None
        self._dropped: list[EarlyStart] = []  # and not gone yet

    def foresee(self, group: asyncio.TaskGroup, upcoming: Upcoming | None) -> None:
        """Begin what comes next, if it may be begun; end what does not any more."""
        if self._current and not self._current.is_for(upcoming):
            self._drop(self._current)
            self._current = None
        if upcoming and self._current is None:
            self._current = EarlyStart(upcoming)
            group.create_task(self._live(self._current))

    def claim(self, order: Spawn) -> EarlyStart | None:
        """What was begun for this order, which nobody else gets then."""
        start, self._current = self._current, None
        if start is None:
            return None
        mine = start.upcoming
        if (mine.instance, mine.fingerprint) != (order.instance, order.fingerprint):
            self._drop(start)
            return None
        return start

    async def take(self, start: EarlyStart | None, profile: Profile) -> Begun | None:
        """The process of this one, going on, and its record; None: it is to be started.

        All that were dropped are gone when this returns.
        """
        if start:
            start.decide("take" if self._still_holds(start, profile) else "drop")
            await start.wait_over()
        await self._wait_for_dropped(start)
        if start is None or start.record is None or start.child is None:
            return None
        start.record.is_early = False
        return Begun(start.record, start.child)

    async def _wait_for_dropped(self, start: EarlyStart | None) -> None:
        """Until those dropped before are gone, and with them their memory and their number."""
        for other in list(self._dropped):
            if other is not start:
                await other.wait_over()

    def _still_holds(self, start: EarlyStart, profile: Profile) -> bool:
        """Whether it would be started with the same flags now: memory may have changed meanwhile."""
        record = start.record
        return record is None or self._starter.replay(start.upcoming, profile) == record.replay

    def _drop(self, start: EarlyStart) -> None:
        self._dropped.append(start)
        start.decide("drop")

    async def _live(self, start: EarlyStart) -> None:
        try:
            await self._begin(start)
        except (OSError, PaddockError) as error:
            _log.info("%s is not started early: %s", start.upcoming.instance, error)
        except Exception as error:  # noqa: BLE001  # it is only the first try: another one follows
            self._faults.note("early starts", error)
        finally:
            if start.child is None:
                with self._faults.caught("early starts"):
                    await self._clear(start)
            start.close()
            if start in self._dropped:
                self._dropped.remove(start)

    async def _begin(self, start: EarlyStart) -> None:
        await self._wait_for_dropped(start)
        upcoming = start.upcoming
        profile = self._roster.version(upcoming.profile, upcoming.fingerprint)
        engine = self._roster.engine(profile)
        if profile.overlap == "off" or engine.kind == "container":
            return
        await self._plans.stand_aside()
        mode = await self._starter.mode(profile)
        replay = self._starter.replay(upcoming, profile)
        if why := hindrance(profile, replay, self._ledger.readings):
            _log.info("%s is not started early: %s", upcoming.instance, why)
            return
        if start.decision is None:
            record, gate = self._starter.prepare_early(upcoming, profile, replay, mode)
            start.record = record  # so that nothing of it is left
            if gate.holds_anything:
                _log.info("%s is started while %s leaves", record.instance, _names(upcoming))
                environ = environment(engine, os.environ)
                await start.run(record, gate, environ, self._records, self._registry)

    async def _clear(self, start: EarlyStart) -> None:
        """Nothing is left of one that nobody needs."""
        self._registry.forget_early(start.upcoming.instance)
        if start.record is None:
            return
        self._records.remove(start.record)
        if start.record.contexts:
            for folder in self._contexts.give_back(Path(start.record.contexts)):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _names(upcoming: Upcoming) -> str:
    return ", ".join(sorted(upcoming.leavers))
