"""What is known of a node, of the models that have a home there, and of those that are loaded.

Times are seconds, memory is MiB, speeds are tokens/s, points in time are of the front's one monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NewType

from paddock.core.model import Demand, DeviceId, ProfileId, Room, Spec
from paddock.core.room import need

NodeName = NewType("NodeName", str)
ModelName = NewType("ModelName", str)  # of a profile, never of a variant or with `@node`

# Until a load was measured: what a fast disk and the page cache brought in, MiB/s, and the start of a process.
_DISK, _CACHE, _START = 1500.0, 6000.0, 1.0
_ANY = ProfileId("")

CopyState = Literal[
    "coming",  # it is being loaded, or waits for that
    "ready",
    "ending",  # it is leaving; its memory is still taken
]


@dataclass(frozen=True, slots=True)
class ModelHome:
    """A model on one node as models.conf, plans and history of that node describe it, loaded or not."""

    demand: Demand = field(default_factory=dict)  # by the node's own device ids, as planned
    margin: Demand = field(default_factory=dict)  # that must stay free beside it when it loads
    # devices on which fit cannot shrink it, as in `core.model.Spec`
    stiff: frozenset[DeviceId] = frozenset()
    size_mib: int = 0  # of its files
    load_seconds: float | None = None  # measured there from the disk; None: never
    warm_load_seconds: float | None = None  # measured there with its files in the page cache
    cached: float = 0.0  # the part of its files in the page cache there, 0 to 1
    prompt_speed: float | None = None  # measured there, or None
    generation_speed: float | None = None
    slots: int = 1  # requests that it serves at once
    context: int = 0  # tokens that one request can have, 0: unknown
    replicas: int = 1  # how many homes may have it loaded for the sake of its load
    pin: bool = False
    priority: int = 0
    keeps_context: bool = False  # what its slots hold outlives its instance
    trouble: str = ""  # why a load there would fail or wait for a person: a flaw, yielded GPUs

    loading: float = field(init=False)  # seconds that a load takes as its files are cached now

    def __post_init__(self) -> None:
        cold, warm = self._cold, self._warm
        seconds = cold + (min(warm, cold) - cold) * self.cached
        object.__setattr__(self, "loading", seconds)

    @property
    def _cold(self) -> float:
        if self.load_seconds is not None:
            return self.load_seconds
        assumed = _START + self.size_mib / _DISK
        if self.warm_load_seconds is None:
            return assumed
        return assumed * self.warm_load_seconds / (_START + self.size_mib / _CACHE)

    @property
    def _warm(self) -> float:
        if self.warm_load_seconds is not None:
            return self.warm_load_seconds
        assumed = _START + self.size_mib / _CACHE
        if self.load_seconds is None:
            return assumed
        return assumed * self.load_seconds / (_START + self.size_mib / _DISK)

    def need(self, room: Room) -> Demand:
        """MiB that must be free for it, margin included, cut where llama.cpp's fit would shrink it."""
        return need(Spec(_ANY, self.demand, self.margin, self.stiff), room)


@dataclass(frozen=True, slots=True)
class ModelCopy:
    """A model that is loaded on a node, or is being loaded there."""

    state: CopyState
    instance: str = ""  # the id of its instance there: another one has other contexts
    demand: Demand = field(default_factory=dict)  # what it holds, or what is booked for it
    ready_in: float | None = None  # of one that comes: seconds; None: unknown
    strangers: int = 0  # requests there, served or waiting, that this front did not send
    last_used: float = float("-inf")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node, as of `read_at`. It is replaced as a whole; a part that has not changed may be shared."""

    name: NodeName
    read_at: float  # when this was read: what was promised before is in it
    homes: Mapping[ModelName, ModelHome] = field(default_factory=dict)
    copies: Mapping[ModelName, ModelCopy] = field(default_factory=dict)
    room: Room = field(default_factory=Room)  # less what foreign programs take
    asleep: bool = False  # it can be woken; `homes` is what it had when it last answered
    wake_seconds: float = 60.0  # that it takes to answer again
    slack: float = 0.0  # seconds that a request to it takes on the way
