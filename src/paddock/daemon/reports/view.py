"""What people see of the stable: wire types made from the scheduler's books and the instances."""

import copy
import os
from collections.abc import Iterator

from paddock import __version__
from paddock.api import events as wire_events
from paddock.api import types as wire
from paddock.api.yielding import YieldInfo
from paddock.config.describe import described, variant_info
from paddock.config.profile import Profile
from paddock.core.live import Coming, Ending, Live, Serving
from paddock.core.model import Demand, InstanceId, ProfileId
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.instance import Instance
from paddock.daemon.parts import Parts
from paddock.daemon.refusals import as_failure
from paddock.daemon.reports.yielded import yielded


class StatusView:
    """Reads everything and changes nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._known: dict[str, tuple[Profile, wire.ProfileInfo]] = {}  # as described last

    def status(self) -> wire.Status:
        parts = self._parts
        engine = parts.roster.default_engine()
        return wire.Status(
            version=__version__,
            pid=os.getpid(),
            started_at=parts.started_at,
            current=parts.usage.current(),
            instances=[self.instance(instance) for instance in parts.registry.values()],
            queue={str(profile): n for profile, n in parts.scheduler.queue().items()},
            devices=parts.ledger.devices(parts.registry.booked()),
            config=parts.roster.info,
            engine=engine.name if engine else "",
            engine_version=engine.version if engine else "",
            state_dir=str(parts.paths.state_dir),
            listen=list(parts.listen),
            requests=parts.requests.infos(),
            totals=parts.totals,
            faults=self.faults(),
            yielded=self.yielded(),
            pulls=[pull for pull in parts.pull_book.all() if not pull.is_over],
        )

    def faults(self) -> list[wire.FaultInfo]:
        """Unexpected errors of the daemon's own parts, the oldest first."""
        return self._parts.faults.known()

    def yielded(self) -> YieldInfo | None:
        return yielded(self._parts)

    def instance(self, instance: Instance) -> wire.InstanceInfo:
        parts = self._parts
        live = parts.scheduler.live.get(instance.id)
        since = parts.clock.time_of(instance.phase_since)
        placement = instance.placement.placement
        return wire.InstanceInfo(
            id=instance.id,
            profile=instance.profile,
            variants=[v.id for v in parts.roster.stable.variants_of(instance.profile)],
            phase=_phase(instance, live),
            since=since,
            engine=instance.record.engine,
            engine_version=instance.record.engine_version,
            pid=instance.record.worker or None,
            leases=_leases(live),
            exited=live is None or _has_exited(live),
            stale=bool(live and parts.scheduler.is_stale(live)),
            adopted=instance.adopted,
            restored_tokens=instance.restored_tokens,
            context=parts.contexts.kept(parts.roster.stable.find(instance.profile), instance.slots),
            progress=self._progress(instance),
            load_seconds=_rounded(instance.record.load_seconds),
            placement=placement if placement.buffers else None,
            speed=parts.chronicle.speed_of(instance.id),
            demand_mib=self._named(live.demand) if live else {},
            plan=parts.plans.engine_plan(instance.record.fingerprint, instance.profile),
            verdict=parts.chronicle.verdict_of(instance.id),
            failure=as_failure(instance.phase.cause)
            if isinstance(instance.phase, ph.Failed)
            else None,
        )

    def _named(self, demand: Demand) -> dict[str, int]:
        """By the names that people know devices by."""
        readings = self._parts.ledger.readings
        return {readings[d].name if d in readings else str(d): mib for d, mib in demand.items()}

    def _progress(self, instance: Instance) -> wire.Progress | None:
        if not ph.is_loading(instance.phase):
            return None
        return self._parts.switches.progress(instance.profile)

    def snapshot(self) -> wire_events.Snapshot:
        """Status and all profiles, for a reader of events who begins."""
        return wire_events.Snapshot(
            status=self.status(),
            profiles=list(self.profiles()),
            variants=[variant_info(v) for v in self._parts.roster.stable.variants.values()],
        )

    def profiles(self) -> Iterator[wire.ProfileInfo]:
        """Every profile, in the order of models.conf; each made when it is taken."""
        waiting = self._parts.scheduler.queue()
        profiles = self._parts.roster.stable.profiles
        if len(self._known) > len(profiles):  # some are gone from models.conf
            self._known = {name: known for name, known in self._known.items() if name in profiles}
        return (self._profile(p, waiting.get(ProfileId(p.id), 0)) for p in profiles.values())

    def profile(self, profile: Profile) -> wire.ProfileInfo:
        waiting = self._parts.scheduler.queue()
        return self._profile(profile, waiting.get(ProfileId(profile.id), 0))

    def _profile(self, profile: Profile, waiting: int) -> wire.ProfileInfo:
        info, now = self._described(profile), self.now(ProfileId(profile.id))
        info.state, info.switching, info.instance = now.state, now.switching, now.instance
        info.stale, info.speed, info.verdict = now.stale, now.speed, now.verdict
        info.last_used, info.last_load_seconds = now.last_used, now.last_load_seconds
        info.waiting = waiting
        info.variants = [v.id for v in self._parts.roster.stable.variants_of(profile.id)]
        info.yielded = self._parts.scheduler.is_held(ProfileId(profile.id))
        info.failure = self._failure(ProfileId(profile.id))
        return info

    def now(self, profile: ProfileId) -> wire.ProfileNow:
        """What changes of it while models.conf stays the same."""
        parts = self._parts
        live = parts.scheduler.live_of(profile)
        return wire.ProfileNow(
            state=self.state(profile),
            switching=profile in parts.switches.underway,
            instance=live.id if live and not _has_exited(live) else None,
            stale=bool(live and parts.scheduler.is_stale(live)),
            speed=parts.chronicle.speeds.get(profile),
            verdict=parts.chronicle.verdicts.get(profile),
            last_used=parts.usage.last_used(profile),
            last_load_seconds=_rounded(parts.switches.expected.get(profile)),
            failed=self._failure(profile) is not None,
        )

    def _failure(self, profile: ProfileId) -> wire.Failure | None:
        """Of its last load, until one succeeds."""
        scheduler = self._parts.scheduler
        setback, live = scheduler.setback(profile), scheduler.live_of(profile)
        return as_failure(setback.cause) if setback and not _is_up(live) else None

    def current(self) -> str | None:
        """The profile that a request without a model gets."""
        return self._parts.usage.current()

    def profiles_now(self) -> dict[str, wire.ProfileNow]:
        """Of those with an instance."""
        names = {live.profile for live in self._parts.scheduler.live.values()}
        return {str(name): self.now(name) for name in names}

    def instances_now(self) -> list[wire.InstanceNow]:
        """What changes of them with the requests that they serve; those that live."""
        registry = self._parts.registry
        found = ((live, registry.get(live.id)) for live in self._parts.scheduler.live.values())
        return [
            wire.InstanceNow(id=live.id, phase=_phase(instance, live), leases=_leases(live))
            for live, instance in found
            if instance
        ]

    def _described(self, profile: Profile) -> wire.ProfileInfo:
        """A copy: what models.conf and the files say of it stays the same from one list to the next."""
        mib = self._parts.files.size_mib(profile)
        known = self._known.get(profile.id)
        if known is None or known[0] is not profile or (known[1].size_mib or 0) != mib:
            known = self._known[profile.id] = (profile, described(profile, mib=mib))
        return copy.copy(known[1])

    def state(self, profile: ProfileId) -> wire.State:
        """A profile's state in one word."""
        scheduler = self._parts.scheduler
        match (live := scheduler.live_of(profile)) and live.state:
            case Coming():  # the scheduler hears that it is ready a moment after the world
                return "ready" if live and self._serves(live.id) else "loading"
            case Serving(leaving=True):
                return "draining"
            case Serving(closed_since=float()):
                return "draining"
            case Serving(leases=leases):
                return "busy" if leases else "ready"
            case Ending(exited=False):
                return "stopping"
            case _:
                return self._state_without_instance(profile)

    def _serves(self, instance: InstanceId) -> bool:
        running = self._parts.registry.get(instance)
        return running is not None and isinstance(running.phase, ph.Ready)

    def _state_without_instance(self, profile: ProfileId) -> wire.State:
        if profile in self._parts.switches.underway:
            return "queued"
        return "failed" if self._parts.scheduler.setback(profile) else "unloaded"


def _phase(instance: Instance, live: Live | None) -> wire.Phase:
    if isinstance(instance.phase, ph.Ready) and live and isinstance(live.state, Serving):
        if live.state.leaving or live.state.closed_since is not None:
            return "draining"
        return "busy" if live.state.leases else "ready"
    return instance.phase_name


def _has_exited(live: Live) -> bool:
    return isinstance(live.state, Ending) and live.state.exited


def _leases(live: Live | None) -> int:
    return len(live.state.leases) if live and isinstance(live.state, Serving) else 0


def _is_up(live: Live | None) -> bool:
    return live is not None and isinstance(live.state, Serving)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
