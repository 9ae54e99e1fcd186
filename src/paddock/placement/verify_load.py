"""What is judged: a load as it is, what was measured of it, and which earlier loads compare with it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paddock.api.placement import LoadEntry, Placement
from paddock.llama.backends import backends


@dataclass(frozen=True, slots=True)
class Load:
    """One load as it is now."""

    profile: str
    fingerprint: str
    engine_version: str
    devices: str  # driver and device set, as one comparable text
    placement: Placement
    ctx_asked: int | None = None  # tokens; None where the profile leaves it open
    streams: int = 1  # caches that have their part of the context each: the placement has one's
    # What variables choose and the engine does not see, in words: `choice.unmatched`.
    unmatched_choice: str = ""
    overcommitted: str = ""  # what a GPU cannot hold of what was placed there, in words
    has_projector: bool = False  # no line of a log says where that lies
    is_tensor_parallel: bool = False  # then no engine plans it
    foreign: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # by device: MiB, by whom
    beside: Mapping[str, str] = field(default_factory=dict)  # who of ours shares a device: names


@dataclass(frozen=True, slots=True)
class Pace:
    """What was measured of a load, each figure from one request that had its devices for itself."""

    generation: Sequence[float] = ()  # tokens/s
    prompt: Sequence[float] = ()
    throttled: frozenset[str] = frozenset()  # of its devices while it worked: `thermal`, `power`
    pages_swapped_in: int = 0  # while it worked
    was_starved: bool = False  # whether all were taken while other programs had the CPU
    was_shared: bool = False  # whether requests were left out because others worked there too


def is_alike(load: Load, other: LoadEntry) -> bool:
    """Whether it was computed with the same backends: splits, layers and speeds are comparable then.

    True where a log does not say.
    """
    now, then = load.placement, other.placement
    if then is None or not then.buffers or not now.buffers:
        return True
    return backends(then) == backends(now)
