"""Who leaves for a wanted profile: time to bring back and time since the last use, in one rule.

It is GreedyDual-Size (Cao and Irani, "Cost-Aware WWW Proxy Caching Algorithms", 1997). A resident is
worth its load time divided by its share of what lacks, on top of a floor: the *inflation* when it was
last used. Each eviction raises the inflation to what left was worth, so whoever is not used falls
behind, sooner where it loads quickly. Of those about equally cheap, the one longest unused leaves.

Where the original divides by the whole size, we count no more than lacks: what a large one would free
beyond that helps nobody now, and it would have to be loaded again (`bench/eviction.py`: docs/benchmarks.md).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf

from paddock.core.model import Demand, InstanceId, Room
from paddock.core.room import Shortage, fits, shortage

# Loads of one file from a warm page cache took 1.5 to 2.5 s and 2.7 to 4.1 s (H200, 29 and 18 loads):
# prices that differ by less than this part say nothing. `bench/eviction.py` compares other values.
_NOISE = 0.5


@dataclass(frozen=True, slots=True)
class Resident:
    """A live instance as a candidate for leaving."""

    instance: InstanceId
    demand: Demand
    busy: bool
    outdated: bool  # its profile is gone from models.conf
    priority: int
    kept: bool  # a client wants it to stay for ever
    cost: float  # seconds to bring it back
    last_used: float
    floor: float = 0.0  # the inflation when it was last used


def leavers(
    wanted: Demand, candidates: Sequence[Resident], staying: Sequence[Demand], room: Room
) -> tuple[Resident, ...] | None:
    """The candidates whose leaving makes room for `wanted`; None where none suffice.

    Idle before busy, then low priority, then who is not wanted for ever, then who is worth least.
    No resident of the answer could stay: what fits is never evicted.
    """
    short = shortage(wanted, [*staying, *(r.demand for r in candidates)], room)
    leaving: list[Resident] = []
    remaining = list(candidates)
    while not fits(wanted, [*staying, *(r.demand for r in remaining)], room):
        if not remaining:
            return None
        leaving.append(_next(remaining, short))
        remaining.remove(leaving[-1])
    for resident in reversed(leaving.copy()):  # the dearest first: may it stay after all?
        if fits(wanted, [*staying, *(r.demand for r in (*remaining, resident))], room):
            leaving.remove(resident)
            remaining.append(resident)
    return tuple(leaving)


def worth(resident: Resident, short: Shortage) -> float:
    """Seconds for all that lacks, above the inflation; infinite for who frees none of it."""
    return resident.floor + _price(resident, short)


def _price(resident: Resident, short: Shortage) -> float:
    share = short.share(resident.demand)
    return resident.cost / share if share else inf


def _next(remaining: Collection[Resident], short: Shortage) -> Resident:
    """Of those that must leave first, who is worth least; of about equals, the longest unused."""
    first = min(map(_rank, remaining))
    ranked = [resident for resident in remaining if _rank(resident) == first]
    cheapest = min(ranked, key=lambda resident: worth(resident, short))
    limit = worth(cheapest, short) + _NOISE * _price(cheapest, short)
    equals = [resident for resident in ranked if worth(resident, short) <= limit]
    return min(equals, key=lambda resident: (resident.last_used, worth(resident, short)))


def _rank(resident: Resident) -> tuple[bool, bool, int, bool]:
    return (resident.busy, not resident.outdated, resident.priority, resident.kept)
