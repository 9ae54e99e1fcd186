"""One live instance, and the three states of it that decisions need: coming, serving, ending."""

from dataclasses import dataclass, field

from paddock.core.model import Asker, Cause, Demand, InstanceId, ProfileId, Ticket
from paddock.core.users import Users


@dataclass(slots=True)
class Coming:
    """Its process was ordered and does not serve yet."""

    since: float
    cancelled: Cause | None = None


@dataclass(slots=True)
class Serving:
    """It may get leases."""

    since: float
    idle_since: float
    floor: float = 0.0  # the inflation when it was last used
    leases: dict[Ticket, Asker] = field(default_factory=dict)
    leaving: bool = False  # it goes when the last lease ends, and gets no new ones
    renewed: bool = False  # it goes because a person switched to the changed profile
    yielding: bool = False  # it goes because the GPUs are yielded
    closed_since: float | None = None  # no new leases while somebody waits for its room


@dataclass(slots=True)
class Ending:
    """Ordered to end, or ended; its memory stays booked until it was read to be free."""

    exited: bool = False


@dataclass(slots=True)
class Live:
    """One live instance, in one of the three states that decisions need; what people see of it is its
    phase, which has more of them (`daemon.instances.phase`)."""

    id: InstanceId
    profile: ProfileId
    demand: Demand
    fingerprint: str
    state: Coming | Serving | Ending
    replaced: tuple[ProfileId, ...] = ()  # who had to leave for it
    restored: bool = False  # it is itself what came back after a failure
    adopted: bool = False  # an earlier daemon began its load: nobody here knows when
    ttl: float | None = None  # idle seconds as a client asked, 0 = never; None: its profile's
    users: Users = field(default_factory=Users)

    @property
    def is_busy(self) -> bool:
        state = self.state
        return isinstance(state, Coming) or (isinstance(state, Serving) and bool(state.leases))

    @property
    def is_ending(self) -> bool:
        """Whether its process was ordered to end, or has ended."""
        state = self.state
        return isinstance(state, Ending) or (isinstance(state, Coming) and bool(state.cancelled))

    @property
    def is_going(self) -> bool:
        """Whether it has to go, now or after its last request."""
        return self.is_ending or (isinstance(self.state, Serving) and self.state.leaving)
