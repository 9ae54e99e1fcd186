"""Begins instances. Those that live already: `adoption.py`; until their ends: `instance_tasks.py`."""

import asyncio
import logging
import os
from collections.abc import Mapping

from paddock.config.profile import Profile
from paddock.core.effects import Spawn
from paddock.core.model import HOST, Cause, InstanceId
from paddock.core.upcoming import Upcoming
from paddock.daemon.early_start import EarlyStart
from paddock.daemon.early_starts import Begun, EarlyStarts
from paddock.daemon.faults import Faults
from paddock.daemon.instance_tasks import InstanceTasks
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.starter import Starter
from paddock.engine.launch import environment
from paddock.errors import PaddockError
from paddock.llama.process import spawn
from paddock.llama.signs import MARK
from paddock.placement.planner import quoted

_log = logging.getLogger(__name__)


class Supervisor:
    """Begins instances: prepares each, starts its process, and once more where that is worth it."""

    def __init__(
        self,
        records: Records,
        registry: Registry,
        roster: Roster,
        plans: ProfilePlans,
        flaws: Flaws,
        contexts: Contexts,
        starter: Starter,
        early: EarlyStarts,
        tasks: InstanceTasks,
        faults: Faults,
    ) -> None:
        self._records, self._registry, self._roster = records, registry, roster
        self._plans, self._flaws, self._contexts = plans, flaws, contexts
        self._starter, self._early, self._tasks = starter, early, tasks
        self._faults = faults

    def bring_to_life(self, group: asyncio.TaskGroup, order: Spawn) -> None:
        """Start this instance of this version of its profile; its end is an event for the loop."""
        life = self._new_life(order, self._early.claim(order))
        self._tasks.begin(group, order.instance, life)

    def foresee(self, group: asyncio.TaskGroup, upcoming: Upcoming | None) -> None:
        """This will be brought to life once others are gone; None: nothing waits for that."""
        self._early.foresee(group, upcoming)

    async def _new_life(self, order: Spawn, early: EarlyStart | None) -> None:
        # First, since a rehearsal holds memory that would be missing in what is read of the devices.
        with self._faults.caught("plans"):
            await self._plans.stand_aside()
        if why := self._tasks.why_stopped(order.instance):
            if early:
                early.decide("drop")
            self._tasks.failed_to_begin(order.instance, _stopped(why))
            return
        try:
            profile = self._roster.version(order.profile, order.fingerprint)
            engine = self._roster.engine(profile)
            environ = environment(engine, os.environ)
            begun = await self._early.take(early, profile)
            if begun:
                record = begun.record
            else:
                mode = await self._starter.mode(profile)
                record = self._starter.prepare(order.instance, profile, mode)
        except Exception as error:  # noqa: BLE001  # one's trouble must not end the others
            if early:
                early.decide("drop")
            self._tasks.failed_to_begin(order.instance, self._why_unprepared(order.instance, error))
            return
        with self._faults.caught("contexts"):
            demand = self._registry.demand(order.instance)
            await self._contexts.leave_ram(demand.get(HOST, 0), record)
        if why := self._tasks.why_stopped(order.instance):
            if begun:
                await begun.child.end_at_once()
            await self._stopped_before_it_began(record, why)
            return
        state = self._flaws.state(profile)
        live, cause = await self._run(record, environ, begun)
        while live.goes_on:
            live, cause = await self._run_again(live, cause, profile, environ)
        await self._tasks.after_its_end(live, cause)
        if live.refusal:
            self._flaws.note(profile, state, quoted(engine, live.refusal))

    def _why_unprepared(self, instance: InstanceId, error: Exception) -> Cause:
        if isinstance(error, PaddockError):
            return Cause(error.code, error.message, error.hint)
        if isinstance(error, OSError):
            return Cause("state_unwritable", f"cannot prepare {instance}: {error}")
        self._faults.note("instances", error)
        return Cause("internal", f"an internal fault of Paddock: {error!r}")

    async def _run(
        self, record: Record, environ: Mapping[str, str], begun: Begun | None = None
    ) -> tuple[Instance, Cause]:
        """Start it, unless it was begun early, and see it through; the instance, and why it ended."""
        plumbing, marked = self._records.plumbing(record.number), {**environ, MARK: record.mark}
        live = self._tasks.track(record)
        self._tasks.listener.phase_changed(live)
        live.is_early = begun is not None
        if begun:
            return live, await self._tasks.see_through(live, lambda: begun.child)
        return live, await self._tasks.see_through(
            live, lambda: spawn(record.argv, marked, plumbing)
        )

    async def _run_again(
        self, short: Instance, cause: Cause, profile: Profile, environ: Mapping[str, str]
    ) -> tuple[Instance, Cause]:
        """The same load once more; who waits for it waits on.

        With a search where its plan does not hold; in its turn, where it began early.
        """
        how = "fit searches anew" if short.must_search else "again"
        _log.warning("%s: %s: %s", short.id, how, cause.message)
        await self._tasks.wait_freed(short)
        if short.order.why is not None:
            self._end(short, ph.Stopped())
            return short, Cause("stopped", f"stopped: {short.order.why}")
        try:
            record = self._starter.again(
                short.record,
                profile,
                searches=short.must_search,
                difference=short.report.difference,
            )
        except (OSError, PaddockError) as error:
            _log.error("%s cannot be prepared again: %s", short.id, error)
            self._end(short, ph.Failed(cause))
            return short, cause
        return await self._run(record, environ)

    def _end(self, short: Instance, phase: ph.Phase) -> None:
        """Its load does not go on after all."""
        short.must_search = short.failed_early = False
        short.move(phase)
        with self._faults.caught("records"):
            self._records.close(short.record)

    async def _stopped_before_it_began(self, record: Record, why: str) -> None:
        with self._faults.caught("records"):
            self._records.close(record)
        gone = self._tasks.contexts_given_back(record)
        self._tasks.failed_to_begin(InstanceId(record.instance), _stopped(why))
        await self._tasks.delete(gone)


def _stopped(why: str) -> Cause:
    return Cause("stopped", f"stopped before it began: {why}")
