"""What clients ask of the daemon: a lease on a model, a switch, an unload."""

import asyncio
from contextlib import suppress

from paddock.api.types import Progress
from paddock.core import events as ev
from paddock.core.live import Serving
from paddock.core.model import UNKNOWN, Asker, InstanceId, ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.switches import Switches
from paddock.daemon.clock import Clock
from paddock.daemon.configuration import Configuration
from paddock.daemon.fetches import Fetches
from paddock.daemon.instances.records import Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.jobs import Job, Jobs
from paddock.daemon.lease import Lease
from paddock.daemon.loop import LeaseWish, Loop
from paddock.daemon.model_names import ModelNames
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.refusals import as_error
from paddock.daemon.yielding import Yielding
from paddock.errors import NotLoaded, PaddockError, ShuttingDown

_UNTIL_ITS_END_IS_KNOWN = 2.0  # seconds; one that lives on broke off for a reason of its own


class Orders:
    """Examines what may have to be loaded, and feeds the loop."""

    def __init__(
        self,
        names: ModelNames,
        roster: Roster,
        scheduler: Scheduler,
        registry: Registry,
        flaws: Flaws,
        switches: Switches,
        loop: Loop,
        records: Records,
        configuration: Configuration,
        yielding: Yielding,
        fetches: Fetches,
        clock: Clock,
    ) -> None:
        self._names, self._roster, self._scheduler = names, roster, scheduler
        self._registry, self._flaws, self._switches = registry, flaws, switches
        self._loop, self._records, self._clock = loop, records, clock
        self._configuration, self._yielding, self._fetches = configuration, yielding, fetches
        self._fetching: dict[Lease, asyncio.Task[None]] = {}  # leases that are not asked for yet
        self.jobs = Jobs(self, clock)

    # ---- leases ----

    def lease(
        self,
        profile: str,
        *,
        insist: bool = False,
        force: bool = False,
        asker: Asker = UNKNOWN,
        is_order: bool = False,
    ) -> Lease:
        """Ask for it now. Raises the PaddockError of an immediate refusal.

        `insist`: a person asked for the switch itself, so it is tried whatever failed before; with
        `force` also where it is known that it cannot be loaded, and where the GPUs are yielded, which
        ends that. `asker`: whose request it is; `is_order`: it is none.
        """
        name = ProfileId(profile)
        if force and self._scheduler.is_held(name):
            self._yielding.end()  # who forces a model onto a GPU means that
        if not self._scheduler.serves_as_written(name):
            if self._fetches.is_needed(name):
                wish = LeaseWish(insist=insist, force=force, asker=asker, is_order=is_order)
                return self._lease_after_its_files(name, wish)
            self._may_need_a_load(name)
        return self._loop.ask(name, insist=insist, force=force, asker=asker, is_order=is_order)

    # ---- leases that wait for a download (Lender) ----

    def _lease_after_its_files(self, name: ProfileId, wish: LeaseWish) -> Lease:
        lease = self._loop.hold(name, self)
        self._fetching[lease] = asyncio.create_task(self._ask_after_its_files(lease, wish))
        return lease

    async def _ask_after_its_files(self, lease: Lease, wish: LeaseWish) -> None:
        try:
            await self._fetches.fetched(lease.profile)
            self._may_need_a_load(lease.profile)
            self._loop.ask_for(lease, wish)
        except PaddockError as error:
            lease.refuse(error)
        except asyncio.CancelledError:
            lease.refuse(ShuttingDown("the daemon ends"))
            raise

    def give_back(self, lease: Lease) -> None:
        """As the loop does; one that nobody asked for yet is forgotten."""
        if task := self._fetching.pop(lease, None):
            task.cancel()
        self._loop.give_back(lease)

    def progress_of(self, profile: ProfileId) -> Progress:
        return self._loop.progress_of(profile)

    def _may_need_a_load(self, name: ProfileId) -> None:
        if not self._scheduler.is_up(name):
            self._records.reserve.hold()  # before anybody leaves for a load that could not be begun
        self.examine(name)

    def loaded(self, profile: str, *, asker: Asker = UNKNOWN) -> Lease:
        """Like `lease`, but raises NotLoaded where a load would be needed."""
        live = self._scheduler.live_of(ProfileId(profile))
        if live is None or not isinstance(live.state, Serving):
            raise NotLoaded(f"{profile} is not loaded", hint=f"`paddock switch {profile}` loads it")
        return self.lease(profile, asker=asker)

    def examine(self, profile: ProfileId) -> None:
        """Let the scheduler know whether it can be loaded at all, where a load might be needed."""
        scheduler, roster = self._scheduler, self._roster
        live = scheduler.live_of(profile)
        if live and isinstance(live.state, Serving) and not scheduler.is_stale(live):
            return
        if known := roster.stable.find(profile):
            flaw = self._flaws.of(known)
            if flaw != scheduler.flaw(profile):
                self._loop.feed(ev.Examined(profile, flaw))
            if roster.is_unread(known):
                self._configuration.refine_soon()

    async def held_back(self, profile: str, instance: str) -> PaddockError | None:
        """Why it is not loaded again now, after this instance broke off a reply; None: it would be."""
        live = self._registry.get(InstanceId(instance))
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNTIL_ITS_END_IS_KNOWN):
                if live:
                    await live.exited.wait()
        cause = self._scheduler.held_back(ProfileId(profile), self._clock.now())
        return as_error(cause) if cause else None

    # ---- switches ----

    def switch(self, profile: str, *, force: bool = False) -> Job:
        """Make it ready, whoever goes on waiting for that. `force`: although it is known to fail."""
        return self.jobs.start(ProfileId(profile), insist=True, force=force)

    def preload(self) -> None:
        """Load what models.conf wants loaded from the start."""
        for name in self._roster.preloaded():
            if not self._scheduler.is_held(name):  # else it comes when the GPUs are ours
                self.jobs.start(name, insist=False)

    def job(self, job_id: str) -> Job:
        """Raises NoSuchThing."""
        return self.jobs[job_id]

    def cancel(self, profile: str | None) -> list[str]:
        """Give up its load (without a name: all loads); the profiles concerned."""
        underway = self._switches.underway
        chosen = [n for n in underway if profile is None or n == self._names.resolve(profile).id]
        for name in chosen:
            self._fetches.cancel(name)
            self._loop.feed(ev.CancelAsked(name))
        return [str(name) for name in chosen]

    # ---- what is loaded ----

    def unload(self, profile: str | None, *, now: bool = False) -> list[str]:
        """Unload it (without a name: all); the profiles concerned."""
        chosen = self._live_profiles(profile)
        for name in chosen:
            self._loop.feed(ev.UnloadAsked(name, now))
        return [str(name) for name in chosen]

    def _live_profiles(self, profile: str | None) -> list[ProfileId]:
        live = dict.fromkeys(x.profile for x in self._scheduler.live.values())
        if profile is None:
            return list(live)
        known = self._roster.stable.find(profile)
        if known is None and profile in live:  # models.conf has it no more
            return [ProfileId(profile)]
        return [ProfileId((known or self._names.resolve(profile)).id)]

    def let_idle(self, profile: str, idle: float) -> None:
        """Let its live instance be idle for so many seconds, 0 = for ever, whatever the profile says."""
        self._loop.feed(ev.KeepAsked(ProfileId(profile), idle))

    def idle_left(self, profile: str) -> float | None:
        """Seconds until it is unloaded for being idle; None: it stays."""
        scheduler = self._scheduler
        live = scheduler.live_of(ProfileId(profile))
        return scheduler.idle_left(live, self._clock.now()) if live else None
