"""What can happen. The only way facts enter the scheduler."""

from dataclasses import dataclass
from typing import NamedTuple

from paddock.core.model import (
    UNKNOWN,
    Asker,
    Cause,
    Demand,
    InstanceId,
    ProfileId,
    Room,
    Spec,
    Ticket,
)


@dataclass(frozen=True, slots=True)
class Configured:
    """models.conf was read: these are all profiles from now on."""

    specs: tuple[Spec, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The devices were read."""

    room: Room


class Asked(NamedTuple):  # of every request, made in a third of a frozen dataclass's time
    """A client wants this profile and waits.

    `insist`: a person asked for the switch itself. `force`: also where it is known to fail. `asker`:
    whose request it is, as far as that is known. `is_order`: no request waits, but whoever ordered the load.
    """

    ticket: Ticket
    profile: ProfileId
    insist: bool = False
    force: bool = False
    asker: Asker = UNKNOWN
    is_order: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """A profile's files were looked at. `flaw`: why it cannot be loaded; None: nothing is known."""

    profile: ProfileId
    flaw: Cause | None


class Left(NamedTuple):
    """The client finished, or hung up while waiting."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Adopted:
    """An instance of an earlier daemon is alive."""

    instance: InstanceId
    profile: ProfileId
    fingerprint: str
    ready: bool


@dataclass(frozen=True, slots=True)
class BecameReady:
    instance: InstanceId


@dataclass(frozen=True, slots=True)
class Placed:
    """What a ready instance really holds was measured: it takes the place of what was planned."""

    instance: InstanceId
    demand: Demand


@dataclass(frozen=True, slots=True)
class Exited:
    """The process is gone and has been reaped."""

    instance: InstanceId
    cause: Cause


@dataclass(frozen=True, slots=True)
class MemoryFreed:
    """What the exited instance held was read to be free again."""

    instance: InstanceId


@dataclass(frozen=True, slots=True)
class UnloadAsked:
    """The user wants it gone; `now`: without waiting for running requests."""

    profile: ProfileId
    now: bool = False


@dataclass(frozen=True, slots=True)
class KeepAsked:
    """A client says how long the live instance may be idle: `ttl` seconds, 0 = for ever.

    It holds for as long as that instance lives, in place of the profile's own. Who may stay for
    ever is also evicted after the others of its priority.
    """

    profile: ProfileId
    ttl: float


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The user wants this profile's load, begun or waiting, to be given up."""

    profile: ProfileId


@dataclass(frozen=True, slots=True)
class Yielded:
    """All GPUs are left to other programs. `at_once`: without waiting for running requests.

    `back`: who comes back at the end, besides what lies on a GPU now.
    """

    at_once: bool = False
    back: tuple[ProfileId, ...] = ()


@dataclass(frozen=True, slots=True)
class Resumed:
    """The GPUs are ours again."""


@dataclass(frozen=True, slots=True)
class Displaced:
    """These had to leave for something that is over: they come back where there is room, in this order."""

    profiles: tuple[ProfileId, ...]


@dataclass(frozen=True, slots=True)
class ClosingDown:
    """The daemon ends. `keep`: instances stay alive for the next one."""

    keep: bool


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline that the scheduler gave has come."""


Event = (
    Configured
    | Measured
    | Asked
    | Examined
    | Left
    | Adopted
    | BecameReady
    | Placed
    | Exited
    | MemoryFreed
    | UnloadAsked
    | KeepAsked
    | CancelAsked
    | Yielded
    | Resumed
    | Displaced
    | ClosingDown
    | TimePassed
)
