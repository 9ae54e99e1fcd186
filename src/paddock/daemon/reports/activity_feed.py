"""Readings of what goes on, each second, while somebody looks on and something changes."""

import asyncio
from typing import Any, Protocol

from paddock.api.activity import Totals
from paddock.api.events import Activity
from paddock.api.types import DeviceInfo, FaultInfo, InstanceNow, ProfileNow
from paddock.daemon.activity.bus import Bus
from paddock.daemon.activity.requests import Requests
from paddock.daemon.clock import Clock
from paddock.daemon.instances.registry import Registry
from paddock.daemon.memory.ledger import Ledger

_EVERY, _AT_LEAST_EVERY = 1.0, 60.0  # seconds
_VISIBLE = 32  # MiB: less is the breathing of an idle machine
_BREATHING = 0.1  # of all processors' time: as well


class Standing(Protocol):
    """How instances and their profiles stand just now: the view."""

    def current(self) -> str | None: ...
    def instances_now(self) -> list[InstanceNow]: ...
    def profiles_now(self) -> dict[str, ProfileNow]: ...
    def faults(self) -> list[FaultInfo]: ...


class ActivityFeed:
    """Reads, and shows what it read to those who look on; decides nothing."""

    def __init__(
        self,
        bus: Bus,
        requests: Requests,
        totals: Totals,
        ledger: Ledger,
        registry: Registry,
        standing: Standing,
        clock: Clock,
        *,
        every: float = _EVERY,
    ) -> None:
        """`every`: seconds between two readings."""
        self._bus, self._requests, self._totals = bus, requests, totals
        self._ledger, self._registry, self._clock = ledger, registry, clock
        self._standing = standing
        self._every = every
        self._shown: Any = None  # what was last to be seen
        self._shown_at = 0.0

    async def run(self) -> None:
        while True:
            if not self._bus.is_watched:
                self._shown = None  # whoever comes next has seen nothing
                await self._bus.wait_watched()
            await asyncio.sleep(self._every)
            await self.beat()

    async def beat(self) -> None:
        """Read everything; show it if it is news, or if nothing was for a minute."""
        reading, now = await self._read(), self._clock.now()
        seen = self._bus.seq, visible(reading)  # events call the busy ready
        if seen != self._shown or now - self._shown_at >= _AT_LEAST_EVERY:
            self._shown, self._shown_at = seen, now
            self._bus.publish_volatile(reading)

    async def _read(self) -> Activity:
        twin = self._ledger.twin()
        # In a thread: a driver takes a millisecond, and one in trouble may take seconds.
        devices = await asyncio.to_thread(twin.read_devices, self._registry.booked())
        return Activity(
            requests=self._requests.infos(),
            devices=devices,
            totals=Totals(
                requests=self._totals.requests,
                failed=self._totals.failed,
                prompt_tokens=self._totals.prompt_tokens,
                generated_tokens=self._totals.generated_tokens,
            ),
            pressure=twin.memory.pressure_some_10,
            current=self._standing.current(),
            instances=self._standing.instances_now(),
            profiles=self._standing.profiles_now(),
            faults=self._standing.faults(),
        )


def visible(reading: Activity) -> object:
    """What a person would see of it, to be compared: neither ages nor the noise of gauges."""
    requests = [
        (r.id, r.phase, r.prompt_tokens, r.prompt_fraction, r.generated_tokens, r.speed)
        for r in reading.requests
    ]
    instances = [(i.id, i.phase, i.leases) for i in reading.instances]
    return (
        requests,
        instances,
        reading.current,
        reading.totals,
        [(fault.part, fault.message) for fault in reading.faults],
        [_visible(device) for device in reading.devices],
    )


def _visible(device: DeviceInfo) -> object:
    return (
        device.id,
        _rounded(device.free_mib, _VISIBLE),
        _rounded(device.utilization, 0.01 if device.kind == "gpu" else _BREATHING),
        device.temperature_c,
        _rounded(device.power_w, 1.0),
    )


def _rounded(value: float | None, step: float) -> int | None:
    return None if value is None else round(value / step)
