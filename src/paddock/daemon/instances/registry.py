"""Which instances live, by id and by profile, and what each is booked with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from paddock.core.live import Serving
from paddock.core.model import Demand, InstanceId, ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.instances.endpoint import Endpoint
from paddock.daemon.instances.instance import Instance


@dataclass(frozen=True, slots=True)
class Holding:
    """A live instance as the ledger sees it."""

    pid: int
    demand: Demand  # what it is booked with


Booked = Mapping[InstanceId, Holding]


class Registry(Mapping[InstanceId, Instance]):
    """The instances of this daemon. The supervisor adds and removes them; everybody else looks."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._instances: dict[InstanceId, Instance] = {}
        self._early: dict[InstanceId, int] = {}  # processes begun before their turn

    def __getitem__(self, instance: InstanceId) -> Instance:
        return self._instances[instance]

    def __iter__(self) -> Iterator[InstanceId]:
        return iter(self._instances)

    def __len__(self) -> int:
        return len(self._instances)

    def of(self, profile: ProfileId) -> Instance | None:
        """The live instance of this profile, the newest where an older one is still leaving."""
        live = self._scheduler.live_of(profile)
        return self._instances.get(live.id) if live else None

    def booked(self) -> dict[InstanceId, Holding]:
        """What each instance is booked with, and its process; those begun early with nothing yet."""
        booked = {instance: Holding(pid, {}) for instance, pid in self._early.items()}
        for live in self._scheduler.live.values():
            if instance := self._instances.get(live.id):
                booked[live.id] = Holding(instance.record.worker, live.demand)
        return booked

    def demand(self, instance: InstanceId) -> Demand:
        """What it is booked with, MiB by device, also before it is here; nothing once it is gone."""
        live = self._scheduler.live.get(instance)
        return live.demand if live else {}

    def endpoints(self) -> list[Endpoint]:
        """Where the ready instances are reached, for what costs them nothing and needs no lease."""
        live = self._scheduler.live.values()
        return [self._instances[x.id].endpoint for x in live if isinstance(x.state, Serving)]

    def add(self, instance: Instance) -> None:
        self._instances[instance.id] = instance
        self.forget_early(instance.id)

    def note_early(self, instance: InstanceId, pid: int) -> None:
        """This process, which was begun before its turn, is ours too."""
        self._early[instance] = pid

    def forget_early(self, instance: InstanceId) -> None:
        """It has ended, or is an instance like any other now."""
        self._early.pop(instance, None)

    def remove(self, instance: InstanceId) -> None:
        """Forget it, if it is there."""
        self._instances.pop(instance, None)
