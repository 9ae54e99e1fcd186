"""The lives of the instances: begun, taken over from an earlier daemon, seen through to their ends."""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from paddock.config.profile import Profile
from paddock.config.settings import Settings
from paddock.core import events as ev
from paddock.core.effects import Spawn
from paddock.core.model import HOST, Cause, InstanceId
from paddock.core.upcoming import Upcoming
from paddock.daemon.clock import Clock
from paddock.daemon.early_start import EarlyStart
from paddock.daemon.early_starts import Begun, EarlyStarts
from paddock.daemon.faults import Faults
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.hand_saved import HandSaved
from paddock.daemon.instances.instance import Instance, Listener
from paddock.daemon.instances.life import Life
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.instances.sheltered import Sheltered
from paddock.daemon.loop import Loop
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.load_modes import LoadModes
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.replays import Replays
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.starter import Starter
from paddock.engine.containers import is_container, reap
from paddock.engine.launch import environment
from paddock.errors import PaddockError
from paddock.llama import client
from paddock.llama.process import Child, Identity, adopt, spawn
from paddock.llama.signs import MARK
from paddock.placement.planner import quoted

_log = logging.getLogger(__name__)
_MEMORY_WAIT = 5.0  # seconds at most for a driver to give memory back (0.4 s was the most seen)


