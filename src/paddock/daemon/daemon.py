"""The daemon: its life, and what it does when the scheduler has decided. Its parts: `wiring.py`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from paddock.api.placement import Verdict
from paddock.config.settings import Paths, Settings
from paddock.core import effects as ef
from paddock.core import events as ev
from paddock.core.live import Coming
from paddock.core.model import InstanceId, ProfileId
from paddock.core.upcoming import Upcoming
from paddock.daemon.clock import Clock
from paddock.daemon.configuration import FixedSettings, SettingsSource
from paddock.daemon.desk import Desk
from paddock.daemon.faults import Faults
from paddock.daemon.history.opening import opened
from paddock.daemon.history.store import HistoryStore
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.records import Records
from paddock.daemon.wiring import Given, wired
from paddock.scratch import sweep

_OF_REQUESTS = (ev.Asked, ev.Left)


class Daemon(Desk):
    """Everything that lives as long as the process. Made by `open`; `run` is its life."""

    def __init__(self, given: Given) -> None:
        rooms = wired(given, self)
        super().__init__(rooms)
        self.faults, self.records = given.faults, given.records
        self.loop, self.orders = rooms.base.loop, rooms.control.orders
        self.probes, self.keeper = rooms.past.probes, rooms.past.keeper
        self.switch_log, self.publisher = rooms.past.switch_log, rooms.reports.publisher
        self.activity_feed = rooms.reports.activity_feed
        self.aftermath = rooms.control.aftermath
        self.instance_tasks, self.adoption = rooms.control.instance_tasks, rooms.control.adoption
        self.fetches = rooms.control.fetches
        self.lent = rooms.control.lent
        self.watchman, self.yield_to = rooms.control.watchman, rooms.control.yield_to
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
        given = Given(
            paths=paths,
            settings=settings,
            source=source or FixedSettings(settings),
            listen=listen,
            records=Records(paths.state_dir, paths.runtime_dir, kept=settings.logs_kept),
            history=await opened(paths.state_dir / "history.sqlite", faults),
            faults=faults,
            clock=clock or Clock(),
        )
        daemon = cls(given)
        try:
            daemon.keyring.read()
            await daemon.configuration.read()
            await daemon._recall(given.history)
        except BaseException:
            await given.history.close()
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
            "lenders": self.lent.run,
            "configuration": configuration.run,
            "facts": configuration.run_refining,
            "plans": self.plans.run,
            "probes": self.probes.run,
            "contexts": self.keeper.run,
            "activity": self.activity_feed.run,
            "devices": self.device_watch.run,
            "watchman": self.watchman.run,
            "yield": self.yielding.run,
            "yield-to": self.yield_to.run,
        }

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        self.sampler.measure()
        await self.configuration.renew()
        await self.adoption.run(group)
        for live in self.parts.scheduler.live.values():
            if isinstance(live.state, Coming):
                self.parts.switches.begin(live.profile)
        self.yielding.recall()
        self.pulls.recall()
        self.orders.preload()
        self.tunings.sweep()

    async def _end(self, helpers: list[asyncio.Task[None]]) -> None:
        for helper in helpers:
            helper.cancel()
        await self.fetches.close()
        await self.pulls.close()
        await self.tunings.close()
        self.loop.close()
        self.loop.feed(ev.ClosingDown(self._keep))
        await (self.instance_tasks.leave() if self._keep else self.instance_tasks.all_ended())
        self.orders.jobs.close()
        self.usage_log.flush()
        await self.chronicle.finish()
        self.bus.close()

    def shut_down(self, *, keep: bool = False) -> None:
        """End soon. `keep`: instances stay alive for the next daemon to take over."""
        if not self._ending.is_set():
            self._keep = keep
            self._ending.set()

    @property
    def keeps(self) -> bool:
        """Whether instances stay alive, for the next daemon, once this one has ended."""
        return self._keep

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
        self.instance_tasks.stop(order.instance, order.why)

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
