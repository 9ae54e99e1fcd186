"""Notes how the devices are, every ten seconds, whether or not anybody looks on.

What is noted is the sampler's last reading, which the daemon makes anyway, and how hard each GPU works, of which a
driver says nothing where the card sleeps: so no card is woken that was not before.
"""

import asyncio
from datetime import UTC, datetime

from paddock.daemon.memory.device_past import EVERY, DevicesRing
from paddock.daemon.parts import Parts


class DeviceWatch:
    """Keeps the last hour of all devices."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.past = DevicesRing()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.note()

    async def note(self) -> None:
        """How they are now."""
        # In a thread: a driver in trouble may take seconds.
        twin, booked = self._parts.ledger.twin(), self._parts.registry.booked()
        devices = await asyncio.to_thread(twin.devices, booked)
        instances = self._parts.registry.values()
        profiles = {str(instance.id): instance.profile for instance in instances}
        self.past.note(datetime.now(UTC).timestamp(), devices, profiles, self._margins())

    def _margins(self) -> dict[str, int]:
        """MiB that the most careful resident wants to stay free, by the device's name."""
        found: dict[str, int] = {}
        for instance in self._parts.registry.values():
            plan = self._parts.plans.engine_plan(instance.record.fingerprint, instance.profile)
            for device in plan.devices if plan else ():
                if device.total:
                    found[device.device] = max(found.get(device.device, 0), device.margin)
        return found
