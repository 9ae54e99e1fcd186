"""Keeps the scheduler's numbers true: what the devices have, and what each instance really holds."""

import asyncio

from paddock.core import events as ev
from paddock.core.live import Serving
from paddock.core.scheduler import Scheduler
from paddock.daemon.faults import Faults
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.registry import Registry
from paddock.daemon.loop import Loop
from paddock.daemon.memory.ledger import Ledger

_EVERY = 10.0  # seconds: other programs take and free memory without telling anybody


class Sampler:
    """Reads the devices now and then, and whenever it is asked to."""

    def __init__(
        self, loop: Loop, ledger: Ledger, scheduler: Scheduler, registry: Registry, faults: Faults
    ) -> None:
        self._loop, self._ledger, self._scheduler = loop, ledger, scheduler
        self._registry, self._faults = registry, faults
        self.has_news = asyncio.Event()  # set after each reading; who plans clears it

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self.measure()

    def measure(self) -> None:
        """Read the devices; let the scheduler know what there is, and what each instance holds."""
        self._loop.feed(ev.Measured(self._ledger.read(self._registry.booked())))
        for instance in list(self._registry.values()):
            with self._faults.caught("memory"):
                self._measure(instance)
        self.has_news.set()

    def learn(self, instance: Instance) -> None:
        """Take what its engine saw free before this load for a reading of what no driver reads."""
        reader, number = instance.placement, instance.record.number
        older = {other.id for other in self._registry.values() if other.record.number < number}
        beside = {id_: held for id_, held in self._registry.booked().items() if id_ in older}
        devices = list(reader.devices.values())
        ids = self._ledger.ids(instance.record.worker, [d.name for d in devices], devices)
        self._ledger.saw(reader.placement.free, ids, beside)

    def _measure(self, instance: Instance) -> None:
        live = self._scheduler.live.get(instance.id)
        if live is None or not isinstance(live.state, Serving) or not instance.is_placed:
            return
        reader = instance.placement
        held = self._ledger.measured(
            instance.record.worker,
            reader.placement,
            reader.devices.values(),
            has_projector="--mmproj" in instance.record.argv,
        )
        if held != live.demand:
            self._loop.feed(ev.Placed(instance.id, held))
