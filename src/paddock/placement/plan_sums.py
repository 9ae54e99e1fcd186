"""What one plan, or two together, take of each memory that there is. Pure.

Devices and memories are not the same: an engine with two backends may use one card under two names, and
a GPU that lies in RAM takes what the host takes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paddock.api.placement import Plan
from paddock.core.model import HOST

HOST_ALONE = "RAM"  # the name of the host's memory, without GPUs that lie there


@dataclass(frozen=True, slots=True)
class MemorySum:
    """One memory, MiB."""

    name: str  # `CUDA0`, `CUDA0 and Vulkan0`, `RAM`, `RAM with Vulkan0`
    needed: tuple[int, ...]  # by each of the plans
    margin: int  # the largest of theirs
    available: int | None
    is_ram: bool = False
    devices: tuple[str, ...] = ()  # of a card: its names, several where as many backends use it

    @property
    def left(self) -> int | None:
        """MiB that stay free, margin included; negative where it is too small."""
        return None if self.available is None else self.available - sum(self.needed)


def sums(*plans: Plan) -> list[MemorySum]:
    """Every card once, in the engine's order; then the host's memory, and where GPUs lie there both together."""
    ids = dict.fromkeys(d.id or d.device for plan in plans for d in plan.devices)
    found = [_sum(plans, id_) for id_ in ids]
    return [*found, *_with_gpus(plans)]


def ram_left(plan: Plan) -> int | None:
    """MiB of RAM that stay free beside this plan, with what of it lies on GPUs there; None where unknown."""
    left = [memory.left for memory in sums(plan) if memory.is_ram and memory.left is not None]
    return min(left, default=None)


def _sum(plans: Sequence[Plan], id_: str) -> MemorySum:
    own = [[d for d in plan.devices if (d.id or d.device) == id_] for plan in plans]
    parts = [device for devices in own for device in devices]
    names = dict.fromkeys(device.device for device in parts)
    is_host = id_ == HOST
    return MemorySum(
        name=HOST_ALONE if is_host else " and ".join(names),
        needed=tuple(sum(device.total for device in devices) for devices in own),
        margin=max(device.margin for device in parts),
        available=_known(device.available for device in parts),
        is_ram=is_host,
        devices=() if is_host else tuple(names),
    )


def _with_gpus(plans: Sequence[Plan]) -> list[MemorySum]:
    """RAM and what was set aside in it for GPUs, where one of the plans uses such a GPU."""
    gpus = [device for plan in plans for device in plan.devices if device.in_ram and device.total]
    hosts = [device for plan in plans for device in plan.devices if device.id == HOST]
    available = _known(host.available for host in hosts)
    if not gpus or available is None:
        return []
    ids = {HOST, *(gpu.id for gpu in gpus)}
    aside = {gpu.id: gpu.set_aside or 0 for gpu in gpus}
    in_ram = [[d for d in plan.devices if d.id in ids] for plan in plans]
    names = dict.fromkeys(gpu.device for gpu in gpus)
    return [
        MemorySum(
            name=f"RAM with {' and '.join(names)}",
            needed=tuple(sum(device.total for device in devices) for devices in in_ram),
            margin=max(sum(d.margin for d in devices if d.total) for devices in in_ram),
            available=available + sum(aside.values()),
            is_ram=True,
        )
    ]


def _known(amounts: Iterable[int | None]) -> int | None:
    return next((amount for amount in amounts if amount is not None), None)
