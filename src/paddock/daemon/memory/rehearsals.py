"""Rehearsals: engines started to plan or to judge a profile, one at a time, where nothing loads or ends.

Each takes some GPU memory for the driver's context, so none runs beside residents that leave no room,
and `stand_aside` ends one as soon as the memory is wanted.
"""

import asyncio
import logging
import time
from pathlib import Path
from typing import Protocol

from paddock.api.placement import Plan
from paddock.config.lenders import lacking
from paddock.config.profile import Profile
from paddock.core.model import HOST, Demand, DeviceId
from paddock.core.scheduler import Scheduler
from paddock.daemon.instances.registry import Registry
from paddock.daemon.memory.known_plans import KnownPlans
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.roster import Roster
from paddock.engine.engine import Engine
from paddock.errors import PaddockError
from paddock.placement.devices import Readings, free_now
from paddock.placement.plan_cache import PlanCache
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances

_log = logging.getLogger(__name__)
# MiB that must be free of each GPU where ours are resident: a driver's context of 530, and some room.
_ROOM_TO_REHEARSE = 1024
_TAKEN_BACK = (
    1.0  # seconds in which a driver has taken back what a rehearsal held (0.4 s were seen)
)


class PlanListener(Protocol):
    """Whoever wants to know of new plans: the daemon."""

    async def plans_changed(self) -> None:
        """An engine planned or refused something."""


class Rehearsals:
    """Puts what engines say into `known`, and into what is known of files that cannot be loaded."""

    def __init__(
        self,
        known: KnownPlans,
        roster: Roster,
        ledger: Ledger,
        flaws: Flaws,
        scheduler: Scheduler,
        registry: Registry,
        sampler: Sampler,
        listener: PlanListener,
        *,
        state_dir: Path,
    ) -> None:
        self._known, self._roster, self._ledger, self._flaws = known, roster, ledger, flaws
        self._scheduler, self._registry = scheduler, registry
        self._sampler, self._listener = sampler, listener
        self._planner = Planner(PlanCache(state_dir / "plans"))
        self._busy = asyncio.Lock()
        self._rehearsed_at = 0.0

    def around(self) -> Circumstances:
        """The machine now. What is ours is given by what the scheduler books."""
        ours: dict[DeviceId, int] = {}
        for holding in self._registry.booked().values():
            for device, mib in holding.demand.items():
                ours[device] = ours.get(device, 0) + mib
        for id_, reading in self._ledger.readings.items():
            if not reading.is_in_ram:  # its driver reports only what was set aside
                ours[id_] = reading.ours_mib
        return Circumstances(self._ledger.readings, self._ledger.overheads, ours)

    # ---- when ----

    def may_rehearse(self, profile: Profile) -> bool:
        booked = self._registry.booked().values()
        if not self._scheduler.is_calm or self._scheduler.away is not None:
            return False
        if any(_share_a_server(profile, holding.demand) for holding in booked):
            return False
        return not booked or self._has_room()

    def _has_room(self) -> bool:
        """Whether every GPU can take a driver's context beside what is resident."""
        return all(
            free is None or free >= _ROOM_TO_REHEARSE
            for id_, reading in self._ledger.readings.items()
            if id_ != HOST and not id_.startswith("RPC")
            for free in [free_now(reading, self._ledger.readings)]
        )

    async def settle(self) -> None:
        """Return when a driver has taken back what the last rehearsal held, and the devices are read."""
        if (left := self._rehearsed_at + _TAKEN_BACK - time.monotonic()) > 0:
            await asyncio.sleep(left)
            self._sampler.measure()

    async def stand_aside(self) -> bool:
        """End what is being planned; whether anything was."""
        if not self._busy.locked():
            return False
        self._planner.cancel()
        async with self._busy:  # until its process is gone
            return True

    # ---- what ----

    async def make(self, profile: Profile, *, anew: bool = False) -> Plan | None:
        """The plan that its engine makes, or an estimate that says why not; None: not now.

        What is remembered on the disk is taken where it holds; not where it was made beside who is gone. `anew`: never.
        """
        async with self._busy:
            if not self._scheduler.is_calm or self._scheduler.away is not None:
                return None
            if lacking(profile, self._roster.lenders):
                return None  # alone it would lie otherwise
            try:
                engine = self._roster.engine(profile)
            except PaddockError as error:
                _log.warning("no plan for %s: %s", profile.id, error)
                self._known.note_failed(profile.fingerprint)
                return None
            self._sampler.measure()  # what was read ten seconds ago may have left since
            around, facts = self.around(), self._roster.facts(profile)
            state = self._flaws.state(profile)
            if anew or self._known.is_reopened(profile.fingerprint, around.readings):
                self._planner.forget(profile, engine)
            try:
                plan = await asyncio.to_thread(self._planner.plan, profile, engine, facts, around)
                self._rehearsed_at = time.monotonic()
            except asyncio.CancelledError:
                self._planner.cancel()  # the thread ends with its process, in a moment
                raise
            except Exception:
                self._known.note_failed(profile.fingerprint)  # or it would be tried for ever
                raise
            if plan.refusal:
                self._flaws.note(profile, state, plan.refusal)
            else:
                self._flaws.forget(profile.fingerprint)
            await self._keep(profile, plan, around.readings)
            return plan

    async def judge(self, profile: Profile) -> None:
        """Have its engine say, without a GPU and once, whether it loads the files."""
        async with self._busy:
            if not self._scheduler.is_calm or self._known.may_load(profile.fingerprint):
                return
            state, refusal = self._flaws.state(profile), await self._refusal(profile)
            if refusal is not None:
                self._known.note_judged(profile.fingerprint)
        if refusal:
            self._flaws.note(profile, state, refusal)
            await self._listener.plans_changed()

    async def _refusal(self, profile: Profile) -> str | None:
        """Its engine's words; None where it was cancelled."""
        try:
            engine = self._roster.engine(profile)
            return await asyncio.to_thread(self._planner.refusal, profile, engine)
        except PaddockError:
            return ""
        except asyncio.CancelledError:
            self._planner.cancel()
            raise

    async def _keep(self, profile: Profile, plan: Plan, readings: Readings) -> None:
        if plan.source == "engine":
            words = plan.steps if plan.fits else plan.warnings
            _log.info("plan for %s: %s", profile.id, "; ".join(words) or "as asked for")
            self._known.keep(profile.fingerprint, plan, readings)
            self._ledger.learn(plan)
            await self._listener.plans_changed()
        elif "cancelled" not in (plan.notes or [""])[0]:
            _log.info("no plan for %s: %s", profile.id, plan.notes[0] if plan.notes else "")
            self._known.note_failed(profile.fingerprint)
            if plan.refusal:
                self._known.drop(profile.fingerprint)
                await self._listener.plans_changed()

    def remember(self, profile: Profile, engine: Engine, plan: Plan) -> None:
        """Keep this plan on the disk in place of the one there."""
        self._planner.remember(profile, engine, plan)

    def forget(self, profile: Profile, engine: Engine) -> None:
        """What is kept on the disk of its plan."""
        self._planner.forget(profile, engine)


def _share_a_server(profile: Profile, demand: Demand) -> bool:
    """Whether a rehearsal would wait for an RPC server, which answers one client at a time."""
    flag = profile.flag("--rpc")
    endpoints = flag.values[0].split(",") if flag and flag.values else []
    return any(id_.startswith("RPC") and e in id_ for id_ in demand for e in endpoints)
