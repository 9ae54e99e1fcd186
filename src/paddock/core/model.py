"""The vocabulary of the core: names, what a profile needs, what the machine has, the rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NewType

from paddock import excerpt

ProfileId = NewType("ProfileId", str)
InstanceId = NewType("InstanceId", str)
DeviceId = NewType("DeviceId", str)
Ticket = NewType("Ticket", int)  # one request, from asking to leaving
# Whose requests follow one another: an agent's session, a client program. Opaque here.
Asker = NewType("Asker", str)
UNKNOWN = Asker("")  # counts as somebody else than everybody

Demand = Mapping[DeviceId, int]  # MiB by device

HOST = DeviceId("host")  # the machine's own memory
# The host's memory and what was set aside in it for GPUs, as one: a sum in `Room.capacity`, and no device.
POOL = DeviceId("ram-pool")


@dataclass(frozen=True, slots=True)
class Spec:
    """All that the scheduler knows of a profile."""

    id: ProfileId
    demand: Demand = field(default_factory=dict)
    margin: Demand = field(default_factory=dict)  # MiB that must stay free beside it when it loads
    # Devices on which it takes all of its demand or fails. On the others llama.cpp's fit shrinks it
    # to what there is: alone, it always fits.
    stiff: frozenset[DeviceId] = frozenset()
    fingerprint: str = ""  # a running instance with another one is stale
    pin: bool = False
    priority: int = 0
    ttl: float = 0.0  # idle seconds before unload, 0 = never
    concurrency: int = 0  # requests at once, 0 = no limit
    cost: float = 1.0  # seconds to bring it back, until a load was measured


@dataclass(frozen=True, slots=True)
class Room:
    """What all instances together may take."""

    capacity: Mapping[DeviceId, int] = field(
        default_factory=dict
    )  # MiB; unlisted devices: no limit
    max_instances: int = 0  # 0 = no limit
    exclusive: frozenset[DeviceId] = frozenset()  # they serve one instance at a time
    # GPUs that lie in RAM: what lies on any of these and on the host is limited by `capacity[POOL]`, too.
    # What one of them has in `capacity` is all that it can reach of that.
    in_ram: frozenset[DeviceId] = frozenset()
    names: Mapping[DeviceId, str] = field(default_factory=dict)  # for people: `CUDA0`

    def name(self, device: DeviceId) -> str:
        return self.names.get(device, device)


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of the policy, in seconds unless said otherwise."""

    patience: float = 30.0  # how long a waiting request may be overtaken, slow loads longer
    queue_limit: int = 256  # waiting requests per profile
    refuse_while_yielded: bool = False  # else requests wait until the GPUs are ours again
    drain_timeout: float = (
        0.0  # after this a switch no longer waits for running requests; 0 = for ever
    )
    # When two profiles push each other out by turns, the one that is in may stay for `tenure` times
    # its load time, or until those who may come back to it have been away for `linger` times that.
    # Staying as long as the switch costs bounds the time lost to switching (ski rental).
    tenure: float = 3.0
    linger: float = 0.25
    retry_after: float = 10.0  # after a failed load; doubled for each further one
    retry_limit: float = 300.0
    steady: float = 60.0  # who lived this long is not in a crash loop
    crashes: int = 3  # in a row, before a profile that gets ready but dies is held back


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something ended or was refused: a stable code, words, and what the process left behind.

    Cut to what a person reads: one is kept for each profile that fails.
    """

    code: str
    message: str
    hint: str = ""
    exit_code: int | None = None
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", excerpt.line(self.message, excerpt.MESSAGE))
        object.__setattr__(self, "hint", excerpt.line(self.hint, excerpt.MESSAGE))
        object.__setattr__(self, "log", excerpt.last(self.log))


class Numbers(Iterator[int]):
    """Those of new instances, one after another."""

    def __init__(self, first: int) -> None:
        self.following = first

    def __next__(self) -> int:
        self.following += 1
        return self.following - 1
