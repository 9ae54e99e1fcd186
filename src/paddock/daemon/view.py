"""What people see of the stable: wire types made from the scheduler's books and the instances."""

import copy
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from paddock import __version__
from paddock.api import types as wire
from paddock.config.describe import described
from paddock.config.profile import Profile
from paddock.core.books import Coming, Ending, Live, Serving
from paddock.core.model import Demand, InstanceId, ProfileId
from paddock.daemon.instance import Instance
from paddock.daemon.instances import phase as ph
from paddock.daemon.ledger import Holding
from paddock.daemon.refusals import as_failure

if TYPE_CHECKING:
    from paddock.daemon.daemon import Daemon


class View:
    """Reads everything, changes nothing but what it remembers of its own words."""

    def __init__(self, daemon: "Daemon") -> None:
        self._daemon = daemon
        self._known: dict[str, tuple[Profile, wire.ProfileInfo]] = {}

    def status(self) -> wire.Status:
        daemon = self._daemon
        engine = daemon.roster.default_engine()
        return wire.Status(
            version=__version__,
            pid=os.getpid(),
            started_at=daemon.started_at,
            current=daemon.current(),
            instances=[self.instance(instance) for instance in daemon.keeper.instances.values()],
            queue={str(profile): n for profile, n in daemon.scheduler.waiting().items()},
            devices=daemon.ledger.devices(self.booked()),
            config=daemon.config,
            engine=engine.name if engine else "",
            engine_version=engine.version if engine else "",
            state_dir=str(daemon.paths.state_dir),
            listen=daemon.listen,
            requests=daemon.requests.told(),
            totals=daemon.metrics.totals,
            faults=daemon.faults.known(),
        )

    def booked(self) -> dict[InstanceId, Holding]:
        """What each live instance is booked with, and its process."""
        daemon = self._daemon
        return {
            live.id: Holding(instance.record.worker, live.demand)
            for live in daemon.scheduler.live.values()
            if (instance := daemon.keeper.instances.get(live.id))
        }

    def instance(self, instance: Instance) -> wire.InstanceInfo:
        daemon = self._daemon
        live = daemon.scheduler.live.get(instance.id)
        since = daemon.clock_to_time(instance.phase_since)
        placement = instance.placement.placement
        if instance.n_ctx:
            placement.n_ctx = instance.n_ctx
        return wire.InstanceInfo(
            id=instance.id,
            profile=instance.profile,
            phase=_phase(instance, live),
            since=since,
            engine=instance.record.engine,
            engine_version=instance.record.engine_version,
            pid=instance.record.worker or None,
            leases=len(live.state.leases) if live and isinstance(live.state, Serving) else 0,
            stale=bool(live and daemon.scheduler.is_stale(live)),
            adopted=instance.adopted,
            restored_tokens=instance.restored_tokens,
            progress=self._progress(instance),
            load_seconds=_rounded(instance.record.load_seconds),
            placement=placement if placement.buffers else None,
            speed=instance.speed,
            demand_mib=self._named(live.demand) if live else {},
            plan=daemon.plans.engine_plan(instance.record.fingerprint, instance.profile),
            verdict=daemon.chronicle.verdict_of(instance.id),
            failure=as_failure(instance.phase.cause)
            if isinstance(instance.phase, ph.Failed)
            else None,
        )

    def _named(self, demand: Demand) -> dict[str, int]:
        """By the names that people know devices by."""
        readings = self._daemon.ledger.readings
        return {readings[d].name if d in readings else str(d): mib for d, mib in demand.items()}

    def _progress(self, instance: Instance) -> wire.Progress | None:
        if not ph.is_loading(instance.phase):
            return None
        return self._daemon.progress_of(instance.profile)

    def profiles(self) -> Iterator[wire.ProfileInfo]:
        """Every profile, in the order of models.conf; each made when it is taken."""
        waiting = self._daemon.scheduler.waiting()
        profiles = self._daemon.roster.stable.profiles.values()
        return (self._profile(p, waiting.get(ProfileId(p.id), 0)) for p in profiles)

    def profile(self, profile: Profile) -> wire.ProfileInfo:
        waiting = self._daemon.scheduler.waiting()
        return self._profile(profile, waiting.get(ProfileId(profile.id), 0))

    def _profile(self, profile: Profile, waiting: int) -> wire.ProfileInfo:
        daemon, name = self._daemon, ProfileId(profile.id)
        live = daemon.scheduler.live_of(name)
        setback = daemon.scheduler.setback(name)
        used = daemon.last_used.get(name)
        info = self._described(profile)
        info.state = self.state(name)
        info.speed = daemon.chronicle.speeds.get(name)
        info.verdict = daemon.chronicle.verdicts.get(name)
        info.instance = live.id if live else None
        info.stale = bool(live and daemon.scheduler.is_stale(live))
        info.waiting = waiting
        info.last_used = None if used is None else daemon.clock_to_time(used)
        info.last_load_seconds = _rounded(daemon.switches.expected.get(name))
        info.failure = as_failure(setback.cause) if setback and not _is_up(live) else None
        return info

    def _described(self, profile: Profile) -> wire.ProfileInfo:
        """A copy: what models.conf and the files say of it stays the same from one list to the next."""
        mib = self._daemon.files.size_mib(profile)
        known = self._known.get(profile.id)
        if known is None or known[0] is not profile or (known[1].size_mib or 0) != mib:
            known = self._known[profile.id] = (profile, described(profile, mib=mib))
        return copy.copy(known[1])

    def forget(self, profiles: Iterable[str]) -> None:
        """These are gone from models.conf, or something else is said of them there."""
        for name in profiles:
            self._known.pop(name, None)

    def state(self, profile: ProfileId) -> wire.State:
        """A profile's state in one word."""
        scheduler = self._daemon.scheduler
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
        running = self._daemon.keeper.instances.get(instance)
        return running is not None and isinstance(running.phase, ph.Ready)

    def _state_without_instance(self, profile: ProfileId) -> wire.State:
        if profile in self._daemon.switches.underway:
            return "queued"
        return "failed" if self._daemon.scheduler.setback(profile) else "unloaded"


def _phase(instance: Instance, live: Live | None) -> wire.Phase:
    if isinstance(instance.phase, ph.Ready) and live and isinstance(live.state, Serving):
        if live.state.leaving or live.state.closed_since is not None:
            return "draining"
        return "busy" if live.state.leases else "ready"
    return instance.phase_name


def _is_up(live: Live | None) -> bool:
    return live is not None and isinstance(live.state, Serving)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
