"""The loop: events in, `Scheduler.handle`, effects performed. The sole owner of the scheduler."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import assert_never

from paddock.api import types as wire
from paddock.api.models import ModelCard
from paddock.api.placement import Plan, Verdict
from paddock.config.paths import daemon_log
from paddock.config.profile import Profile
from paddock.config.settings import Paths, Settings
from paddock.core import effects as ef
from paddock.core import events as ev
from paddock.core.books import Coming, Serving
from paddock.core.model import UNKNOWN, Asker, Cause, InstanceId, ProfileId, Ticket
from paddock.core.scheduler import Scheduler
from paddock.daemon.alarm import Alarm
from paddock.daemon.bus import Bus, timestamp
from paddock.daemon.catalog import catalog, model_card
from paddock.daemon.chronicle import Chronicle
from paddock.daemon.configuration import Configuration, rules_of
from paddock.daemon.endpoint import Endpoint
from paddock.daemon.faults import Faults
from paddock.daemon.flaws import Flaws
from paddock.daemon.gauge import Gauge
from paddock.daemon.hand_saved import HandSaved
from paddock.daemon.herald import Herald
from paddock.daemon.history import History
from paddock.daemon.instance import Instance
from paddock.daemon.jobs import Job, Jobs
from paddock.daemon.keeper import Keeper
from paddock.daemon.lease import Lease
from paddock.daemon.ledger import Ledger
from paddock.daemon.logbook import Logbook
from paddock.daemon.metrics import Metrics
from paddock.daemon.model_files import ModelFiles
from paddock.daemon.plans import Plans
from paddock.daemon.probes import Probes
from paddock.daemon.pulse import Pulse
from paddock.daemon.records import Records
from paddock.daemon.refusals import as_error
from paddock.daemon.requests import Requests
from paddock.daemon.roster import Roster
from paddock.daemon.switches import Switches
from paddock.daemon.turns import in_turns
from paddock.daemon.view import View
from paddock.daemon.watchman import Watchman
from paddock.errors import ModelMissing, NotLoaded, PaddockError
from paddock.llama.gguf import Facts
from paddock.scratch import sweep

_log = logging.getLogger(__name__)
_OF_REQUESTS = (ev.Asked, ev.Left)
_UNTIL_ITS_END_IS_KNOWN = 2.0  # seconds; one that lives on broke off for a reason of its own


class Daemon:
    """Everything that lives as long as the process; `run` is its life."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        *,
        read_settings: Callable[[], Settings] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read_settings` reads them again, when their file has changed; None: they never do."""
        self.paths, self.settings = paths, settings
        self.clock = clock
        self.started_at = timestamp()
        self.faults = Faults()
        self.records = Records(paths.state_dir, paths.runtime_dir, kept=settings.logs_kept)
        self.scheduler = Scheduler(rules_of(settings), first_number=self.records.next_number())
        self.roster = Roster(paths, settings, self.faults)
        self.ledger = Ledger(settings, memory_file=paths.state_dir / "overheads.json")
        self.switches = Switches(self.scheduler, self.instance_of, clock)
        self.last_used: dict[ProfileId, float] = {}  # by the clock
        self.listen: list[str] = []
        self.files = ModelFiles(clock)
        self.view = View(self)
        self.bus = Bus(self._snapshot)
        self.metrics = Metrics(self.status)
        self.requests = Requests(clock, self.clock_to_time)
        self.jobs = Jobs(self)
        self.gauge = Gauge(
            self.ledger,
            self.scheduler,
            booked=self.view.booked,
            instances=lambda: self.keeper.instances,
            feed=self.feed,
            changed=self._measured,
            faults=self.faults,
        )
        self.logbook = Logbook(self.records, self.roster, own=daemon_log(paths.state_dir))
        self.flaws = Flaws(self.roster)
        self.plans = Plans(
            self.roster,
            self.ledger,
            self.flaws,
            state_dir=paths.state_dir,
            booked=self.view.booked,
            measure=self.gauge.measure,
            is_calm=self.gauge.is_calm,
            changed=self._plans_changed,
            ahead=settings.plan_ahead,
            faults=self.faults,
        )
        self.probes = Probes(self._profile_of, after=settings.probe_after, faults=self.faults)
        self.chronicle = Chronicle(
            self.ledger,
            self.scheduler,
            self.records,
            profile_of=self._profile_of,
            plan_of=self.plans.engine_plan,
            told=self._judged,
            clock=clock,
            faults=self.faults,
        )
        self.herald = Herald(
            self.bus,
            self.metrics,
            self.switches,
            self.view,
            self.scheduler,
            self.chronicle,
            self.probes,
            self.requests,
            self.faults,
            clock,
        )
        self.pulse = Pulse(
            self.bus, self.requests, self.metrics.totals, self.ledger, self.view.booked, clock
        )
        self.keeper = Keeper(
            settings,
            self.records,
            self.roster,
            self.ledger,
            self.plans,
            self.flaws,
            self.herald,
            self.feed,
            self._got_ready,
            self.faults,
            clock,
        )
        self.watchman = Watchman(
            self.requests, self.keeper.instances, clock, timeout=settings.hang_timeout
        )
        self.configuration = Configuration(
            self.roster,
            self.plans,
            self.switches,
            self.herald,
            self.feed,
            settings=settings,
            read_settings=read_settings or (lambda: settings),
            faults=self.faults,
        )
        self.keep = False  # whether instances survive this daemon
        self._tickets = count(1)
        self._leases: dict[Ticket, Lease] = {}
        self._alarm = Alarm(self._time_passed, clock)
        self._group: asyncio.TaskGroup | None = None
        self._looking: asyncio.Task[None] | None = None  # at files that were changed
        self._current: ProfileId | None = None
        self._ending = asyncio.Event()
        self._ended_event = asyncio.Event()

    # ---- life ----

    async def prepare(self) -> None:
        """Read models.conf. Raises ConfigError or EngineError; nothing was touched then."""
        await self.configuration.read()
        with self.faults.caught("scratch"):
            await asyncio.to_thread(sweep)

    async def run(self, started: asyncio.Event) -> None:
        """Take over what lives, say that it has `started`, serve until `shut_down`."""
        with self.faults.caught("history"):
            await self._open_history()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._begin(group)
                keep_running = self.faults.keep_running
                helpers = [
                    group.create_task(keep_running(part, run)) for part, run in self._parts.items()
                ]
                writer = group.create_task(keep_running("history", self.chronicle.run))
                started.set()
                await self._ending.wait()
                await self._end(helpers)
                writer.cancel()
        finally:
            await self.chronicle.close()
            self._ended_event.set()

    @property
    def _parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on all the time, for everybody. Each survives whatever befalls it."""
        return {
            "memory": self.gauge.run,
            "models.conf": lambda: self.configuration.watch(self.paths.config),
            "paddock.toml": lambda: self.configuration.watch(self.paths.settings),
            "facts": self.configuration.refine,
            "plans": self.plans.run,
            "activity": self.pulse.run,
            "watchman": self.watchman.run,
        }

    async def _open_history(self) -> None:
        self.chronicle.history = history = await History.open(
            self.paths.state_dir / "history.sqlite"
        )
        last_loads = await history.last_loads()
        self.switches.expected = {ProfileId(name): took for name, took in last_loads.items()}
        await self.chronicle.recall([ProfileId(name) for name in self.roster.stable.profiles])

    async def ended(self) -> None:
        """Return when `run` has."""
        await self._ended_event.wait()

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        self.gauge.measure()
        self.configuration.put_in_force()
        await self.keeper.adopt_all(group)
        for live in self.scheduler.live.values():
            if isinstance(live.state, Coming):
                self.switches.begin(live.profile)
        for profile in self.roster.stable.profiles.values():
            if profile.preload:
                self.jobs.start(ProfileId(profile.id), insist=False)

    async def _end(self, helpers: list[asyncio.Task[None]]) -> None:
        for helper in helpers:
            helper.cancel()
        self._alarm.cancel()
        self.probes.end()
        self.feed(ev.ClosingDown(self.keep))
        await (self.keeper.leave() if self.keep else self.keeper.all_ended())
        self.jobs.close()
        await self.chronicle.finish()
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
            try:
                self._perform(effect)
            except Exception as error:  # noqa: BLE001  # the other effects are others' affair
                self.faults.note("effects", error)
                self._not_performed(effect, error)
        self._alarm.set(self.scheduler.deadline)
        if not self.herald.is_quiet or not isinstance(event, _OF_REQUESTS):
            self.herald.queue_changed()

    def _time_passed(self) -> None:
        self.feed(ev.TimePassed())

    def _perform(self, effect: ef.Effect) -> None:
        match effect:
            case ef.Grant(ticket, instance):
                self._granted(ticket, instance)
            case ef.Refuse(ticket, cause):
                if lease := self._leases.get(ticket):
                    lease.refuse(as_error(cause))
            case ef.Spawn(instance, profile, fingerprint):
                assert self._group is not None
                self.switches.begin(profile)
                self.keeper.bring_to_life(self._group, instance, profile, fingerprint)
            case ef.Stop(instance, why):
                self.keeper.stop(instance, why)
            case ef.SwitchDone():
                self.herald.switch_ended(effect, self.keeper.instances.get(effect.instance))
                self.jobs.note_restored(effect.profile, list(effect.restoring))
            case _:
                assert_never(effect)

    def _not_performed(self, effect: ef.Effect, error: Exception) -> None:
        """Nobody waits for ever for what will not come."""
        if isinstance(effect, ef.Grant | ef.Refuse) and (lease := self._leases.get(effect.ticket)):
            lease.refuse(as_error(Cause("internal", f"an internal fault of Paddock: {error!r}")))

    def _granted(self, ticket: Ticket, instance: InstanceId) -> None:
        live = self.keeper.instances[instance]
        self._current = live.profile
        self.last_used[live.profile] = self.clock()
        self.probes.disturb(instance)
        self.chronicle.began(instance)
        if lease := self._leases.get(ticket):
            lease.grant(live.endpoint)

    # ---- leases ----

    def lease(
        self,
        profile: str,
        *,
        insist: bool = False,
        force: bool = False,
        asker: Asker = UNKNOWN,
    ) -> Lease:
        """Ask for it now. Raises the PaddockError of an immediate refusal.

        `insist`: a person asked for the switch itself, so it is tried whatever failed before; with
        `force` also where it is known that it cannot be loaded.
        """
        if not self.scheduler.is_up(ProfileId(profile)):
            self.records.reserve.hold()  # before anybody leaves for a load that could not be begun
        lease = Lease(self, Ticket(next(self._tickets)), ProfileId(profile))
        self._leases[lease.ticket] = lease
        self._examine(lease.profile)
        self.feed(ev.Asked(lease.ticket, lease.profile, insist, force, asker))
        if lease.refusal is not None:
            self.give_back(lease)
            raise lease.refusal
        if lease.endpoint is None:
            self.switches.begin(lease.profile)
            self.herald.queue_changed()
        return lease

    def _examine(self, profile: ProfileId) -> None:
        """Let the scheduler know whether it can be loaded at all, where a load might be needed."""
        live = self.scheduler.live_of(profile)
        if live and isinstance(live.state, Serving) and not self.scheduler.is_stale(live):
            return
        if known := self._profile_of(profile):
            flaw = self.flaws.of(known)
            if flaw != self.scheduler.flaw(profile):
                self.feed(ev.Examined(profile, flaw))
            is_looking = self._looking is not None and not self._looking.done()
            if self._group and not is_looking and self.roster.is_unread(known):
                self._looking = self._group.create_task(self.configuration.refine())

    def loaded(self, profile: str, *, asker: Asker = UNKNOWN) -> Lease:
        """Like `lease`, but raises NotLoaded where a load would be needed."""
        live = self.scheduler.live_of(ProfileId(profile))
        if live is None or not isinstance(live.state, Serving):
            raise NotLoaded(f"{profile} is not loaded", hint=f"`paddock switch {profile}` loads it")
        return self.lease(profile, asker=asker)

    def give_back(self, lease: Lease) -> None:
        """The only place where a lease ends."""
        if self._leases.pop(lease.ticket, None) is not None:
            self.feed(ev.Left(lease.ticket))

    async def held_back(self, profile: str, instance: str) -> PaddockError | None:
        """Why it is not loaded again now, after this instance broke off a reply; None: it would be."""
        live = self.keeper.instances.get(InstanceId(instance))
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNTIL_ITS_END_IS_KNOWN):
                if live:
                    await live.exited.wait()
        cause = self.scheduler.held_back(ProfileId(profile), self.clock())
        return as_error(cause) if cause else None

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

    def endpoints(self) -> list[Endpoint]:
        """Where the ready instances are reached, for what costs them nothing and needs no lease."""
        live = self.scheduler.live.values()
        return [self.keeper.instances[x.id].endpoint for x in live if isinstance(x.state, Serving)]

    def current(self) -> str | None:
        """The profile that was used last and is still ready."""
        ready = [x.profile for x in self.scheduler.live.values() if isinstance(x.state, Serving)]
        if self._current in ready:
            return self._current
        return ready[-1] if ready else None

    # ---- orders ----

    def switch(self, profile: str, *, force: bool = False) -> Job:
        """Make it ready, whoever goes on waiting for that. `force`: although it is known to fail."""
        return self.jobs.start(ProfileId(profile), insist=True, force=force)

    def job(self, job_id: str) -> Job:
        return self.jobs[job_id]

    def unload(self, profile: str | None, *, now: bool = False) -> list[str]:
        """Let it (without a name: all) go; the profiles concerned."""
        chosen = self._live_profiles(profile)
        for name in chosen:
            self.feed(ev.UnloadAsked(name, now))
        return [str(name) for name in chosen]

    def let_idle(self, profile: str, idle: float) -> None:
        """Let its live instance be idle for so many seconds, 0 = for ever, whatever the profile says."""
        self.feed(ev.KeepAsked(ProfileId(profile), idle))

    def idle_left(self, profile: str) -> float | None:
        """Seconds until it is unloaded for being idle; None: it stays."""
        live = self.scheduler.live_of(ProfileId(profile))
        return self.scheduler.idle_left(live, self.clock()) if live else None

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
        return self.keeper.instances.get(live.id) if live else None

    def hand_saved(self, instance: InstanceId) -> HandSaved | None:
        """The contexts of an instance that somebody saves by hand; None where it keeps none."""
        return self.keeper.hand_saved(instance)

    # ---- configuration and devices ----

    async def reload(self) -> None:
        """Read models.conf again. Raises ConfigError; then what was in force stays in force."""
        await self.configuration.reload()

    def reload_soon(self) -> None:
        """Like `reload`, for those who cannot wait; what goes wrong is told to the log and the bus."""
        if self._group:
            self._group.create_task(self.configuration.reload_quietly())

    @property
    def config(self) -> wire.ConfigInfo:
        return self.configuration.info

    def _got_ready(self, instance: Instance) -> None:
        """It serves: see what it really holds, and how fast it is."""
        self.gauge.measure()
        if instance.adopted:
            self.chronicle.adopted(instance)
        elif self._group:
            self.probes.arm(self._group, instance)

    def _judged(self, instance: Instance, verdict: Verdict) -> None:
        self.herald.verdict_reached(instance, verdict)

    def _profile_of(self, profile: ProfileId) -> Profile | None:
        return self.roster.stable.find(profile)

    def _measured(self) -> None:
        self.plans.wake()  # made after the gauge

    async def _plans_changed(self) -> None:
        self.gauge.measure()  # of devices that only an engine can tell of
        await self.configuration.renew()
        for profile in self.scheduler.waiting():
            self._examine(profile)

    # ---- views ----

    def status(self) -> wire.Status:
        return self.view.status()

    def profiles(self) -> Iterable[wire.ProfileInfo]:
        """Every profile as it is now, in the order of models.conf."""
        return self.view.profiles()

    def profile(self, profile: Profile) -> wire.ProfileInfo:
        """One of them."""
        return self.view.profile(profile)

    async def look_at_files(self) -> None:
        """See to it that what lists say of files is a moment old at most."""
        await self.files.look(self.roster.stable)

    def facts(self, profile: Profile) -> Facts | None:
        """What its model's file says, once it was read."""
        return self.roster.facts(profile)

    def catalog(self) -> Iterable[ModelCard]:
        """What users must know of each profile, in the same order."""
        return catalog(self)

    def card(self, profile: Profile) -> ModelCard:
        """The same of one."""
        return model_card(self, profile)

    async def plan(self, profile: Profile) -> Plan:
        """Where it would lie if all others had left; its engine is asked if need be."""
        return await self.plans.make(profile)

    async def known_plans(self, profiles: Iterable[Profile]) -> list[Plan]:
        """One for each of these: its engine's, or an estimate until that was asked."""
        return [self.plans.of(profile) async for profile in in_turns(profiles)]

    def _snapshot(self) -> wire.Snapshot:
        return wire.Snapshot(status=self.status(), profiles=list(self.profiles()))
