"""The loop: events in, `Scheduler.handle`, effects performed. The sole owner of the scheduler."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import assert_never

from paddock.api import types as wire
from paddock.config.explain import Changes
from paddock.config.profile import Profile
from paddock.config.settings import Paths, Settings
from paddock.core import effects as ef
from paddock.core import events as ev
from paddock.core import phase as ph
from paddock.core.books import Ready
from paddock.core.model import Cause, InstanceId, ProfileId, Rules, Ticket
from paddock.core.scheduler import Scheduler
from paddock.daemon.bus import Bus, timestamp
from paddock.daemon.history import History
from paddock.daemon.instance import Instance
from paddock.daemon.jobs import Job, Jobs
from paddock.daemon.lease import Lease
from paddock.daemon.ledger import Ledger
from paddock.daemon.metrics import Metrics
from paddock.daemon.records import Record, Records
from paddock.daemon.refusals import as_error, as_failure, failure_of
from paddock.daemon.roster import Roster
from paddock.daemon.switches import Switches
from paddock.daemon.view import View
from paddock.daemon.watch import written
from paddock.engine.launch import command, environment
from paddock.errors import ConfigError, EngineError, ModelMissing, NoSuchThing, NotLoaded
from paddock.llama import client
from paddock.llama.follow import Watch
from paddock.llama.output import Timing
from paddock.llama.process import Child, Identity, adopt, find_by_argument, spawn

_log = logging.getLogger(__name__)
_MEASURE_EVERY = 10.0  # seconds: other programs take and free memory without telling anybody
_MEMORY_WAIT = 5.0  # seconds at most for a driver to give memory back (gpu.md: 0.4 s seen)


class Daemon:
    """Everything that lives as long as the process; `run` is its life."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.paths, self.settings = paths, settings
        self.clock = clock
        self.started_at = timestamp()
        self.records = Records(paths.state_dir, paths.runtime_dir, kept=settings.logs_kept)
        self.scheduler = Scheduler(_rules(settings), first_number=self.records.next_number())
        self.roster = Roster(paths, settings)
        self.ledger = Ledger(settings)
        self.instances: dict[InstanceId, Instance] = {}
        self.switches = Switches(self.scheduler, self.instance_of, clock)
        self.config = wire.ConfigInfo(path=str(paths.config), loaded_at="")
        self.last_used: dict[ProfileId, datetime] = {}
        self.speeds: dict[ProfileId, wire.Speed] = {}
        self.listen: list[str] = []
        self.view = View(self)
        self.bus = Bus(self._snapshot)
        self.metrics = Metrics(self.status)
        self.jobs = Jobs(self)
        self.keep = False  # whether instances survive this daemon
        self._tickets = count(1)
        self._leases: dict[Ticket, Lease] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._group: asyncio.TaskGroup | None = None
        self._lives: dict[InstanceId, asyncio.Task[None]] = {}
        self._queue: dict[ProfileId, int] = {}
        self._current: ProfileId | None = None
        self._ending = asyncio.Event()
        self._ended_event = asyncio.Event()
        self._changes = Changes()
        self._history: History | None = None

    # ---- life ----

    async def prepare(self) -> None:
        """Read models.conf. Raises ConfigError or EngineError; nothing was touched then."""
        self._changes = await self._read_config()

    async def run(self, started: asyncio.Event) -> None:
        """Take over what lives, say that it has `started`, serve until `shut_down`."""
        self._history = await History.open(self.paths.state_dir / "history.sqlite")
        last_loads = await self._history.last_loads()
        self.switches.expected = {ProfileId(name): took for name, took in last_loads.items()}
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._begin()
                helpers = [
                    group.create_task(self._measure_often()),
                    group.create_task(self._watch_config()),
                    group.create_task(self._refine()),
                ]
                started.set()
                await self._ending.wait()
                await self._end(helpers)
        finally:
            await self._history.close()
            self._ended_event.set()

    async def ended(self) -> None:
        """Return when `run` has."""
        await self._ended_event.wait()

    async def _begin(self) -> None:
        self.measure()
        self._configure()
        await self._adopt_all()
        self._tell_config(self._changes)
        for profile in self.roster.stable.profiles.values():
            if profile.preload:
                self.jobs.start(ProfileId(profile.id), insist=False)

    async def _end(self, helpers: list[asyncio.Task[None]]) -> None:
        for helper in helpers:
            helper.cancel()
        if self._timer:
            self._timer.cancel()
        self.feed(ev.ClosingDown(self.keep))
        if self.keep:
            for life in self._lives.values():
                life.cancel()
        if self._lives:
            await asyncio.wait(list(self._lives.values()))
        self.jobs.close()
        self.bus.close()

    def shut_down(self, *, keep: bool = False) -> None:
        """End soon. `keep`: instances stay alive for the next daemon to take over."""
        if not self._ending.is_set():
            self.keep = keep
            self._ending.set()

    # ---- the loop ----

    def feed(self, event: ev.Event) -> None:
        """Let the scheduler know, and do what it says."""
        for effect in self.scheduler.handle(event, self.clock()):
            self._perform(effect)
        self._arm()
        if self._queue or self.switches.underway or not isinstance(event, ev.Asked | ev.Left):
            self._tell_queue()

    def _arm(self) -> None:
        """Wake up no later than at the deadline; too early does no harm."""
        deadline, timer = self.scheduler.deadline, self._timer
        if deadline is None or (timer is not None and not timer.cancelled()):
            if deadline is None or (timer and timer.when() <= deadline + self._loop_offset()):
                return
            if timer:
                timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, deadline - self.clock()), self._time_passed)

    def _loop_offset(self) -> float:
        return asyncio.get_running_loop().time() - self.clock()

    def _time_passed(self) -> None:
        self._timer = None
        self.feed(ev.TimePassed())

    def _perform(self, effect: ef.Effect) -> None:
        match effect:
            case ef.Grant(ticket, instance):
                self._granted(ticket, instance)
            case ef.Refuse(ticket, cause):
                if lease := self._leases.get(ticket):
                    lease.refuse(as_error(cause))
            case ef.Spawn(instance, profile):
                self._bring_to_life(instance, profile)
            case ef.Stop(instance, why):
                if live := self.instances.get(instance):
                    live.stop(why)
            case ef.SwitchDone():
                self._switch_done(effect)
            case _:
                assert_never(effect)

    def _granted(self, ticket: Ticket, instance: InstanceId) -> None:
        live = self.instances[instance]
        self._current = live.profile
        self.last_used[live.profile] = datetime.now(UTC)
        if lease := self._leases.get(ticket):
            lease.grant(live.endpoint)

    # ---- leases ----

    def lease(self, profile: str, *, insist: bool = False) -> Lease:
        """Ask for it now. Raises the PaddockError of an immediate refusal.

        `insist`: a person asked for the switch itself, so it is tried whatever failed before.
        """
        lease = Lease(self, Ticket(next(self._tickets)), ProfileId(profile))
        self._leases[lease.ticket] = lease
        self.feed(ev.Asked(lease.ticket, lease.profile, insist))
        if lease.refusal is not None:
            self.give_back(lease)
            raise lease.refusal
        if lease.endpoint is None:
            self._tell_queue(wanted=lease.profile)
        return lease

    def loaded(self, profile: str) -> Lease:
        """Like `lease`, but raises NotLoaded where a load would be needed."""
        live = self.scheduler.live_of(ProfileId(profile))
        if live is None or not isinstance(live.phase, Ready):
            raise NotLoaded(f"{profile} is not loaded", hint=f"`paddock switch {profile}` loads it")
        return self.lease(profile)

    def give_back(self, lease: Lease) -> None:
        """The only place where a lease ends."""
        if self._leases.pop(lease.ticket, None) is not None:
            self.feed(ev.Left(lease.ticket))

    @property
    def pid(self) -> int:
        return os.getpid()

    def clock_to_time(self, moment: float) -> str:
        """A moment of the monotonic clock as a time of day."""
        then = datetime.now(UTC) - timedelta(seconds=self.clock() - moment)
        return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def progress_of(self, profile: ProfileId) -> wire.Progress:
        return self.switches.progress(profile)

    def resolve(self, model: str | None) -> Profile:
        """The profile of this id or alias; without one, the current. Raises UnknownModel, ModelMissing."""
        if model:
            return self.roster[ProfileId(model)]
        if current := self.current():
            return self.roster[ProfileId(current)]
        profiles = list(self.roster.stable.profiles.values())
        if len(profiles) == 1:
            return profiles[0]
        raise ModelMissing(
            "the request names no model, and none is loaded", hint="GET /v1/models lists them"
        )

    def current(self) -> str | None:
        """The profile that was used last and is still ready."""
        ready = [x.profile for x in self.scheduler.live.values() if isinstance(x.phase, Ready)]
        if self._current in ready:
            return self._current
        return ready[-1] if ready else None

    # ---- orders ----

    def switch(self, profile: str) -> Job:
        """Make it ready, whoever goes on waiting for that."""
        return self.jobs.start(ProfileId(profile), insist=True)

    def job(self, job_id: str) -> Job:
        return self.jobs[job_id]

    def unload(self, profile: str | None, *, now: bool = False) -> list[str]:
        """Let it (without a name: all) go; the profiles concerned."""
        chosen = self._live_profiles(profile)
        for name in chosen:
            self.feed(ev.UnloadAsked(name, now))
        return [str(name) for name in chosen]

    def cancel(self, profile: str | None) -> list[str]:
        """Give up its load (without a name: all loads); the profiles concerned."""
        chosen = [
            name
            for name in self.switches.underway
            if profile is None or name == self.resolve(profile).id
        ]
        for name in chosen:
            self.feed(ev.CancelAsked(name))
        return [str(name) for name in chosen]

    def _live_profiles(self, profile: str | None) -> list[ProfileId]:
        live = dict.fromkeys(x.profile for x in self.scheduler.live.values())
        if profile is None:
            return list(live)
        known = self.roster.stable.find(profile)
        name = ProfileId(known.id if known else profile)
        if known is None and name not in live:
            self.resolve(profile)  # raises: nothing of that name
        return [name]

    # ---- instances ----

    def instance_of(self, profile: ProfileId) -> Instance | None:
        live = self.scheduler.live_of(profile)
        return self.instances.get(live.id) if live else None

    def _bring_to_life(self, instance: InstanceId, profile: ProfileId) -> None:
        assert self._group is not None
        self.switches.begin(profile)
        self._lives[instance] = self._group.create_task(self._new_life(instance, profile))

    async def _new_life(self, instance: InstanceId, profile: ProfileId) -> None:
        try:
            record = self._new_record(instance, self.roster[profile])
        except (EngineError, OSError) as error:
            message = error.message if isinstance(error, EngineError) else str(error)
            hint = error.hint if isinstance(error, EngineError) else ""
            self._ended(instance, Cause("engine_unusable", message, hint))
            return
        live = self._track(record)
        environ = environment(self.roster.engine(self.roster[profile]), os.environ)
        plumbing = self.records.plumbing(record.number)
        await self._live(live, lambda: spawn(record.argv, environ, plumbing))

    def _new_record(self, instance: InstanceId, profile: Profile) -> Record:
        engine = self.roster.engine(profile)
        number = int(instance.rsplit(".", 1)[1])
        socket = str(self.records.socket(number))
        record = Record(
            instance=instance,
            number=number,
            profile=profile.id,
            fingerprint=profile.fingerprint,
            argv=command(engine, profile, socket=socket),
            engine=engine.name,
            engine_version=engine.version,
            socket=socket,
            size_mib=self.roster.size_mib(profile),
            created=timestamp(),
            stop_timeout=profile.stop_timeout or self.settings.stop_timeout,
        )
        self.records.save(record)
        return record

    def _track(self, record: Record) -> Instance:
        live = Instance(
            record,
            self.records,
            self,
            stall_timeout=self.settings.stall_timeout,
            log_limit=self.settings.log_size << 20,
            clock=self.clock,
        )
        self.instances[live.id] = live
        return live

    async def _live(self, live: Instance, start: Callable[[], Child]) -> None:
        try:
            cause = await live.run(start, ready=lambda: self.feed(ev.BecameReady(live.id)))
        except asyncio.CancelledError:
            if not self._ending.is_set():
                live.kill()
            raise
        except Exception as error:  # noqa: BLE001  # one's trouble must not end the others
            _log.exception("instance %s", live.id)
            live.kill()
            cause = Cause("internal", f"Paddock lost track of {live.id}: {error!r}")
        await self._ended_and_freed(live, cause)

    async def _ended_and_freed(self, live: Instance, cause: Cause) -> None:
        failed = isinstance(live.phase, ph.Failed)
        _log.info("instance %s ended: %s", live.id, cause.message)
        self._ended(live.id, cause, failed=failed)
        await self.ledger.freed(live.record.pid, within=_MEMORY_WAIT)
        self.instances.pop(live.id, None)
        self._lives.pop(live.id, None)
        self.measure()
        self.feed(ev.MemoryFreed(live.id))

    def _ended(self, instance: InstanceId, cause: Cause, *, failed: bool = True) -> None:
        profile = self.scheduler.live[instance].profile
        self.feed(ev.Exited(instance, cause))
        failure = as_failure(cause) if failed else None
        self.bus.publish(wire.InstanceEnded(instance=instance, profile=profile, failure=failure))
        if instance not in self.instances:  # it never lived: no memory to wait for
            self._lives.pop(instance, None)
            self.feed(ev.MemoryFreed(instance))

    def _switch_done(self, done: ef.SwitchDone) -> None:
        live = self.instances.get(done.instance)
        seconds = self.switches.end(done.profile)
        self.metrics.switch_done(done.profile, done.outcome, seconds)
        self.bus.publish(
            wire.SwitchEnded(
                profile=done.profile,
                outcome=done.outcome,
                seconds=round(seconds, 3),
                instance=done.instance,
                restored=list(done.restoring),
                failure=as_failure(done.cause) if done.cause else None,
            )
        )
        _log.info("switch to %s: %s after %.2f s", done.profile, done.outcome, seconds)
        self.jobs.note_restored(done.profile, list(done.restoring))
        if live:
            self._remember_load(live, done.outcome)

    def _remember_load(self, live: Instance, outcome: str) -> None:
        seconds = self.clock() - live.started_at
        if outcome == "ready":
            self.switches.expected[live.profile] = seconds
        if self._history and self._group:
            record = live.record
            self._group.create_task(
                self._history.add_load(
                    record.profile,
                    record.fingerprint,
                    record.engine_version,
                    ended_at=timestamp(),
                    seconds=seconds,
                    outcome=outcome,
                )
            )

    # ---- adoption ----

    async def _adopt_all(self) -> None:
        for record in list(self.records):
            if not record.ended:
                await self._adopt(record)

    async def _adopt(self, record: Record) -> None:
        child = self._find_child(record)
        if child is None:
            self.records.close(record)
            return
        live = self._track(record)
        live.catch_up()
        state = await client.health(live.endpoint.session)
        if state == "silent" and not live.is_young():
            _log.warning("instance %s does not answer: ending it", record.instance)
            await child.stop(record.stop_timeout)
            await live.close()
            self.records.close(record)
            del self.instances[live.id]
            return
        self._take_over(live, child, ready=state == "ready")

    def _find_child(self, record: Record) -> Child | None:
        identity = Identity(record.pid, record.started, record.boot)
        if not record.pid and (pid := find_by_argument(record.socket)):
            identity = Identity.of(pid) or identity
        return adopt(identity, self.records.plumbing(record.number)) if identity.pid else None

    def _take_over(self, live: Instance, child: Child, *, ready: bool) -> None:
        assert self._group is not None
        _log.info("instance %s was taken over, %s", live.id, "ready" if ready else "loading")
        record = live.record
        self.feed(ev.Adopted(live.id, live.profile, record.fingerprint, ready))
        if ready:
            live.note_ready()
        else:
            self.switches.begin(live.profile)
        self._lives[live.id] = self._group.create_task(self._live(live, lambda: child))

    # ---- configuration and devices ----

    async def _read_config(self) -> Changes:
        changes = await self.roster.read()
        warnings = [str(problem) for problem in self.roster.stable.warnings]
        self.config = wire.ConfigInfo(
            path=str(self.paths.config), loaded_at=timestamp(), warnings=warnings
        )
        return changes

    async def reload(self) -> None:
        """Read models.conf again. Raises ConfigError; then what was in force stays in force."""
        try:
            changes = await self._read_config()
        except (ConfigError, EngineError) as error:
            _log.error("%s: not in force: %s %s", self.paths.config, error, "; ".join(error.detail))
            self.config.error = failure_of(error)
            self.bus.publish(wire.ConfigChanged(config=self.config))
            raise
        self._configure()
        self._tell_config(changes)
        if await self.roster.read_facts():
            self._configure()

    def reload_soon(self) -> None:
        """Like `reload`, for those who cannot wait; what goes wrong is told to the log and the bus."""
        if self._group:
            self._group.create_task(self._reload_quietly())

    async def _reload_quietly(self) -> None:
        with suppress(ConfigError, EngineError):  # told in `reload`
            await self.reload()

    async def _watch_config(self) -> None:
        async for _ in written(self.paths.config):
            await self._reload_quietly()

    async def _refine(self) -> None:
        """Replace the first estimates, made of file sizes alone, by those from the files' headers."""
        if await self.roster.read_facts():
            self._configure()

    def _configure(self) -> None:
        specs = self.roster.specs(self.ledger.pool, self.switches.expected, gpus=self.ledger.gpus)
        self.feed(ev.Configured(specs))

    def _tell_config(self, changes: Changes) -> None:
        self.bus.publish(
            wire.ConfigChanged(
                config=self.config,
                changed=list(changes.changed),
                added=list(changes.added),
                removed=list(changes.removed),
            )
        )

    async def _measure_often(self) -> None:
        while True:
            await asyncio.sleep(_MEASURE_EVERY)
            self.measure()

    def measure(self) -> None:
        """Read the devices and let the scheduler know what there is."""
        self.feed(ev.Measured(self.ledger.read(self.view.booked())))

    # ---- what instances tell ----

    def phase_changed(self, instance: Instance) -> None:
        info = self.view.instance(instance)
        state = self.view.state(instance.profile)
        self.bus.publish(wire.InstanceChanged(instance=info, state=state))
        self.progressed(instance)

    def progressed(self, instance: Instance) -> None:
        if instance.profile in self.switches.underway:
            progress = self.switches.progress(instance.profile)
            self.bus.publish(
                wire.SwitchProgress(
                    profile=instance.profile, instance=instance.id, progress=progress
                )
            )

    def request_timed(self, instance: Instance, prompt: Timing | None, answer: Timing) -> None:
        tokens = prompt.tokens if prompt else 0
        if instance.speed:
            self.speeds[instance.profile] = instance.speed
            self.bus.publish(
                wire.SpeedMeasured(
                    profile=instance.profile,
                    instance=instance.id,
                    speed=instance.speed,
                    prompt_tokens=tokens,
                    generated_tokens=answer.tokens,
                )
            )
        self.metrics.tokens(instance.profile, prompt=tokens, generated=answer.tokens)

    def _tell_queue(self, wanted: ProfileId | None = None) -> None:
        """Tell what changed for those who wait: how many they are, and for whom they wait."""
        if wanted:
            self.switches.begin(wanted)
        before, self._queue = self._queue, self.scheduler.waiting()
        for profile in {**before, **self._queue}:
            if before.get(profile) != self._queue.get(profile):
                waiting = self._queue.get(profile, 0)
                self.bus.publish(wire.QueueChanged(profile=profile, waiting=waiting))
        self.switches.abandon(set(self._queue))
        for profile in self.switches.underway:
            if progress := self.switches.changed(profile):
                self.bus.publish(wire.SwitchProgress(profile=profile, progress=progress))

    # ---- views ----

    def status(self) -> wire.Status:
        return self.view.status()

    def profiles(self) -> list[wire.ProfileInfo]:
        return self.view.profiles()

    def _snapshot(self) -> wire.Snapshot:
        return wire.Snapshot(status=self.status(), profiles=self.profiles())

    def log_files(self, name: str) -> list[Path]:
        """Of an instance, or of a profile's latest one; oldest first. Raises NoSuchThing."""
        known = self.roster.stable.find(name)
        if files := self.records.log_files(known.id if known else name):
            return files
        raise NoSuchThing(
            f"there is no log of {name!r}", hint="name a profile or an instance of GET /status"
        )

    async def log_follow(self, name: str) -> AsyncIterator[bytes]:
        """What its log gets from now on, until the instance ends."""
        path = self.log_files(name)[-1]
        live = next((x for x in self.instances.values() if path in x.log_paths), None)
        if live is None:
            return
        watch = Watch(path)
        try:
            async for data in live.follow_log(path, watch):
                yield data
        finally:
            watch.close()


def _rules(settings: Settings) -> Rules:
    return Rules(
        patience=settings.patience,
        queue_limit=settings.queue_limit,
        drain_timeout=settings.drain_timeout,
    )
