"""Plans of all profiles: made one after another while nothing else happens, remade when memory changed.

How one is made: `rehearsals.py`; what is known: `known_plans.py`. Until a plan is made, an estimate from
the file's facts stands in for it.
"""

import time
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from msgspec import structs

from paddock.api.placement import Plan
from paddock.config.profile import Profile, Stable
from paddock.core.scheduler import Scheduler
from paddock.daemon.faults import Faults
from paddock.daemon.instances.registry import Registry
from paddock.daemon.memory.known_plans import KnownPlans
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.rehearsals import PlanListener, Rehearsals
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.turns import in_turns
from paddock.engine.engine import Engine
from paddock.llama.gguf import Facts
from paddock.placement.estimate import estimated

_LOOKS_EVERY = 5.0  # seconds


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
        self._roster, self._ledger, self._flaws = roster, ledger, flaws
        self._sampler, self._listener = sampler, listener
        self._ahead, self._faults = ahead, faults
        self._known = KnownPlans()
        self._looked_at: dict[str, float] = {}  # by fingerprint, when somebody asked
        self._rehearsals = Rehearsals(
            self._known, roster, ledger, flaws, scheduler, registry, sampler, listener,
            state_dir=state_dir,
        )  # fmt: skip

    # ---- looking up ----

    def of(self, profile: Profile) -> Plan:
        """The engine's plan where there is one, even if memory has changed since; else an estimate.

        Also in place of one that was cut to less memory than there is now.
        """
        return self.current(profile.fingerprint, profile.id) or self._estimate(profile)

    def current(self, fingerprint: str, name: str = "") -> Plan | None:
        """The engine's plan, unless the profile would take more now."""
        return None if self._known.is_outgrown(fingerprint) else self.engine_plan(fingerprint, name)

    def engine_plan(self, fingerprint: str, name: str = "") -> Plan | None:
        """What the engine itself planned for this version of a profile, in this profile's `name`.

        Profiles with the same command line share it.
        """
        return self._known.get(fingerprint, name)

    def facts(self, profile: Profile) -> Facts | None:
        """What an estimate of this profile is made from, besides the devices."""
        return self._roster.facts(profile)

    @property
    def knowledge(self) -> object:
        """What is known of the devices for good: estimates change with it."""
        return self._ledger.knowledge

    def _estimate(self, profile: Profile) -> Plan:
        with self._faults.caught("plans"):
            plan = estimated(profile, self._roster.facts(profile), self._rehearsals.around())
            plan.refusal = self._flaws.refusal(profile)
            plan.fits = plan.fits and not plan.refusal
            return plan
        note = "nothing is known of what it takes: an internal fault, see `paddock status`"
        return Plan(profile=profile.id, source="estimate", fits=True, notes=[note])

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
                    await self._rehearsals.judge(profile)
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
        if self._known.note_outgrown(self._ledger.readings):
            await self._listener.plans_changed()

    async def _look_after(self, profile: Profile) -> None:
        """Have its plan made if it is missing or holds no more; where that is not possible, judged."""
        if self._is_wanted(profile) and await self._is_wanted_still(profile):
            rehearsals = self._rehearsals
            may_rehearse = rehearsals.may_rehearse(profile)
            await (rehearsals.make(profile) if may_rehearse else rehearsals.judge(profile))

    async def _is_wanted_still(self, profile: Profile) -> bool:
        """A moment after the last rehearsal, whose memory may not be back yet: that is no news."""
        if profile.fingerprint not in self._known:
            return True
        await self._rehearsals.settle()
        return self._is_wanted(profile)

    def wake(self) -> None:
        """Memory, profiles or instances have changed."""
        self._sampler.has_news.set()

    async def look_anew(self, profile: Profile) -> Plan:
        """The plan as of now; also where nothing is new but what only its engine can see.

        Not more often than each few seconds: whoever asks may do so all the time.
        """
        fingerprint, now = profile.fingerprint, time.monotonic()
        is_due = now - self._looked_at.get(fingerprint, -_LOOKS_EVERY) >= _LOOKS_EVERY
        if is_due and self._known.may_fit_unseen(fingerprint, self._ledger.readings):
            self._looked_at[fingerprint] = now
            if self._rehearsals.may_rehearse(profile):
                return await self._rehearsals.make(profile, anew=True) or self.of(profile)
        return await self.make(profile)

    async def make(self, profile: Profile) -> Plan:
        """The plan as of now, made if need be; an estimate where an engine cannot be asked now."""
        self._sampler.measure()
        if self._is_wanted(profile) or self._known.has_failed(profile.fingerprint):
            if not self._rehearsals.may_rehearse(profile):
                await self._rehearsals.judge(profile)
                plan = self.of(profile)
                if plan.source == "estimate":
                    plan.notes = ["an estimate: something is loading, the GPUs are yielded, or none has room for a "
                                  "rehearsal beside what is resident", *plan.notes]  # fmt: skip
                return plan
            return await self._rehearsals.make(profile) or self.of(profile)
        return self.of(profile)

    async def stand_aside(self) -> None:
        """End what is being planned: the memory is wanted. It is planned again later."""
        if await self._rehearsals.stand_aside():
            self.wake()

    def _is_wanted(self, profile: Profile) -> bool:
        return self._known.is_wanted(profile.fingerprint, self._ledger.readings)

    def drop(self, profile: Profile, engine: Engine) -> None:
        """Its plan does not hold: it is made anew when nothing loads."""
        self._known.drop(profile.fingerprint)
        self._rehearsals.forget(profile, engine)
        self.wake()

    def without_replay(self, profile: Profile, engine: Engine, difference: str) -> None:
        """Its flags gave another placement than fit's: the plan goes on without them."""
        if plan := self._known.get(profile.fingerprint):
            note = f"each load searches anew: the flags for what fit chose placed it otherwise ({difference})"
            plan = structs.replace(plan, replay=[], replay_weights={}, notes=[*plan.notes, note])
            self._known.amend(profile.fingerprint, plan)
            self._rehearsals.remember(profile, engine, plan)

    def reconsider(self, files: Collection[Path]) -> None:
        """Plan anew whose model's file is another than when it was planned."""
        for profile in self._roster.stable.profiles.values():
            if profile.model in files:
                self._known.reconsider(profile.fingerprint)

    def keep_only(self, stable: Stable) -> None:
        """Forget the plans of other versions but for the last ones, and try again what could not be made."""
        wanted = {profile.fingerprint for profile in stable.profiles.values()}
        self._known.keep_only(wanted)
        self._looked_at = {f: at for f, at in self._looked_at.items() if f in wanted}
