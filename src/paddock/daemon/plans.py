"""Plans of all profiles: made one after another while nothing else happens, remade when memory changed.

A rehearsal starts the engine and takes some GPU memory for the driver's context. So none runs while
an instance loads or ends (`stand_aside` ends one that does), nor beside residents that leave no room.
Until a plan is made, an estimate from the file's facts stands in for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import structs

from paddock.api.placement import Plan
from paddock.config.profile import Profile, Stable
from paddock.core.model import HOST, Demand, DeviceId
from paddock.daemon.ledger import Booked, Ledger
from paddock.daemon.roster import Roster
from paddock.daemon.turns import in_turns
from paddock.errors import PaddockError
from paddock.llama.gguf import Facts
from paddock.placement.estimate import estimated
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances
from paddock.placement.shelf import Shelf, holds

_log = logging.getLogger(__name__)
# MiB that must be free of each GPU where ours are resident: a driver's context of 530, and some room.
_ROOM_TO_REHEARSE = 1024
_OTHERS_KEPT = 100  # plans of versions that models.conf has no more: they may still run


class Plans:
    """What each profile will take. `run` makes the plans, `wake` has it look again."""

    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        *,
        state_dir: Path,
        booked: Callable[[], Booked],
        measure: Callable[[], None],
        is_calm: Callable[[], bool],
        changed: Callable[[], Awaitable[None]],
        ahead: bool,
    ) -> None:
        """`measure` reads the devices anew. `is_calm`: nothing loads or ends. `changed` is awaited when a plan is new. `ahead`: make
        plans before anybody asks for them."""
        self._roster, self._ledger = roster, ledger
        self._booked, self._measure = booked, measure
        self._is_calm, self._changed = is_calm, changed
        self._ahead = ahead
        self._planner = Planner(Shelf(state_dir / "plans"))
        self._made: dict[str, Plan] = {}  # by fingerprint
        self._failed: set[str] = set()  # fingerprints whose engine could not tell
        self._busy = asyncio.Lock()
        self._wake = asyncio.Event()

    # ---- looking up ----

    def of(self, profile: Profile) -> Plan:
        """The engine's plan where there is one, even if memory has changed since; else an estimate."""
        return self.engine_plan(profile.fingerprint, profile.id) or self._estimate(profile)

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
        return estimated(profile, self._roster.facts(profile), self._around())

    def _around(self) -> Circumstances:
        """The machine now. What is ours is given by what the scheduler books."""
        ours: dict[DeviceId, int] = {}
        for holding in self._booked().values():
            for device, mib in holding.demand.items():
                ours[device] = ours.get(device, 0) + mib
        for id_, reading in self._ledger.readings.items():
            ours[id_] = reading.ours_mib
        return Circumstances(self._ledger.readings, self._ledger.overheads, ours)

    # ---- making ----

    async def run(self) -> None:
        """Make the plans that are missing or hold no more, each time it is woken, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._ahead:
                await self._make_missing(self._roster.stable)

    async def _make_missing(self, stable: Stable) -> None:
        """Of this file, for as long as it is in force: with thousands of profiles that is an hour."""
        async for profile in in_turns(stable.profiles.values()):
            if self._roster.stable is not stable:
                self.wake()
                return
            if self._is_wanted(profile) and self._may_rehearse(profile):
                await self._make(profile)

    def wake(self) -> None:
        """Memory, profiles or instances have changed."""
        self._wake.set()

    async def make(self, profile: Profile) -> Plan:
        """The plan as of now, made if need be; an estimate where an engine cannot be asked now."""
        self._measure()
        if self._is_wanted(profile) or profile.fingerprint in self._failed:
            if not self._may_rehearse(profile):
                plan = self.of(profile)
                if plan.source == "estimate":
                    plan.notes = ["an estimate: something is loading, or no GPU has room for a "
                                  "rehearsal beside what is resident", *plan.notes]  # fmt: skip
                return plan
            await self._make(profile)
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
        plan = self._made.get(profile.fingerprint)
        return plan is None or not holds(plan, self._ledger.readings)

    def _may_rehearse(self, profile: Profile) -> bool:
        booked = self._booked().values()
        if not self._is_calm():
            return False
        if any(_share_a_server(profile, holding.demand) for holding in booked):
            return False
        return not booked or all(
            reading.free_mib is None or reading.free_mib >= _ROOM_TO_REHEARSE
            for id_, reading in self._ledger.readings.items()
            if id_ != HOST and not id_.startswith("RPC")
        )

    async def _make(self, profile: Profile) -> None:
        async with self._busy:
            if not self._is_calm():
                return
            try:
                engine = self._roster.engine(profile)
            except PaddockError as error:
                _log.warning("no plan for %s: %s", profile.id, error)
                self._failed.add(profile.fingerprint)
                return
            self._measure()  # what was read ten seconds ago may have left since
            around, facts = self._around(), self._roster.facts(profile)
            try:
                plan = await asyncio.to_thread(self._planner.plan, profile, engine, facts, around)
            except asyncio.CancelledError:
                self._planner.cancel()  # the thread ends with its process, in a moment
                raise
            await self._keep(profile, plan)

    async def _keep(self, profile: Profile, plan: Plan) -> None:
        if plan.source == "engine":
            told = plan.steps if plan.fits else plan.warnings
            _log.info("plan for %s: %s", profile.id, "; ".join(told) or "as asked for")
            self._made[profile.fingerprint] = plan
            self._ledger.learn(plan)
            self._failed.discard(profile.fingerprint)
            await self._changed()
        elif "cancelled" not in (plan.notes or [""])[0]:
            _log.info("no plan for %s: %s", profile.id, plan.notes[0] if plan.notes else "")
            self._failed.add(profile.fingerprint)

    def keep_only(self, stable: Stable) -> None:
        """Forget the plans of other versions but for the last ones, and try again what could not be made."""
        wanted = {profile.fingerprint for profile in stable.profiles.values()}
        others = [fingerprint for fingerprint in self._made if fingerprint not in wanted]
        for fingerprint in others[:-_OTHERS_KEPT]:
            del self._made[fingerprint]
        self._failed.clear()


def _share_a_server(profile: Profile, demand: Demand) -> bool:
    """Whether a rehearsal would wait for an RPC server, which answers one client at a time."""
    flag = profile.flag("--rpc")
    endpoints = flag.values[0].split(",") if flag and flag.values else []
    return any(id_.startswith("RPC") and e in id_ for id_ in demand for e in endpoints)
