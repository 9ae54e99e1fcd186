"""The machine's memory, as the kernel counts it. None where nobody could tell."""

from dataclasses import dataclass

import psutil

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. `available` is what can be taken without swapping: free memory and page cache."""

    total_mib: int | None = None
    available_mib: int | None = None
    swap_total_mib: int | None = None
    swap_used_mib: int | None = None


def read_memory() -> Memory:
    """Read it now (MemTotal, MemAvailable and swap of /proc/meminfo). Never raises."""
    try:
        ram, swap = psutil.virtual_memory(), psutil.swap_memory()
    except (OSError, RuntimeError):  # no /proc, as in some sandboxes
        return Memory()
    return Memory(
        total_mib=ram.total // _MIB,
        available_mib=ram.available // _MIB,
        swap_total_mib=swap.total // _MIB,
        swap_used_mib=swap.used // _MIB,
    )
