"""What must be done about it. The only way decisions leave the scheduler."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from paddock.core.model import Cause, InstanceId, ProfileId, Ticket

Why = Literal["evicted", "idle", "unloaded", "cancelled", "outdated", "closing", "yielded"]
Outcome = Literal["ready", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Spawn:
    instance: InstanceId
    profile: ProfileId
    # Which version of the profile: the newest, or the one that ran before a failed switch.
    fingerprint: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Stop:
    """End it. Requests that it still serves are cut off; only a user's order does that."""

    instance: InstanceId
    why: Why


class Grant(NamedTuple):  # of every request, as `events.Asked`
    ticket: Ticket
    instance: InstanceId


@dataclass(frozen=True, slots=True)
class Refuse:
    ticket: Ticket
    cause: Cause


@dataclass(frozen=True, slots=True)
class SwitchDone:
    """A load came to its end; `restoring` names what is brought back after a failure."""

    profile: ProfileId
    instance: InstanceId
    outcome: Outcome
    cause: Cause | None = None
    restoring: tuple[ProfileId, ...] = ()


Effect = Spawn | Stop | Grant | Refuse | SwitchDone