class Supervisor:
    """Runs every instance of this daemon, and feeds the loop with what becomes of each."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        registry: Registry,
        roster: Roster,
        ledger: Ledger,
        plans: ProfilePlans,
        replays: Replays,
        load_modes: LoadModes,
        flaws: Flaws,
        contexts: Contexts,
        listener: Listener,
        loop: Loop,
        faults: Faults,
        clock: Clock,
    ) -> None:
        self._settings, self._records, self._registry = settings, records, registry
        self._roster, self._ledger, self._plans, self._flaws = roster, ledger, plans, flaws
        self._listener, self._loop = Sheltered(listener, faults), loop
        self._faults, self._clock = faults, clock
        self._contexts = contexts
        self._starter = Starter(settings, records, roster, contexts, replays, load_modes)
        self._early = EarlyStarts(
            records, registry, roster, ledger, plans, self._starter, contexts, faults
        )
        self._lives: dict[InstanceId, asyncio.Task[None]] = {}
        self._stopped_early: dict[InstanceId, str] = {}  # before they had a process; and why
        self._leaving = False

    # ---- beginnings ----

    def bring_to_life(self, group: asyncio.TaskGroup, order: Spawn) -> None:
        """Start this instance of this version of its profile; its end is an event for the loop."""
        life = self._new_life(order, self._early.claim(order))
        self._lives[order.instance] = group.create_task(self._guarded(order.instance, life))

    def foresee(self, group: asyncio.TaskGroup, upcoming: Upcoming | None) -> None:
        """This will be brought to life once others are gone; None: nothing waits for that."""
        self._early.foresee(group, upcoming)

    async def _guarded(self, instance: InstanceId, life: Coroutine[None, None, None]) -> None:
        """An unexpected error in one life ends no other."""
        try:
            await life
        except Exception as error:  # noqa: BLE001  # that is its purpose
            self._faults.note("instances", error)
            self._registry.remove(instance)
            if instance in self._lives:
                self._failed_to_begin(
                    instance, Cause("internal", f"an internal fault of Paddock: {error!r}")
                )

    async def _new_life(self, order: Spawn, early: EarlyStart | None) -> None:
        # First, since a rehearsal holds memory that would be missing in what is read of the devices.
        with self._faults.caught("plans"):
            await self._plans.stand_aside()
        if why := self._stopped_early.pop(order.instance, None):
            if early:
                early.decide("drop")
            self._failed_to_begin(order.instance, _stopped(why))
            return
        try:
            profile = self._roster.version(order.profile, order.fingerprint)
            engine = self._roster.engine(profile)
            environ = environment(engine, os.environ)
            begun = await self._early.take(early, profile)
            if begun:
                record = begun.record
            else:
                mode = await self._starter.mode(profile)
                record = self._starter.prepare(order.instance, profile, mode)
        except Exception as error:  # noqa: BLE001  # one's trouble must not end the others
            if early:
                early.decide("drop")
            self._failed_to_begin(order.instance, self._why_unprepared(order.instance, error))
            return
        with self._faults.caught("contexts"):
            demand = self._registry.demand(order.instance)
            await self._contexts.leave_ram(demand.get(HOST, 0), record)
        if why := self._stopped_early.pop(order.instance, None):
            if begun:
                await begun.child.end_at_once()
            await self._stopped_before_it_began(record, why)
            return
        state = self._flaws.state(profile)
        live, cause = await self._run(record, environ, begun)
        while live.goes_on:
            live, cause = await self._run_again(live, cause, profile, environ)
        await self._after_its_end(live, cause)
        if live.refusal:
            self._flaws.note(profile, state, quoted(engine, live.refusal))

    def _why_unprepared(self, instance: InstanceId, error: Exception) -> Cause:
        if isinstance(error, PaddockError):
            return Cause(error.code, error.message, error.hint)
        if isinstance(error, OSError):
            return Cause("state_unwritable", f"cannot prepare {instance}: {error}")
        self._faults.note("instances", error)
        return Cause("internal", f"an internal fault of Paddock: {error!r}")

    async def _run(
        self, record: Record, environ: Mapping[str, str], begun: Begun | None = None
    ) -> tuple[Instance, Cause]:
        """Start it, unless it was begun early, and see it through; the instance, and why it ended."""
        plumbing, marked = self._records.plumbing(record.number), {**environ, MARK: record.mark}
        live = self._track(record)
        self._listener.phase_changed(live)
        live.is_early = begun is not None
        if begun:
            return live, await self._see_through(live, lambda: begun.child)
        return live, await self._see_through(live, lambda: spawn(record.argv, marked, plumbing))

    async def _run_again(
        self, short: Instance, cause: Cause, profile: Profile, environ: Mapping[str, str]
    ) -> tuple[Instance, Cause]:
        """The same load once more; who waits for it waits on.

        With a search where its plan does not hold; in its turn, where it began early.
        """
        how = "fit searches anew" if short.must_search else "again"
        _log.warning("%s: %s: %s", short.id, how, cause.message)
        with self._faults.caught("memory"):
            await self._ledger.freed(short.record.worker, within=_MEMORY_WAIT)
        if short.order.why is not None:
            self._end(short, ph.Stopped())
            return short, Cause("stopped", f"stopped: {short.order.why}")
        try:
            record = self._starter.again(
                short.record,
                profile,
                searches=short.must_search,
                difference=short.report.difference,
            )
        except (OSError, PaddockError) as error:
            _log.error("%s cannot be prepared again: %s", short.id, error)
            self._end(short, ph.Failed(cause))
            return short, cause
        return await self._run(record, environ)

    def _end(self, short: Instance, phase: ph.Phase) -> None:
        """Its load does not go on after all."""
        short.must_search = short.failed_early = False
        short.move(phase)
        with self._faults.caught("records"):
            self._records.close(short.record)

    def _track(self, record: Record) -> Instance:
        live = Instance(
            record,
            self._records,
            self._listener,
            self._contexts.slot_store(record),
            log_limit=self._settings.log_size << 20,
            faults=self._faults,
            clock=self._clock,
        )
        self._registry.add(live)
        return live

    def hand_saved(self, instance: InstanceId) -> HandSaved | None:
        """The contexts of an instance that somebody saves by hand; None where it keeps none."""
        live = self._registry.get(instance)
        return self._contexts.hand_saved(live.record.contexts) if live else None

    # ---- taking over ----

    async def adopt_all(self, group: asyncio.TaskGroup) -> None:
        """Take over what an earlier daemon left alive and well; end what it left unwell."""
        known = list(self._records)
        for record in known:
            if not record.ended:
                with self._faults.caught("adoption"):  # it goes on living, for a later daemon
                    await self._adopt(group, record)
        with self._faults.caught("contexts"):
            self._contexts.remove_halves()
        if any(is_container(record.argv) for record in known):
            with self._faults.caught("containers"):
                await self._remove_leftover_containers()

    async def _remove_leftover_containers(self) -> None:
        """Remove containers that nobody runs any more: whatever killed us may have killed that too."""
        living = [live.record.socket for live in self._registry.values()]
        place = self._records.sockets
        for socket in await asyncio.to_thread(reap, place, living, os.environ):
            _log.warning("removed a container that was left behind: %s", socket)

    async def _adopt(self, group: asyncio.TaskGroup, record: Record) -> None:
        child = self._find_child(record)
        if child is None:
            self._records.close(record)
            return
        if record.is_early:
            _log.info("%s was begun for a switch that ended with its daemon", record.instance)
            await child.end_at_once()
            self._records.close(record)
            return
        live = self._track(record)
        try:
            await live.catch_up()
        except OSError:
            self._registry.remove(live.id)
            raise
        health = await client.health(live.endpoint.session)
        if health == "silent" and not live.may_be_silent():
            await self._reap(live, child)
        else:
            self._take_over(group, live, child, ready=health == "ready")

    def _find_child(self, record: Record) -> Child | None:
        identity = Identity(record.pid, record.started, record.boot)
        if not record.pid and (pid := record.signs.leader()):
            identity = Identity.of(pid) or identity
            record.pid, record.started, record.boot = identity.pid, identity.started, identity.boot
            self._records.save(record)
        child = adopt(identity, self._records.plumbing(record.number), record.signs)
        if child is None and identity.is_alive():
            _log.warning(
                "process %d may be %s, but that cannot be proven: it is left alone, and to you to end",
                identity.pid,
                record.instance,
            )
        return child

    async def _reap(self, live: Instance, child: Child) -> None:
        _log.warning("instance %s does not answer: ending it", live.id)
        await child.stop(live.record.stop_timeout)
        await live.hang_up()
        self._records.close(live.record)
        self._registry.remove(live.id)
        await self._delete(self._contexts_given_back(live.record))

    def _take_over(
        self, group: asyncio.TaskGroup, live: Instance, child: Child, *, ready: bool
    ) -> None:
        _log.info("instance %s was taken over, %s", live.id, "ready" if ready else "loading")
        self._loop.feed(ev.Adopted(live.id, live.profile, live.record.fingerprint, ready))
        if ready:
            live.note_ready()
            self._listener.taken_over(live)
        life = self._live(live, lambda: child)
        self._lives[live.id] = group.create_task(self._guarded(live.id, life))

    # ---- lives and ends ----

    async def _live(self, live: Instance, start: Callable[[], Child]) -> None:
        await self._after_its_end(live, await self._see_through(live, start))

    async def _see_through(self, live: Instance, start: Callable[[], Child]) -> Cause:
        """Until its end; why it ended."""
        life = Life(
            live,
            self._records,
            self._listener,
            self._faults,
            self._clock,
            stall_timeout=self._settings.stall_timeout,
        )
        try:
            cause = await life.run(start)
        except asyncio.CancelledError:
            if not self._leaving:
                live.kill()
            raise
        except Exception as error:  # noqa: BLE001  # one's trouble must not end the others
            self._faults.note("instances", error)
            live.kill()
            cause = Cause("internal", f"Paddock lost track of {live.id}: {error!r}")
        _log.info("instance %s ended: %s", live.id, cause.message)
        return cause

    async def _after_its_end(self, live: Instance, cause: Cause) -> None:
        """Let everybody know that it has ended, and when its memory is free."""
        self._loop.feed(ev.Exited(live.id, cause))
        live.exited.set()
        self._listener.ended(live, cause if isinstance(live.phase, ph.Failed) else None)
        with self._faults.caught("memory"):
            await self._ledger.freed(live.record.worker, within=_MEMORY_WAIT)
        self._registry.remove(live.id)
        gone = self._contexts_given_back(live.record)
        self._forget(live.id)
        await self._delete(gone)

    def _contexts_given_back(self, record: Record) -> list[Path]:
        """The folders of saved contexts that are to be deleted, now that it needs its own no more."""
        with self._faults.caught("contexts"):
            if record.contexts:
                return self._contexts.give_back(Path(record.contexts))
        return []

    async def _delete(self, folders: list[Path]) -> None:
        for folder in folders:
            _log.info("saved contexts are deleted: %s", folder)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def stop(self, instance: InstanceId, why: str) -> None:
        """End it, also while it is only being prepared: then it never begins."""
        if live := self._registry.get(instance):
            live.stop(why)
        elif instance in self._lives:
            self._stopped_early[instance] = why

    async def _stopped_before_it_began(self, record: Record, why: str) -> None:
        with self._faults.caught("records"):
            self._records.close(record)
        gone = self._contexts_given_back(record)
        self._failed_to_begin(InstanceId(record.instance), _stopped(why))
        await self._delete(gone)

    def _failed_to_begin(self, instance: InstanceId, cause: Cause) -> None:
        _log.warning("instance %s could not be started: %s", instance, cause.message)
        self._loop.feed(ev.Exited(instance, cause))
        self._forget(instance)

    def _forget(self, instance: InstanceId) -> None:
        del self._lives[instance]
        self._stopped_early.pop(instance, None)
        self._registry.forget_early(instance)
        self._loop.feed(ev.MemoryFreed(instance))

    async def leave(self) -> None:
        """Let go of all instances and leave them alive, for the next daemon to take over."""
        self._leaving = True
        for life in self._lives.values():
            life.cancel()
        await self.all_ended()

    async def all_ended(self) -> None:
        """Return when no instance is left."""
        if self._lives:
            await asyncio.wait(list(self._lives.values()))


def _stopped(why: str) -> Cause:
    return Cause("stopped", f"stopped before it began: {why}")
