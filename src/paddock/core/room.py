"""What fits with what, and who must leave. Pure arithmetic over MiB by device."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paddock.core.model import Demand, InstanceId, Room, Spec


@dataclass(frozen=True, slots=True)
class Resident:
    """A live instance as a candidate for leaving."""

    instance: InstanceId
    demand: Demand
    busy: bool
    outdated: bool  # its profile is gone from models.conf
    priority: int
    cost: float  # seconds to bring it back
    last_used: float


def need(spec: Spec, room: Room) -> Demand:
    """What must be free for `spec`: its demand, cut to the devices where fit would shrink it."""
    if not spec.elastic:
        return spec.demand
    return {d: min(mib, room.capacity.get(d, mib)) for d, mib in spec.demand.items()}


def fits(wanted: Demand, beside: Iterable[Demand], room: Room) -> bool:
    """Whether `wanted` has room while everything in `beside` stays."""
    others = list(beside)
    if room.max_instances and len(others) >= room.max_instances:
        return False
    return all(
        mib <= 0 or sum(other.get(device, 0) for other in others) + mib <= room.capacity[device]
        for device, mib in wanted.items()
        if device in room.capacity
    )


def leavers(
    wanted: Demand, candidates: Sequence[Resident], staying: Sequence[Demand], room: Room
) -> tuple[Resident, ...] | None:
    """The cheapest candidates whose leaving makes room for `wanted`; None where none suffice.

    Idle before busy, then low priority, then least cost per MiB that helps. No resident of the
    answer could stay: what fits is never evicted.
    """
    ranked = sorted(candidates, key=lambda r: _reluctance(r, wanted))
    leaving: list[Resident] = []
    remaining = list(ranked)
    while not fits(wanted, [*staying, *(r.demand for r in remaining)], room):
        if not remaining:
            return None
        leaving.append(remaining.pop(0))
    for resident in reversed(leaving.copy()):  # the dearest first: may it stay after all?
        if fits(wanted, [*staying, *(r.demand for r in (*remaining, resident))], room):
            leaving.remove(resident)
            remaining.append(resident)
    return tuple(leaving)


def shares_device(one: Demand, other: Demand) -> bool:
    """Whether both take memory on one device."""
    return any(mib > 0 and other.get(device, 0) > 0 for device, mib in one.items())


def arithmetic(wanted: Demand, staying: Iterable[tuple[InstanceId, Demand]], room: Room) -> str:
    """The sum that does not work out, in words."""
    rows = list(staying)
    if room.max_instances and len(rows) >= room.max_instances:
        return f"{len(rows)} of at most {room.max_instances} instances are pinned"
    parts = [
        f"{device}: needs {mib} MiB of {room.capacity[device]}"
        + "".join(f", {name} keeps {demand[device]}" for name, demand in rows if demand.get(device))
        for device, mib in wanted.items()
        if mib > 0
        and device in room.capacity
        and sum(d.get(device, 0) for _, d in rows) + mib > room.capacity[device]
    ]
    return "; ".join(parts)


def _reluctance(resident: Resident, wanted: Demand) -> tuple[bool, bool, int, float, float]:
    freed = sum(mib for device, mib in resident.demand.items() if wanted.get(device, 0) > 0)
    return (
        resident.busy,
        not resident.outdated,
        resident.priority,
        resident.cost / max(freed, 1),
        resident.last_used,
    )
