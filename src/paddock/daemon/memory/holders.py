"""Who of our instances holds how much of a GPU: by its driver, else by what was booked."""

from collections.abc import Collection

from paddock.core.model import InstanceId
from paddock.daemon.instances.registry import Booked
from paddock.host.gpus import Gpu
from paddock.host.processes import session_of
from paddock.placement.survey import gpu_id, of_session


def held_by(
    gpu: Gpu, booked: Booked, *, is_in_ram: bool, uncounted: Collection[int]
) -> dict[InstanceId, int]:
    """MiB of each instance: of its process and those of its session, a wrapper's child included.

    What a driver does not report, as in some containers, is taken to be what was booked: of a GPU in RAM
    that is counted as RAM. `uncounted`: processes of which the driver does not count all.
    """
    if not gpu.processes:
        return {} if is_in_ram else _hidden(gpu, booked)
    sessions = {p.pid: session_of(p.pid) for p in gpu.processes}
    shares: dict[InstanceId, int] = {}
    for instance, holding in booked.items():
        own = [p for p in gpu.processes if holding.pid in (p.pid, sessions[p.pid])]
        if own:
            used = [p.used_mib for p in own if p.used_mib is not None]
            assumed = 0 if is_in_ram else holding.demand.get(gpu_id(gpu), 0)
            shares[instance] = sum(used) if used else assumed
    return _with_uncounted(gpu, booked, shares, uncounted)


def used_by(gpu: Gpu | None, pid: int) -> int | None:
    """MiB of this process and its session, what it has of RAM through the GPU included; None: not reported."""
    used = [p.used_mib + p.ram_mib for p in of_session(gpu, pid) if p.used_mib is not None]
    return sum(used) if used else None


def _with_uncounted(
    gpu: Gpu, booked: Booked, shares: dict[InstanceId, int], uncounted: Collection[int]
) -> dict[InstanceId, int]:
    """With what is in use and no process's, for those of whom a driver does not count all."""
    spare = (gpu.used_mib or 0) - sum(p.used_mib or 0 for p in gpu.processes)
    for instance, mib in shares.items():
        holding = booked[instance]
        if holding.pid in uncounted and spare > 0:
            more = min(spare, max(0, holding.demand.get(gpu_id(gpu), 0) - mib))
            shares[instance], spare = mib + more, spare - more
    return shares


def _hidden(gpu: Gpu, booked: Booked) -> dict[InstanceId, int]:
    """What is booked, on a GPU that lists no process though so much of it is in use."""
    shares = {i: mib for i, holding in booked.items() if (mib := holding.demand.get(gpu_id(gpu)))}
    used = gpu.used_mib
    if used is None and gpu.total_mib is not None and gpu.free_mib is not None:
        used = gpu.total_mib - gpu.free_mib
    return shares if sum(shares.values()) <= (used or 0) else {}
