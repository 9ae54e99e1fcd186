"""Saves contexts ahead of time: while an instance is idle and nobody waits, so that leaving costs nothing."""

import asyncio

from paddock.core.books import Serving
from paddock.core.scheduler import Scheduler
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.registry import Registry

_IDLE = 5.0  # seconds without a request: who answers a question needs longer than an agent
_EVERY = 1.0


class Keeper:
    """One slot of an instance at a time; a request that comes meanwhile waits for that one."""

    def __init__(
        self,
        contexts: Contexts,
        registry: Registry,
        scheduler: Scheduler,
        clock: Clock,
        faults: Faults,
        *,
        idle: float = _IDLE,
    ) -> None:
        """`idle`: seconds without a request until an instance is saved."""
        self._contexts, self._registry, self._scheduler = contexts, registry, scheduler
        self._clock, self._faults, self._idle = clock, faults, idle

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            with self._faults.caught("contexts"):
                await self._contexts.trim()
            for instance in list(self._registry.values()):
                with self._faults.caught("contexts"):
                    await self.look(instance)

    async def look(self, instance: Instance) -> None:
        """Save one of its slots, if nobody would have to wait for that."""
        store = instance.slots
        if store and store.saves_ahead and store.has_news and self._is_idle(instance):
            await store.save_one(instance.record.socket, instance.report)

    def _is_idle(self, instance: Instance) -> bool:
        live = self._scheduler.live.get(instance.id)
        if live is None or not isinstance(live.state, Serving) or self._scheduler.waiting():
            return False
        state = live.state
        is_free = not (state.leases or state.leaving or state.closed_since is not None)
        return is_free and self._clock.now() - state.idle_since >= self._idle
