"""What clients ask of the daemon: a lease on a model, a switch, an unload."""

import asyncio
from contextlib import suppress

from paddock.config.profile import May, NamedModel, Profile
from paddock.core import events as ev
from paddock.core.books import Serving
from paddock.core.model import UNKNOWN, Asker, InstanceId, ProfileId
from paddock.daemon.configuration import Configuration
from paddock.daemon.instances.records import Records
from paddock.daemon.jobs import Job, Jobs
from paddock.daemon.lease import Lease
from paddock.daemon.loop import Loop
from paddock.daemon.parts import Parts
from paddock.daemon.refusals import as_error
from paddock.daemon.yielding import Yielding
from paddock.errors import ModelMissing, NotLoaded, PaddockError, UnknownModel

_UNTIL_ITS_END_IS_KNOWN = 2.0  # seconds; one that lives on broke off for a reason of its own


class Orders:
    """Resolves names, examines what may have to be loaded, and feeds the loop."""

    def __init__(
        self,
        parts: Parts,
        loop: Loop,
        records: Records,
        configuration: Configuration,
        yielding: Yielding,
    ) -> None:
        self._parts, self._loop = parts, loop
        self._records, self._configuration = records, configuration
        self._yielding = yielding
        self.jobs = Jobs(self, parts.clock)

    def resolve(self, model: str | None) -> Profile:
        """As `named`: the profile whose instance that is."""
        return self.named(model).profile

    def asked(
        self, model: str | None, may: May = None, unknown_model: str | None = None
    ) -> NamedModel:
        """As `named`, for a request that is to be answered: `unknown-model` says who answers to strange names.

        `unknown_model`: what the key says of that; None: what paddock.toml says.
        """
        try:
            return self.named(model, may)
        except UnknownModel:
            stand_in = self._stand_in(unknown_model or self._parts.unknown_model, may)
            if stand_in is None:
                raise
            return stand_in

    def _stand_in(self, other: str, may: May) -> NamedModel | None:
        """Who answers to strange names; nobody where that is not for whoever asks, or is strange itself."""
        roster = self._parts.roster
        if other == "refuse":
            return None
        if other == "loaded":
            current = self._current(may)
            return roster.named(current, may) if current else None
        found = roster.stable.meant(other)
        return found if found and (may is None or may(found)) else None

    def named(self, model: str | None, may: May = None) -> NamedModel:
        """What this name stands for; without one, the current profile. Raises UnknownModel, ModelMissing.

        `may`: whatever it refuses is as if it were not there; no error names it.
        """
        roster = self._parts.roster
        if wanted := model or self._current(may):
            return roster.named(wanted, may)
        if only := self._only_one(may):
            return only
        raise ModelMissing(
            "the request names no model, and none is loaded", hint="GET /v1/models lists them"
        )

    def _current(self, may: May) -> str | None:
        current = self._parts.usage.current()
        if current is None or may is None:
            return current
        found = self._parts.roster.stable.profiles.get(current)
        return current if found and may(NamedModel(found)) else None

    def _only_one(self, may: May) -> NamedModel | None:
        """The only profile that there is; for whoever may ask none, the only variant."""
        stable = self._parts.roster.stable
        if may is None:
            profiles = list(stable.profiles.values())
            return NamedModel(profiles[0]) if len(profiles) == 1 else None
        allowed = list(filter(may, stable.all_named()))
        allowed = [named for named in allowed if named.variant is None] or allowed
        return allowed[0] if len(allowed) == 1 else None

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
        if force and self._parts.scheduler.is_held(name):
            self._yielding.end()  # who forces a model onto a GPU means that
        if not self._parts.scheduler.serves_as_written(name):
            self._may_need_a_load(name)
        return self._loop.ask(name, insist=insist, force=force, asker=asker, is_order=is_order)

    def _may_need_a_load(self, name: ProfileId) -> None:
        if not self._parts.scheduler.is_up(name):
            self._records.reserve.hold()  # before anybody leaves for a load that could not be begun
        self.examine(name)

    def loaded(self, profile: str, *, asker: Asker = UNKNOWN) -> Lease:
        """Like `lease`, but raises NotLoaded where a load would be needed."""
        live = self._parts.scheduler.live_of(ProfileId(profile))
        if live is None or not isinstance(live.state, Serving):
            raise NotLoaded(f"{profile} is not loaded", hint=f"`paddock switch {profile}` loads it")
        return self.lease(profile, asker=asker)

    def examine(self, profile: ProfileId) -> None:
        """Let the scheduler know whether it can be loaded at all, where a load might be needed."""
        scheduler, roster = self._parts.scheduler, self._parts.roster
        live = scheduler.live_of(profile)
        if live and isinstance(live.state, Serving) and not scheduler.is_stale(live):
            return
        if known := roster.stable.find(profile):
            flaw = self._parts.flaws.of(known)
            if flaw != scheduler.flaw(profile):
                self._loop.feed(ev.Examined(profile, flaw))
            if roster.is_unread(known):
                self._configuration.refine_soon()

    async def held_back(self, profile: str, instance: str) -> PaddockError | None:
        """Why it is not loaded again now, after this instance broke off a reply; None: it would be."""
        live = self._parts.registry.get(InstanceId(instance))
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNTIL_ITS_END_IS_KNOWN):
                if live:
                    await live.exited.wait()
        cause = self._parts.scheduler.held_back(ProfileId(profile), self._parts.clock.now())
        return as_error(cause) if cause else None

    # ---- switches ----

    def switch(self, profile: str, *, force: bool = False) -> Job:
        """Make it ready, whoever goes on waiting for that. `force`: although it is known to fail."""
        return self.jobs.start(ProfileId(profile), insist=True, force=force)

    def preload(self) -> None:
        """Load what models.conf wants loaded from the start."""
        for name in self._parts.roster.preloaded():
            if not self._parts.scheduler.is_held(name):  # else it comes when the GPUs are ours
                self.jobs.start(name, insist=False)

    def job(self, job_id: str) -> Job:
        """Raises NoSuchThing."""
        return self.jobs[job_id]

    def cancel(self, profile: str | None) -> list[str]:
        """Give up its load (without a name: all loads); the profiles concerned."""
        underway = self._parts.switches.underway
        chosen = [n for n in underway if profile is None or n == self.resolve(profile).id]
        for name in chosen:
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
        live = dict.fromkeys(x.profile for x in self._parts.scheduler.live.values())
        if profile is None:
            return list(live)
        known = self._parts.roster.stable.find(profile)
        if known is None and profile in live:  # models.conf has it no more
            return [ProfileId(profile)]
        return [ProfileId((known or self.resolve(profile)).id)]

    def let_idle(self, profile: str, idle: float) -> None:
        """Let its live instance be idle for so many seconds, 0 = for ever, whatever the profile says."""
        self._loop.feed(ev.KeepAsked(ProfileId(profile), idle))

    def idle_left(self, profile: str) -> float | None:
        """Seconds until it is unloaded for being idle; None: it stays."""
        scheduler = self._parts.scheduler
        live = scheduler.live_of(ProfileId(profile))
        return scheduler.idle_left(live, self._parts.clock.now()) if live else None
