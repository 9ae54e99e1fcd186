"""Saves contexts ahead of time: while an instance is idle and nobody waits, so that leaving costs nothing."""

import asyncio

from paddock.core.live import Serving
from paddock.core.model import InstanceId
from paddock.core.scheduler import Scheduler
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.registry import Registry

_EVERY = 0.25  # seconds
_TRIM_EVERY = 4  # looks


class Keeper:
    """One slot of an instance at a time; a request that comes meanwhile waits for that one."""

    def __init__(
        self,
        contexts: Contexts,
        registry: Registry,
        scheduler: Scheduler,
        clock: Clock,
        faults: Faults,
    ) -> None:
        self._contexts, self._registry, self._scheduler = contexts, registry, scheduler
        self._clock, self._faults = clock, faults
        self._busy: set[InstanceId] = (
            set()
        )  # being looked at: one that is slow keeps no other waiting

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            looks = 0
            while True:
                await asyncio.sleep(_EVERY)
                if (looks := looks + 1) % _TRIM_EVERY == 0:
                    with self._faults.caught("contexts"):
                        await self._contexts.tidy()
                for instance in self._registry.values():
                    if instance.id not in self._busy and self._is_due(instance):
                        self._busy.add(instance.id)
                        group.create_task(self._guarded(instance))

    async def _guarded(self, instance: Instance) -> None:
        try:
            with self._faults.caught("contexts"):
                await self.look(instance)
        finally:
            self._busy.discard(instance.id)

    def _is_due(self, instance: Instance) -> bool:
        rested = self._rested(instance)
        return bool(instance.slots and rested is not None and instance.slots.wants_look(rested))

    async def look(self, instance: Instance, *, rested: float | None = None) -> None:
        """Save one of its slots, if nobody would have to wait for that.

        `rested`: as if it had been idle for so many seconds; None: for as long as it has.
        """
        measured, store = self._rested(instance), instance.slots
        if store is None or measured is None:
            return
        rested = measured if rested is None else rested
        if store.wants_look(rested):
            await store.save_one(instance.record.socket, instance.report, rested=rested)

    def _rested(self, instance: Instance) -> float | None:
        """Seconds since its last request; None where it has one, or somebody waits."""
        live = self._scheduler.live.get(instance.id)
        if live is None or not isinstance(live.state, Serving):
            return None
        state = live.state
        if state.leases or state.leaving or state.closed_since is not None:
            return None
        if instance.slots:
            instance.slots.rhythm.note_rest(state.idle_since)
        return None if self._scheduler.waiting() else self._clock.now() - state.idle_since
