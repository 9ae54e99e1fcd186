"""Plans of all profiles: made one after another while nothing else happens, remade when memory changed.

A rehearsal starts the engine and takes some GPU memory for the driver's context. So none runs while
an instance loads or ends (`stand_aside` ends one that does), nor beside residents that leave no room.
Until a plan is made, an estimate from the file's facts stands in for it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Protocol

from msgspec import structs

from paddock.api.placement import Plan
from paddock.config.profile import Profile, Stable
from paddock.core.model import HOST, Demand, DeviceId
from paddock.core.scheduler import Scheduler
from paddock.daemon.faults import Faults
from paddock.daemon.instances.registry import Registry
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.turns import in_turns
from paddock.engine.engine import Engine
from paddock.errors import PaddockError
from paddock.llama.gguf import Facts
from paddock.placement.devices import Readings
from paddock.placement.estimate import estimated
from paddock.placement.plan_cache import PlanCache, holds, is_news, is_outgrown
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances

_log = logging.getLogger(__name__)
# MiB that must be free of each GPU where ours are resident: a driver's context of 530, and some room.
_ROOM_TO_REHEARSE = 1024
_TAKEN_BACK = (
    1.0  # seconds in which a driver has taken back what a rehearsal held (0.4 s were seen)
)
_OTHERS_KEPT = 100  # plans of versions that models.conf has no more: they may still run


class PlanListener(Protocol):
    """Whoever wants to know of new plans: the daemon."""

    async def plans_changed(self) -> None:
        """An engine planned or refused something."""


class ProfilePlans:
    """What each profile will take. `run` makes the plans, `wake` has it look again."""

    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        flaws: Flaws,
        scheduler: Scheduler,
        registry: Registry,
        sampler: Sampler,
        listener: PlanListener,
        faults: Faults,
        *,
        state_dir: Path,
        ahead: bool,
    ) -> None:
        """`ahead`: make plans before anybody asks for them."""
        self._roster, self._ledger = roster, ledger
        self._scheduler, self._registry = scheduler, registry
        self._sampler, self._listener = sampler, listener
        self._ahead, self._faults = ahead, faults
        self._planner = Planner(PlanCache(state_dir / "plans"))
        self._made: dict[str, Plan] = {}  # by fingerprint
        # What the devices had when each was made. An engine may see them otherwise than our readings:
        # what these reject is made anew only where they have changed, or it would be made for ever.
        self._made_with: dict[str, Readings] = {}
        self._outgrown: set[str] = set()  # those that were cut to less than there is now
        self._failed: set[str] = set()  # fingerprints whose engine could not plan
        self._judged: set[str] = set()  # those that were at least asked whether they load
        self._flaws = flaws
        self._busy = asyncio.Lock()
        self._rehearsed_at = 0.0

    # ---- looking up ----

    def of(self, profile: Profile) -> Plan:
        """The engine's plan where there is one, even if memory has changed since; else an estimate.

        Also in place of one that was cut to less memory than there is now.
        """
        return self.current(profile.fingerprint, profile.id) or self._estimate(profile)

    def current(self, fingerprint: str, name: str = "") -> Plan | None:
        """The engine's plan, unless the profile would take more by now."""
        return None if fingerprint in self._outgrown else self.engine_plan(fingerprint, name)

    def engine_plan(self, fingerprint: str, name: str = "") -> Plan | None:
        """What the engine itself planned for this version of a profile, in this profile's `name`.

        Profiles with the same command line share it.
        """
        plan = self._made.get(fingerprint)
        if plan is None or not name or plan.profile == name:
            return plan
        return structs.replace(plan, profile=name)

    def facts(self, profile: Profile) -> Facts | None:
        """What an estimate of this profile is made from, besides the devices."""
        return self._roster.facts(profile)

    @property
    def knowledge(self) -> object:
        """What is known of the devices for good: estimates change with it."""
        return self._ledger.knowledge

    def _estimate(self, profile: Profile) -> Plan:
        with self._faults.caught("plans"):
            plan = estimated(profile, self._roster.facts(profile), self._around())
            plan.refusal = self._flaws.refusal(profile)
            plan.fits = plan.fits and not plan.refusal
            return plan
        note = "nothing is known of what it takes: an internal fault, see `paddock status`"
        return Plan(profile=profile.id, source="estimate", fits=True, notes=[note])

    def _around(self) -> Circumstances:
        """The machine now. What is ours is given by what the scheduler books."""
        ours: dict[DeviceId, int] = {}
        for holding in self._registry.booked().values():
            for device, mib in holding.demand.items():
                ours[device] = ours.get(device, 0) + mib
        for id_, reading in self._ledger.readings.items():
            if not reading.is_in_ram:  # its driver reports only what was set aside
                ours[id_] = reading.ours_mib
        return Circumstances(self._ledger.readings, self._ledger.overheads, ours)

    # ---- making ----

    async def run(self) -> None:
        """Make the plans that are missing or hold no more, each time it is woken, for ever."""
        while True:
            await self._sampler.has_news.wait()
            self._sampler.has_news.clear()
            if self._ahead:
                await self._make_missing()
            with self._faults.caught("plans"):
                await self._note_outgrown()

    async def _make_missing(self) -> None:
        """Of the file that is active, for as long as it is: with thousands of profiles that is an hour.

        Doubtful files are judged first: somebody may ask for these before all plans are made.
        """
        async for profile in self._active():
            with self._faults.caught("plans"):
                if self._roster.is_doubtful(profile):
                    await self._judge(profile)
        async for profile in self._active():
            with self._faults.caught("plans"):
                await self._look_after(profile)

    async def _active(self) -> AsyncIterator[Profile]:
        """Its profiles, until another file is active; then there is a new look at all.

        Holds their names alone, since of thousands of profiles the last holder frees all in one turn.
        """
        edition, names = self._roster.edition, list(self._roster.stable.profiles)
        async for name in in_turns(names):
            if self._roster.edition != edition:
                self.wake()
                return
            yield self._roster.stable.profiles[name]

    async def _note_outgrown(self) -> None:
        """Memory was given back, and no new plan could be made yet: an estimate stands in for the old one."""
        found = {f for f, plan in self._made.items() if is_outgrown(plan, self._ledger.readings)}
        if found != self._outgrown:
            self._outgrown = found
            await self._listener.plans_changed()

    async def _look_after(self, profile: Profile) -> None:
        """Have its plan made if it is missing or holds no more; where that is not possible, judged."""
        if self._is_wanted(profile) and await self._is_wanted_still(profile):
            await (self._make(profile) if self._may_rehearse(profile) else self._judge(profile))

    async def _is_wanted_still(self, profile: Profile) -> bool:
        """A moment after the last rehearsal, whose memory may not be back yet: that is no news."""
        if profile.fingerprint not in self._made:
            return True
        if (left := self._rehearsed_at + _TAKEN_BACK - time.monotonic()) > 0:
            await asyncio.sleep(left)
            self._sampler.measure()
        return self._is_wanted(profile)

    def wake(self) -> None:
        """Memory, profiles or instances have changed."""
        self._sampler.has_news.set()

    async def make(self, profile: Profile) -> Plan:
        """The plan as of now, made if need be; an estimate where an engine cannot be asked now."""
        self._sampler.measure()
        if self._is_wanted(profile) or profile.fingerprint in self._failed:
            if not self._may_rehearse(profile):
                await self._judge(profile)
                plan = self.of(profile)
                if plan.source == "estimate":
                    plan.notes = ["an estimate: something is loading, the GPUs are yielded, or none has room for a "
                                  "rehearsal beside what is resident", *plan.notes]  # fmt: skip
                return plan
            return await self._make(profile) or self.of(profile)
        return self.of(profile)

    async def stand_aside(self) -> None:
        """End what is being planned: the memory is wanted. It is planned again later."""
        if self._busy.locked():
            self._planner.cancel()
            async with self._busy:  # until its process is gone
                self.wake()

    def _is_wanted(self, profile: Profile) -> bool:
        if profile.fingerprint in self._failed:
            return False
        plan, now = self._made.get(profile.fingerprint), self._ledger.readings
        if plan is None:
            return True
        then = self._made_with.get(profile.fingerprint, {})
        return not holds(plan, now) and is_news(plan, then, now)

    def _may_rehearse(self, profile: Profile) -> bool:
        booked = self._registry.booked().values()
        if not self._scheduler.is_calm or self._scheduler.away is not None:
            return False
        if any(_share_a_server(profile, holding.demand) for holding in booked):
            return False
        return not booked or self._has_room()

    def _has_room(self) -> bool:
        """Whether every GPU can take a driver's context beside what is resident."""
        return all(
            reading.free_mib is None or reading.free_mib >= _ROOM_TO_REHEARSE
            for id_, reading in self._ledger.readings.items()
            if id_ != HOST and not id_.startswith("RPC")
        )

    async def _make(self, profile: Profile) -> Plan | None:
        """The plan that its engine makes, or an estimate that says why not; None: not now."""
        async with self._busy:
            if not self._scheduler.is_calm or self._scheduler.away is not None:
                return None
            try:
                engine = self._roster.engine(profile)
            except PaddockError as error:
                _log.warning("no plan for %s: %s", profile.id, error)
                self._failed.add(profile.fingerprint)
                return None
            self._sampler.measure()  # what was read ten seconds ago may have left since
            around, facts = self._around(), self._roster.facts(profile)
            state = self._flaws.state(profile)
            try:
                plan = await asyncio.to_thread(self._planner.plan, profile, engine, facts, around)
                self._rehearsed_at = time.monotonic()
            except asyncio.CancelledError:
                self._planner.cancel()  # the thread ends with its process, in a moment
                raise
            except Exception:
                self._failed.add(profile.fingerprint)  # or it would be tried for ever
                raise
            if plan.refusal:
                self._flaws.note(profile, state, plan.refusal)
            else:
                self._flaws.forget(profile.fingerprint)
            await self._keep(profile, plan, around.readings)
            return plan

    async def _judge(self, profile: Profile) -> None:
        """Have its engine say, without a GPU and once, whether it loads the files."""
        async with self._busy:
            known = self._judged | self._made.keys()  # what was planned can be loaded
            if not self._scheduler.is_calm or profile.fingerprint in known:
                return
            state, refusal = self._flaws.state(profile), await self._refusal(profile)
            if refusal is not None:
                self._judged.add(profile.fingerprint)
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
            self._made[profile.fingerprint] = plan
            self._made_with[profile.fingerprint] = readings
            self._outgrown.discard(profile.fingerprint)
            self._ledger.learn(plan)
            self._failed.discard(profile.fingerprint)
            await self._listener.plans_changed()
        elif "cancelled" not in (plan.notes or [""])[0]:
            _log.info("no plan for %s: %s", profile.id, plan.notes[0] if plan.notes else "")
            self._failed.add(profile.fingerprint)
            if plan.refusal:
                self._made.pop(profile.fingerprint, None)
                await self._listener.plans_changed()

    def drop(self, profile: Profile, engine: Engine) -> None:
        """Its plan does not hold: it is made anew when nothing loads."""
        self._made.pop(profile.fingerprint, None)
        self._planner.forget(profile, engine)
        self.wake()

    def reconsider(self, files: Collection[Path]) -> None:
        """Plan anew whose model's file is another than when it was planned."""
        for profile in self._roster.stable.profiles.values():
            if profile.model in files:
                self._made.pop(profile.fingerprint, None)
                self._failed.discard(profile.fingerprint)
                self._judged.discard(profile.fingerprint)

    def keep_only(self, stable: Stable) -> None:
        """Forget the plans of other versions but for the last ones, and try again what could not be made."""
        wanted = {profile.fingerprint for profile in stable.profiles.values()}
        others = [fingerprint for fingerprint in self._made if fingerprint not in wanted]
        for fingerprint in others[:-_OTHERS_KEPT]:
            del self._made[fingerprint]
        self._made_with = {f: then for f, then in self._made_with.items() if f in self._made}
        self._failed.clear()


def _share_a_server(profile: Profile, demand: Demand) -> bool:
    """Whether a rehearsal would wait for an RPC server, which answers one client at a time."""
    flag = profile.flag("--rpc")
    endpoints = flag.values[0].split(",") if flag and flag.values else []
    return any(id_.startswith("RPC") and e in id_ for id_ in demand for e in endpoints)
