"""The task of each live instance: sees it through to its end, and the loop hears what becomes of it."""

import asyncio
import logging
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path

from paddock.config.settings import Settings
from paddock.core import events as ev
from paddock.core.model import Cause, InstanceId
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.instance import Instance, Listener
from paddock.daemon.instances.life import Life
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.instances.sheltered import Sheltered
from paddock.daemon.loop import Loop
from paddock.daemon.memory.ledger import Ledger
from paddock.llama.process import Child

_log = logging.getLogger(__name__)
_MEMORY_WAIT = 5.0  # seconds at most for a driver to give memory back (0.4 s was the most seen)


class InstanceTasks:
    """Whatever begins an instance, or takes one over, has its life run here."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        registry: Registry,
        ledger: Ledger,
        contexts: Contexts,
        listener: Listener,
        loop: Loop,
        faults: Faults,
        clock: Clock,
    ) -> None:
        self._settings, self._records, self._registry = settings, records, registry
        self._ledger, self._contexts, self._loop = ledger, contexts, loop
        self._faults, self._clock = faults, clock
        self.listener = Sheltered(listener, faults)
        self._lives: dict[InstanceId, asyncio.Task[None]] = {}
        self._stopped_early: dict[InstanceId, str] = {}  # before they had a process; and why
        self._leaving = False

    # ---- each one's task ----

    def begin(
        self, group: asyncio.TaskGroup, instance: InstanceId, life: Coroutine[None, None, None]
    ) -> None:
        """Run this life; an unexpected error in it ends no other."""
        self._lives[instance] = group.create_task(self._guarded(instance, life))

    async def _guarded(self, instance: InstanceId, life: Coroutine[None, None, None]) -> None:
        try:
            await life
        except Exception as error:  # noqa: BLE001  # that is its purpose
            self._faults.note("instances", error)
            self._registry.remove(instance)
            if instance in self._lives:
                self.failed_to_begin(
                    instance, Cause("internal", f"an internal fault of Paddock: {error!r}")
                )

    def track(self, record: Record) -> Instance:
        """An instance with this record, known to everybody from now on."""
        live = Instance(
            record,
            self._records,
            self.listener,
            self._contexts.slot_store(record),
            log_limit=self._settings.log_size << 20,
            faults=self._faults,
            clock=self._clock,
        )
        self._registry.add(live)
        return live

    async def live(self, live: Instance, start: Callable[[], Child]) -> None:
        """See it through, and then all that follows from its end."""
        await self.after_its_end(live, await self.see_through(live, start))

    async def see_through(self, live: Instance, start: Callable[[], Child]) -> Cause:
        """Until its end; why it ended."""
        life = Life(
            live,
            self._records,
            self.listener,
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

    async def after_its_end(self, live: Instance, cause: Cause) -> None:
        """Let everybody know that it has ended, and when its memory is free."""
        self._loop.feed(ev.Exited(live.id, cause))
        live.exited.set()
        self.listener.ended(live, cause if isinstance(live.phase, ph.Failed) else None)
        await self.wait_freed(live)
        self._registry.remove(live.id)
        gone = self.contexts_given_back(live.record)
        self._forget(live.id)
        await self.delete(gone)

    async def wait_freed(self, live: Instance) -> None:
        """Return when the memory of this ended instance is free again, or nobody waits for that any more."""
        with self._faults.caught("memory"):
            await self._ledger.freed(live.record.worker, within=_MEMORY_WAIT)

    def contexts_given_back(self, record: Record) -> list[Path]:
        """The folders of saved contexts that are to be deleted, now that it needs its own no more."""
        with self._faults.caught("contexts"):
            if record.contexts:
                return self._contexts.give_back(Path(record.contexts))
        return []

    async def delete(self, folders: list[Path]) -> None:
        """Delete saved contexts."""
        for folder in folders:
            _log.info("saved contexts are deleted: %s", folder)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def stop(self, instance: InstanceId, why: str) -> None:
        """End it, also while it is only being prepared: then it never begins."""
        if live := self._registry.get(instance):
            live.stop(why)
        elif instance in self._lives:
            self._stopped_early[instance] = why

    def why_stopped(self, instance: InstanceId) -> str | None:
        """Why it was to be stopped before it had a process, for the one who was about to begin it; None: it was not."""
        return self._stopped_early.pop(instance, None)

    def failed_to_begin(self, instance: InstanceId, cause: Cause) -> None:
        """It has ended before it had a process."""
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
