"""Readings of what goes on: while somebody looks on and something moves, and not otherwise."""

import asyncio

from paddock.api.activity import RequestInfo, Totals
from paddock.api.events import Activity
from paddock.api.types import DeviceInfo, FaultInfo, InstanceNow, ProfileNow
from paddock.config.settings import Settings
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.requests import Requests
from paddock.daemon.instances.registry import Booked, Registry
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.reports.activity_feed import ActivityFeed, visible
from tests.clock import SetClock
from tests.daemon.test_bus import bus, take


class StillLedger(Ledger):
    """One GPU that does what a test says."""

    use, looks = 0.0, 0

    def read_devices(self, booked: Booked) -> list[DeviceInfo]:
        StillLedger.looks += 1
        return [DeviceInfo(name="CUDA0", kind="gpu", utilization=self.use)]


class Nothing:
    """No instance lives."""

    def current(self) -> str | None:
        return None

    def instances_now(self) -> list[InstanceNow]:
        return []

    def profiles_now(self) -> dict[str, ProfileNow]:
        return {}

    def faults(self) -> list[FaultInfo]:
        return self.known

    def __init__(self) -> None:
        self.known: list[FaultInfo] = []


class Ward:
    """A pulse, what it reads, and what it published."""

    def __init__(self) -> None:
        self.now, self.standing = 0.0, Nothing()
        self.bus, self.totals, self.ledger = bus(), Totals(), StillLedger(Settings())
        self.requests = Requests(SetClock(lambda: self.now))
        self.activity_feed = ActivityFeed(
            self.bus,
            self.requests,
            self.totals,
            self.ledger,
            Registry(Scheduler()),
            self.standing,
            SetClock(lambda: self.now),
            every=0.0,
        )
        self.published: list[Activity] = []
        self.bus.publish_volatile = self.published.append  # type: ignore[method-assign, assignment]

    async def publishes(self) -> bool:
        """Whether the next beat has news."""
        before = len(self.published)
        await self.activity_feed.beat()
        return len(self.published) > before


async def test_only_news_is_published_and_a_sign_of_life_each_minute():
    ward = Ward()
    assert await ward.publishes()
    assert not await ward.publishes()
    request = ward.requests.enter("a", "openai", "", generates=True)
    assert await ward.publishes()
    ward.now += 5
    assert not await ward.publishes(), "that it grows older is no news"
    ward.requests.leave(request)
    assert await ward.publishes()
    ward.ledger.use = 0.5
    assert await ward.publishes()
    ward.totals.requests += 1
    assert await ward.publishes()
    fault = FaultInfo(part="plans", message="ValueError: x", first="", last="")
    ward.standing.known.append(fault)
    assert await ward.publishes()
    fault.count += 1
    assert not await ward.publishes(), "that it goes on is no news"
    ward.now += 61
    assert await ward.publishes()
    assert ward.published[-1].totals.requests == 1
    assert ward.published[0].totals.requests == 0, "what was published stays as it was"


async def test_nothing_is_read_while_nobody_looks_on():
    ward, StillLedger.looks = Ward(), 0
    running = asyncio.create_task(ward.activity_feed.run())
    with ward.bus.subscribe() as events:
        await take(events, 1)
        assert StillLedger.looks == 0, "it follows a switch and wants no readings"
    with ward.bus.subscribe(readings=True):
        async with asyncio.timeout(10):
            while not StillLedger.looks:
                await asyncio.sleep(0)
    running.cancel()
    assert not ward.bus.is_watched


def test_the_noise_of_gauges_is_not_visible():
    def reading(**numbers: float | None) -> Activity:
        device = DeviceInfo(name="CUDA0", kind="gpu")
        for name, value in numbers.items():
            setattr(device, name, value)
        return Activity(
            requests=[RequestInfo(id=1, profile="a")], devices=[device], totals=Totals()
        )

    still = reading(free_mib=3200, power_w=100.1, utilization=0.5, temperature_c=50)
    noise = reading(free_mib=3204, power_w=100.4, utilization=0.502, temperature_c=50)
    other = reading(free_mib=3300, power_w=100.1, utilization=0.5, temperature_c=50)
    assert visible(still) == visible(noise)
    assert visible(still) != visible(other)
    assert visible(reading()) == visible(reading(free_mib=None))
