"""Where a measured profile lies, and what its figures go together with. Pure."""

from collections.abc import Mapping, Sequence

from paddock.api.bench import BenchCircumstances, BenchMemory
from paddock.api.placement import LoadEntry, Placement, Plan
from paddock.api.types import InstanceInfo, Status


def circumstances(
    load: LoadEntry | None, args: Sequence[str], beside: Sequence[str]
) -> BenchCircumstances:
    """`load`: how the history remembers the instance."""
    if load is None:
        return BenchCircumstances(args=list(args), beside=list(beside))
    return BenchCircumstances(
        engine=load.engine,
        engine_version=load.engine_version,
        devices=load.devices,
        args=list(args),
        beside=list(beside),
    )


def memory_of(status: Status, instance: InstanceInfo, plan: Plan | None) -> list[BenchMemory]:
    """Every device on which it lies, is planned to, or which another program uses."""
    plan = instance.plan or plan
    devices = plan.devices if plan else ()
    planned = {d.device: d.total - d.overhead for d in devices}  # as its log counts
    placed = _placed(instance.placement)
    rows = {device.name: device for device in status.devices}
    names = [*rows, *(name for name in (*planned, *placed) if name not in rows)]
    found = [
        BenchMemory(
            device=name,
            planned=planned.get(name),
            placed=placed.get(name),
            used=_used(rows, name, instance.id),
            foreign=rows[name].foreign_mib if name in rows else None,
        )
        for name in dict.fromkeys(names)
    ]
    return [row for row in found if row.planned or row.placed or row.used or row.foreign]


def _placed(placement: Placement | None) -> dict[str, int]:
    sums: dict[str, float] = {}
    for buffer in placement.buffers if placement else ():
        sums[buffer.device] = sums.get(buffer.device, 0.0) + buffer.mib
    return {device: round(mib) for device, mib in sums.items()}


def _used(rows: Mapping[str, object], name: str, instance: str) -> int | None:
    used: dict[str, int] = getattr(rows.get(name), "used_mib", {})
    return used.get(instance)
