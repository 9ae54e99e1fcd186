"""What fits with what, and what lacks where it does not. Pure arithmetic over MiB by device."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paddock.core.model import HOST, POOL, Demand, DeviceId, InstanceId, Room, Spec


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a wanted profile lacks while all others stay."""

    mib: Demand
    instances: int  # above their number allowed
    room: Room

    def share(self, demand: Demand) -> float:
        """How much of it would be there if this demand left: 0.0 to 1.0."""
        freed = _pooled(demand, self.room)
        shares = [min(freed.get(device, 0) / lack, 1.0) for device, lack in self.mib.items()]
        shares += [1 / self.instances] if self.instances else []
        return sum(shares) / len(shares) if shares else 0.0


def shortage(wanted: Demand, beside: Iterable[Demand], room: Room) -> Shortage:
    """What `wanted` lacks while everything in `beside` stays."""
    wanted, others = _pooled(wanted, room), [_pooled(other, room) for other in beside]
    short = [device for device, mib in wanted.items() if _is_short(device, mib, others, room)]
    surplus = len(others) + 1 - room.max_instances if room.max_instances else 0
    lacks = {device: _lack(device, wanted[device], others, room) for device in short}
    return Shortage(lacks, max(surplus, 0), room)


def _lack(device: DeviceId, mib: int, others: Sequence[Demand], room: Room) -> int:
    if device in room.exclusive:
        return 1  # whoever holds any of it, holds all
    return sum(other.get(device, 0) for other in others) + mib - room.capacity[device]


def need(spec: Spec, room: Room) -> Demand:
    """What must be free for `spec`: demand and margin, cut to the devices where fit would shrink it."""
    needed = {device: _need_of(device, spec, room) for device in spec.demand}
    if POOL in room.capacity:
        _cut_to_pool(needed, spec, room)
    return needed


def _cut_to_pool(needed: dict[DeviceId, int], spec: Spec, room: Room) -> None:
    """Cut what GPUs in RAM need, then the host's part, to the memory that all of these share."""
    parts = [device for device in (*sorted(room.in_ram), HOST) if device in needed]
    for part in parts:
        if part not in spec.stiff:
            others = sum(needed[device] for device in parts if device != part)
            needed[part] = max(0, min(needed[part], room.capacity[POOL] - others))


def _pooled(demand: Demand, room: Room) -> Demand:
    """As it is booked: with the sum of all that lies in RAM, where GPUs lie there, too."""
    if not room.in_ram:
        return demand
    return {**demand, POOL: sum(demand.get(device, 0) for device in (*room.in_ram, HOST))}


def _need_of(device: DeviceId, spec: Spec, room: Room) -> int:
    wanted = spec.demand[device]
    if wanted <= 0:
        return 0
    wanted += spec.margin.get(device, 0)
    return wanted if device in spec.stiff else min(wanted, room.capacity.get(device, wanted))


def fits(wanted: Demand, beside: Iterable[Demand], room: Room) -> bool:
    """Whether `wanted` has room while everything in `beside` stays."""
    wanted, others = _pooled(wanted, room), [_pooled(other, room) for other in beside]
    if room.max_instances and len(others) >= room.max_instances:
        return False
    return not any(_is_short(device, mib, others, room) for device, mib in wanted.items())


def _is_short(device: DeviceId, mib: int, others: Sequence[Demand], room: Room) -> bool:
    """Whether this much of a device is not to be had beside the others."""
    if mib <= 0:
        return False
    taken = [other.get(device, 0) for other in others]
    if device in room.exclusive and any(taken):
        return True
    return device in room.capacity and sum(taken) + mib > room.capacity[device]


def shares_device(one: Demand, other: Demand, room: Room) -> bool:
    """Whether a load of one would count the other's memory as free.

    llama.cpp fits to what the GPUs have free at that moment; of one in RAM that is what RAM has. Of the
    host's memory it takes what it needs, so that only loads that go nowhere else come one at a time
    there, for the disk's sake.
    """
    mine, theirs = _devices(one), _devices(other)
    if (mine | theirs) & room.in_ram:
        in_ram = room.in_ram | {HOST}
        return bool(mine & theirs) or bool(mine & in_ram and theirs & in_ram)
    return bool(mine & theirs - {HOST}) or mine == theirs == {HOST}


def _devices(demand: Demand) -> set[DeviceId]:
    return {device for device, mib in demand.items() if mib > 0}


def arithmetic(wanted: Demand, staying: Iterable[tuple[InstanceId, Demand]], room: Room) -> str:
    """The sum that does not work out, in words."""
    wanted = _pooled(wanted, room)
    rows = [(who, _pooled(demand, room)) for who, demand in staying]
    if room.max_instances and len(rows) >= room.max_instances:
        return f"{len(rows)} of at most {room.max_instances} instances are pinned"
    demands = [demand for _, demand in rows]
    short = [d for d, mib in wanted.items() if _is_short(d, mib, demands, room)]
    return "; ".join(_sum(device, wanted[device], rows, room) for device in short)


def _sum(device: DeviceId, mib: int, rows: Sequence[tuple[InstanceId, Demand]], room: Room) -> str:
    name = room.name(device)
    keepers = [(who, demand[device]) for who, demand in rows if demand.get(device)]
    if device in room.exclusive and keepers:
        return f"{name}: serves one instance at a time, {keepers[0][0]} keeps it"
    kept = "".join(f", {who} keeps {held}" for who, held in keepers)
    return f"{name}: needs {mib} MiB of {room.capacity[device]}{kept}"
