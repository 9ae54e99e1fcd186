"""The machine's memory, as the kernel counts it and as far as we may use it; None where unknown."""

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

from paddock.host import kernel
from paddock.host.cgroups import Limit, memory_limit

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. `available` is what can be taken without swapping: free memory and page cache.

    Where control groups allow less than the machine has, that is all there is.
    """

    total_mib: int | None = None
    available_mib: int | None = None
    swap_total_mib: int | None = None
    swap_used_mib: int | None = None
    # percent of the last 10 s in which some task stood still for want of memory
    pressure_some_10: float | None = None
    pages_swapped_in: int | None = None  # since boot; while it grows, somebody waits for swap
    # of `available`, what can be taken without pushing out files that programs have mapped
    spare_mib: int | None = None


def read_memory(*, proc: Path = kernel.PROC, sys: Path = kernel.SYS) -> Memory:
    """Read it now (MemTotal, MemAvailable and swap of /proc/meminfo). Never raises.

    `proc` and `sys` are where pressure, swap-ins and limits are read, which psutil does not report.
    """
    try:
        ram, swap = psutil.virtual_memory(), psutil.swap_memory()
    except (OSError, RuntimeError):  # no /proc, as in some sandboxes
        return Memory()
    limit = memory_limit(proc=proc, sys=sys) or Limit(ram.total, ram.available, ram.available)
    mapped = kernel.fields(proc / "meminfo").get("Mapped", 0) << 10
    return Memory(
        total_mib=min(ram.total, limit.total) // _MIB,
        available_mib=min(ram.available, limit.available) // _MIB,
        swap_total_mib=swap.total // _MIB,
        swap_used_mib=swap.used // _MIB,
        pressure_some_10=_pressure(kernel.text(proc / "pressure" / "memory")),
        pages_swapped_in=kernel.fields(proc / "vmstat").get("pswpin"),
        spare_mib=max(0, min(ram.available - mapped, limit.spare)) // _MIB,
    )


def _pressure(line: str | None) -> float | None:
    """From `some avg10=0.22 avg60=…` (Documentation/accounting/psi.rst); some kernels have it off."""
    some = re.match(r"some avg10=(\d+\.\d+)", line or "")
    return float(some[1]) if some else None
