"""Keeps the scheduler's numbers true: what the devices have, and what each instance really holds."""

import asyncio
from collections.abc import Callable, Mapping

from paddock.core import events as ev
from paddock.core.books import Serving
from paddock.core.model import InstanceId
from paddock.core.scheduler import Scheduler
from paddock.daemon.faults import Faults
from paddock.daemon.instance import Instance
from paddock.daemon.ledger import Booked, Ledger

_EVERY = 10.0  # seconds: other programs take and free memory without telling anybody


class Gauge:
    """Reads the devices now and then, and whenever it is asked to."""

    def __init__(
        self,
        ledger: Ledger,
        scheduler: Scheduler,
        *,
        booked: Callable[[], Booked],
        instances: Callable[[], Mapping[InstanceId, Instance]],
        feed: Callable[[ev.Event], None],
        changed: Callable[[], None],
        faults: Faults,
    ) -> None:
        """`changed` is called after each reading."""
        self._ledger, self._scheduler = ledger, scheduler
        self._booked, self._instances = booked, instances
        self._feed, self._changed, self._faults = feed, changed, faults

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self.measure()

    def measure(self) -> None:
        """Read the devices; let the scheduler know what there is, and what each instance holds."""
        self._feed(ev.Measured(self._ledger.read(self._booked())))
        for instance in list(self._instances().values()):
            with self._faults.caught("memory"):
                self._measure(instance)
        self._changed()

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
            self._feed(ev.Placed(instance.id, held))

    def is_calm(self) -> bool:
        """Whether nothing loads or ends, so that free memory stays as it is."""
        return all(isinstance(live.state, Serving) for live in self._scheduler.live.values())
