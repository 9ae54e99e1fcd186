"""Readings of the machine's devices for plans: made by the daemon's ledger, or without a daemon."""

from collections.abc import Collection, Mapping

from paddock.core.model import HOST, DeviceId
from paddock.host.gpus import Gpu, GpuProcess, Gpus
from paddock.host.memory import Memory, read_memory
from paddock.host.processes import largest, session_of
from paddock.llama.fit import HOST as HOST_NAME
from paddock.placement.devices import Reading, Taker

_TAKERS_TOLD = 5  # programs


def survey(*, with_takers: bool = True) -> dict[DeviceId, Reading]:
    """All devices as they are now, for a caller without instances. Who takes RAM is slow to find out."""
    drivers = Gpus()
    try:
        readings = [gpu_reading(gpu) for gpu in drivers.read()]
    finally:
        drivers.close()
    takers = host_takers() if with_takers else ()
    readings.append(host_reading(read_memory(), takers=takers))
    return {reading.id: reading for reading in readings}


def gpu_id(gpu: Gpu) -> DeviceId:
    """Its PCI address, which is the same for all engines; its number where the driver hides that."""
    return DeviceId(gpu.id or f"gpu{gpu.index}")


def gpu_reading(
    gpu: Gpu,
    *,
    names: Mapping[DeviceId, str] | None = None,
    ours: Collection[int] = (),
    ours_mib: int = 0,
) -> Reading:
    """`names`: as engines call them; `ours`: the processes of our instances, each a session's leader."""
    id_ = gpu_id(gpu)
    return Reading(
        id=id_,
        name=(names or {}).get(id_, f"GPU{gpu.index}"),
        total_mib=gpu.total_mib,
        free_mib=gpu.free_mib,
        ours_mib=ours_mib,
        takers=tuple(Taker(p.name, p.used_mib) for p in foreign(gpu, ours)),
        drives_display=gpu.drives_display,
        is_in_ram=gpu.is_in_ram,
    )


def foreign(gpu: Gpu, ours: Collection[int]) -> list[GpuProcess]:
    """The processes of other programs, the largest first."""
    others = [p for p in gpu.processes if p.pid not in ours and session_of(p.pid) not in ours]
    return sorted(others, key=lambda p: -(p.used_mib or 0))


def of_session(gpu: Gpu | None, pid: int) -> list[GpuProcess]:
    """The entries of the process that leads this session, and of those in it."""
    processes = gpu.processes if gpu else ()
    return [p for p in processes if pid in (p.pid, session_of(p.pid))]


def borrowed_mib(gpu: Gpu | None, pid: int, booked_mib: int) -> int:
    """MiB of RAM that an instance holds through a GPU: as its driver says, else as it was booked."""
    own = [p for p in of_session(gpu, pid) if p.used_mib is not None]
    return sum(p.ram_mib for p in own) if own else booked_mib


def host_reading(memory: Memory, *, ours_mib: int = 0, takers: tuple[Taker, ...] = ()) -> Reading:
    """RAM: available memory is free, since mapped files, ours too, can be given back."""
    return Reading(HOST, HOST_NAME, memory.total_mib, memory.available_mib, ours_mib, takers=takers)


def host_takers(ours: Collection[int] = ()) -> tuple[Taker, ...]:
    """Which other programs take RAM; slow, as it looks at every process."""
    found = largest(_TAKERS_TOLD + len(ours))
    return tuple(Taker(p.name, p.mib) for p in found if p.pid not in ours)[:_TAKERS_TOLD]
