"""The daemon: its parts put together, its life, and what it does when the scheduler has decided."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from paddock.api import types as wire
from paddock.api.activity import Totals
from paddock.api.contexts import Spared
from paddock.api.models import ModelCard
from paddock.api.placement import Plan, Verdict
from paddock.config.paths import daemon_log, keys_file
from paddock.config.profile import Profile
from paddock.config.settings import Paths, Settings
from paddock.core import effects as ef
from paddock.core import events as ev
from paddock.core.books import Coming
from paddock.core.model import InstanceId, ProfileId
from paddock.core.scheduler import Scheduler
from paddock.core.upcoming import Upcoming
from paddock.daemon.activity.bus import Bus
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.activity.requests import Requests
from paddock.daemon.activity.switches import Switches
from paddock.daemon.activity.usage import Usage
from paddock.daemon.activity.watchman import Watchman
from paddock.daemon.aftermath import Aftermath
from paddock.daemon.clock import Clock, timestamp
from paddock.daemon.configuration import Configuration, FixedSettings, SettingsSource, rules_of
from paddock.daemon.faults import Faults
from paddock.daemon.history.chronicle import Chronicle
from paddock.daemon.history.observer import Observer
from paddock.daemon.history.probes import Probes
from paddock.daemon.history.store import HistoryStore, opened
from paddock.daemon.history.switch_log import SwitchLog
from paddock.daemon.history.usage_log import UsageLog
from paddock.daemon.instances.contexts import Contexts, ram_folders
from paddock.daemon.instances.hand_saved import HandSaved
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.keeper import Keeper
from paddock.daemon.instances.records import Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.keyring import Keyring
from paddock.daemon.logs.logbook import Logbook
from paddock.daemon.loop import Loop
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.read_ahead import ReadAhead
from paddock.daemon.memory.replays import Replays
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.orders import Orders
from paddock.daemon.parts import Parts
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.model_files import ModelFiles
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.reports.activity_feed import ActivityFeed
from paddock.daemon.reports.catalog import catalog, model_card
from paddock.daemon.reports.publisher import Publisher
from paddock.daemon.reports.view import StatusView
from paddock.daemon.supervisor import Supervisor
from paddock.daemon.turns import in_turns
from paddock.daemon.yield_state import YieldState
from paddock.daemon.yield_to import YieldTo
from paddock.daemon.yielding import Yielding
from paddock.llama.gguf import Facts
from paddock.scratch import sweep

_OF_REQUESTS = (ev.Asked, ev.Left)


class Daemon:
    """Everything that lives as long as the process. Made by `open`; `run` is its life."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        source: SettingsSource,
        listen: Sequence[str],
        records: Records,
        history: HistoryStore,
        faults: Faults,
        clock: Clock,
    ) -> None:
        scheduler = Scheduler(rules_of(settings), first_number=records.next_number())
        roster = Roster(paths, settings, faults)
        kept = ram_folders(paths, settings)
        ledger = Ledger(settings, memory_file=paths.state_dir / "overheads.json", kept=kept)
        registry, flaws = Registry(scheduler), Flaws(roster)
        switches, usage = Switches(scheduler, registry, clock), Usage(scheduler, clock)
        self.loop = Loop(scheduler, registry, switches, self, clock, faults)
        self.sampler = Sampler(self.loop, ledger, scheduler, registry, faults)
        self.plans = ProfilePlans(
            roster, ledger, flaws, scheduler, registry, self.sampler, self, faults,
            state_dir=paths.state_dir, ahead=settings.plan_ahead,
        )  # fmt: skip
        self.read_ahead = ReadAhead(switches, roster, self.plans, faults)
        self.probes = Probes(roster, scheduler, faults, after=settings.probe_after)
        observer = Observer(ledger, scheduler, roster, self.plans)
        self.chronicle = Chronicle(history, observer, records, self, clock, faults)
        self.contexts = Contexts(paths, settings, self.chronicle, kept)
        self.keeper = Keeper(self.contexts, registry, scheduler, clock, faults)
        self.parts = parts = Parts(
            paths=paths, listen=tuple(listen), started_at=timestamp(), clock=clock, faults=faults,
            scheduler=scheduler, registry=registry, roster=roster, files=ModelFiles(clock),
            flaws=flaws, ledger=ledger, plans=self.plans, chronicle=self.chronicle,
            requests=Requests(clock), totals=Totals(), switches=switches, usage=usage,
            yield_state=YieldState(paths.state_dir / "yield.json", faults), on_yield=settings.on_yield,
            contexts=self.contexts,
        )  # fmt: skip
        self.switch_log = SwitchLog(self.chronicle, parts.requests, scheduler, clock)
        self.view = StatusView(parts)
        self.bus, self.metrics = Bus(self.view), Metrics(self.view, parts.totals)
        self.keyring = Keyring(
            settings, keys_file(paths.state_dir), changed=self.metrics.keep_only_keys
        )
        self.usage_log = UsageLog(history, self.chronicle.write_later, self.metrics)
        self.publisher = Publisher(self.bus, self.view, scheduler, switches, faults)
        self.activity_feed = ActivityFeed(
            self.bus, parts.requests, parts.totals, ledger, registry, self.view, clock
        )
        aftermath = Aftermath(
            self.loop, flaws, self.publisher, self.chronicle, switches, self.switch_log, self.probes,
            parts.requests, self.metrics, self.sampler, faults,
        )  # fmt: skip
        replays = Replays(self.plans, ledger, self.sampler, scheduler, faults)
        self.supervisor = Supervisor(
            settings, records, registry, roster, ledger, self.plans, replays, flaws,
            self.contexts, aftermath, self.loop, faults, clock,
        )  # fmt: skip
        self.configuration = Configuration(
            settings, source, roster, self.plans, switches, self.loop, self.publisher,
            self.metrics, faults,
        )  # fmt: skip
        self.yielding = Yielding(
            parts.yield_state,
            self.loop,
            scheduler,
            roster,
            self.plans,
            self.sampler,
            self.publisher,
            faults,
        )
        self.watchman = Watchman(
            parts.requests, registry, clock, faults, timeout=settings.hang_timeout
        )
        self.yield_to = YieldTo(settings.yield_to, self.yielding, parts.yield_state, clock)
        self.logbook = Logbook(records, roster, own=daemon_log(paths.state_dir))
        self.orders = orders = Orders(parts, self.loop, records, self.configuration, self.yielding)
        # What clients ask for and look at, by the names that `http` uses.
        self.paths, self.settings, self.listen = paths, settings, parts.listen
        self.faults, self.records, self.roster = faults, records, roster
        self.requests, self.current, self.endpoints = (
            parts.requests,
            usage.current,
            registry.endpoints,
        )
        self.resolve, self.held_back = orders.resolve, orders.held_back
        self.lease, self.loaded, self.switch, self.job = (
            orders.lease, orders.loaded, orders.switch, orders.job,
        )  # fmt: skip
        self.cancel, self.unload, self.let_idle, self.idle_left = (
            orders.cancel, orders.unload, orders.let_idle, orders.idle_left,
        )  # fmt: skip
        self.reload, self.reload_soon = self.configuration.reload, self.configuration.reload_soon
        self._group: asyncio.TaskGroup | None = None
        self._keep = False  # whether instances survive this daemon
        self._ending, self._ended = asyncio.Event(), asyncio.Event()

    @classmethod
    async def open(
        cls,
        paths: Paths,
        settings: Settings,
        *,
        listen: Sequence[str] = (),
        source: SettingsSource | None = None,
        clock: Clock | None = None,
    ) -> "Daemon":
        """One that has read its history and models.conf, and has touched no instance yet.

        `listen`: the addresses that it will answer at. `source` reads the settings again, when
        their file has changed; None: they never change. Raises ConfigError or EngineError.
        """
        faults = Faults()
        records = Records(paths.state_dir, paths.runtime_dir, kept=settings.logs_kept)
        history = await opened(paths.state_dir / "history.sqlite", faults)
        daemon = cls(
            paths, settings, source or FixedSettings(settings), listen,
            records, history, faults, clock or Clock(),
        )  # fmt: skip
        try:
            daemon.keyring.read()
            await daemon.configuration.read()
            await daemon._recall(history)
        except BaseException:
            await history.close()
            raise
        return daemon

    async def _recall(self, history: HistoryStore) -> None:
        with self.faults.caught("history"):
            self.parts.switches.recall(await history.last_loads())
            self.read_ahead.recall(await history.last_weights())
            await self.chronicle.recall(map(ProfileId, self.roster.stable.profiles))
            self.keyring.recall(await self.usage_log.spent_today())
        with self.faults.caught("scratch"):
            await asyncio.to_thread(sweep)

    # ---- life ----

    async def run(self, started: asyncio.Event) -> None:
        """Take over what lives, say that it has `started`, serve until `shut_down`."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._begin(group)
                keep_running = self.faults.keep_running
                helpers = [
                    group.create_task(keep_running(part, run)) for part, run in self._tasks.items()
                ]
                writer = group.create_task(keep_running("history", self.chronicle.run))
                started.set()
                await self._ending.wait()
                await self._end(helpers)
                writer.cancel()
        finally:
            self.contexts.experience.close()
            await self.chronicle.close()
            self._ended.set()

    @property
    def _tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on all the time, for everybody. Each goes on after an unexpected error."""
        configuration, paths = self.configuration, self.paths
        return {
            "memory": self.sampler.run,
            "models.conf": lambda: configuration.watch(paths.config),
            "paddock.toml": lambda: configuration.watch(paths.settings),
            "keys": self.keyring.run,
            "configuration": configuration.run,
            "facts": configuration.run_refining,
            "plans": self.plans.run,
            "probes": self.probes.run,
            "contexts": self.keeper.run,
            "activity": self.activity_feed.run,
            "watchman": self.watchman.run,
            "yield": self.yielding.run,
            "yield-to": self.yield_to.run,
        }

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        self.sampler.measure()
        await self.configuration.renew()
        await self.supervisor.adopt_all(group)
        for live in self.parts.scheduler.live.values():
            if isinstance(live.state, Coming):
                self.parts.switches.begin(live.profile)
        self.yielding.recall()
        self.orders.preload()

    async def _end(self, helpers: list[asyncio.Task[None]]) -> None:
        for helper in helpers:
            helper.cancel()
        self.loop.close()
        self.loop.feed(ev.ClosingDown(self._keep))
        await (self.supervisor.leave() if self._keep else self.supervisor.all_ended())
        self.orders.jobs.close()
        self.usage_log.flush()
        await self.chronicle.finish()
        self.bus.close()

    def shut_down(self, *, keep: bool = False) -> None:
        """End soon. `keep`: instances stay alive for the next daemon to take over."""
        if not self._ending.is_set():
            self._keep = keep
            self._ending.set()

    async def ended(self) -> None:
        """Return when `run` has."""
        await self._ended.wait()

    # ---- what the scheduler decided (loop.Effects) ----

    def spawn(self, order: ef.Spawn) -> None:
        assert self._group is not None, "nothing is decided before `run`"
        self.read_ahead.begun(order.profile)
        self.supervisor.bring_to_life(self._group, order)

    def foresee(self, upcoming: Upcoming | None) -> None:
        if self._group is not None:
            self.supervisor.foresee(self._group, upcoming)

    def stop(self, order: ef.Stop) -> None:
        if (leaver := self.parts.registry.get(order.instance)) and order.why == "evicted":
            leaver.note_rest_over(leaves=True)
        self.supervisor.stop(order.instance, order.why)

    def switch_done(self, done: ef.SwitchDone) -> None:
        ended = self.parts.switches.end(done.profile)
        if instance := self.parts.registry.get(done.instance):
            took = self.parts.clock.now() - instance.started_at
            if done.outcome == "ready":
                self.parts.switches.note_load(done.profile, took)
            self.read_ahead.note_load(instance, took, is_ready=done.outcome == "ready")
            self.chronicle.load_ended(instance, done.outcome, took, done.cause)
        self.metrics.switch_done(done.profile, done.outcome, ended.seconds)
        self.switch_log.ended(done, ended)
        self.orders.jobs.note_restored(done.profile, list(done.restoring))
        self.publisher.switch_ended(done, ended)

    def granted(self, instance: InstanceId) -> None:
        used = self.parts.registry[instance]
        self.parts.usage.note(used.profile)
        used.note_rest_over(leaves=False)
        self.probes.disturb(instance)
        self.chronicle.began(instance)

    def handled(self, event: ev.Event) -> None:
        if self.probes.is_busy and isinstance(event, ev.Asked) and self.parts.scheduler.waiting():
            self.probes.hang_up()
        if self.publisher.is_quiet and isinstance(event, _OF_REQUESTS):
            return
        self.parts.switches.abandon(self.parts.scheduler.waiting().keys())
        self.parts.switches.look()
        self.read_ahead.follow()
        self.publisher.queue_changed()
        self.yielding.note_away()

    # ---- what its parts found ----

    def verdict_reached(self, instance: Instance, verdict: Verdict) -> None:
        """The chronicle has another verdict on a load than before."""
        self.publisher.verdict_reached(instance, verdict)

    async def plans_changed(self) -> None:
        """An engine planned or refused something: it may have named devices that only it can see."""
        self.sampler.measure()
        await self.configuration.renew()
        for profile in self.parts.scheduler.waiting():
            self.orders.examine(profile)

    # ---- what its clients look at ----

    def status(self) -> wire.Status:
        return self.view.status()

    def profiles(self) -> Iterable[wire.ProfileInfo]:
        """Every profile as it is now, in the order of models.conf."""
        return self.view.profiles()

    def profile(self, profile: Profile) -> wire.ProfileInfo:
        """One of them."""
        return self.view.profile(profile)

    def catalog(self) -> Iterable[ModelCard]:
        """What users must know of each profile, in the same order."""
        return catalog(self.parts)

    def card(self, profile: Profile) -> ModelCard:
        """The same of one."""
        return model_card(self.parts, profile)

    async def look_at_files(self) -> None:
        """See to it that what lists say of files is a moment old at most."""
        await self.parts.files.look(self.roster.stable)

    def facts(self, profile: Profile) -> Facts | None:
        """What its model's file says, once it was read."""
        return self.roster.facts(profile)

    async def plan(self, profile: Profile) -> Plan:
        """Where it would lie if all others had left; its engine is asked if need be."""
        return await self.plans.make(profile)

    async def known_plans(self, profiles: Iterable[Profile]) -> list[Plan]:
        """One for each of these: its engine's, or an estimate until that was asked."""
        return [self.plans.of(profile) async for profile in in_turns(profiles)]

    def hand_saved(self, instance: InstanceId) -> HandSaved | None:
        """The contexts of an instance that somebody saves by hand; None where it keeps none."""
        return self.supervisor.hand_saved(instance)

    def spared(self, profile: str) -> Spared:
        """What kept contexts have saved this profile, over all time."""
        return self.contexts.experience.spared(profile)
