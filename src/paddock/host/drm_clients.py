"""Which process holds how much of a card's memory, and of RAM through a card: from its open files, and of AMD's
from ROCm's own records.

Each open file of a card shows its memory in /proc/PID/fdinfo (Documentation/gpu/drm-usage-stats.rst; the regions
are named in i915.rst, xe's drm_client.c and amdgpu's documents), for the processes that we may look into: our own
user's, or all for root. ROCm's driver keeps records of its own for everybody to read,
/sys/class/kfd/kfd/proc/PID/vram_GPU in bytes (the rocm-smi library reads them: rocm_smi_kfd.cc). A process in
both is counted once, with the larger figure.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paddock.host import kernel
from paddock.host.gpu import GpuProcess
from paddock.host.processes import pids, program

Usage = dict[str, dict[int, int]]  # MiB, by PCI address and pid

_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20}
# What lies there now; the same in kernels before 6.13, which know no other; what was asked for.
_KINDS = ("resident", "memory", "total")
_KEY = re.compile(r"drm-(resident|memory|total)-(.+)")


@dataclass(frozen=True, slots=True)
class Regions:
    """Where a driver's buffers lie, as its files name it."""

    drivers: frozenset[str]
    of_card: frozenset[str]
    of_ram: frozenset[str]


AMD = Regions(frozenset({"amdgpu"}), frozenset({"vram"}), frozenset({"gtt"}))
# A card of several tiles has a region for each. What of RAM is mapped for the GPU is `gtt` to xe, `system` what is not.
INTEL = Regions(
    frozenset({"xe", "i915"}),
    frozenset(f"{name}{tile}" for name in ("vram", "local") for tile in range(4)),
    frozenset({"system", "gtt", "system0"}),
)


def as_processes(
    held_by: Iterable[int],
    own: Mapping[int, int],
    lent: Mapping[int, int],
    *,
    proc: Path = kernel.PROC,
) -> tuple[GpuProcess, ...]:
    """These processes, by their pids, with what they hold of the card's own memory and of RAM through it, MiB."""
    return tuple(
        GpuProcess(pid, own.get(pid, 0), program(pid, proc=proc), lent.get(pid, 0))
        for pid in sorted(held_by)
    )


def vram(*, proc: Path = kernel.PROC, sys: Path = kernel.SYS) -> Usage:
    """Who holds at least a MiB of a card of AMD. Never raises."""
    return _most((*_by_files(proc, AMD, AMD.of_card), *_by_rocm(sys)))


def ram(*, proc: Path = kernel.PROC) -> Usage:
    """Who holds at least a MiB of RAM through a card of AMD, as its files tell. Never raises."""
    return _most(_by_files(proc, AMD, AMD.of_ram))


def of_intel(*, proc: Path = kernel.PROC) -> tuple[Usage, Usage]:
    """Who holds at least a MiB of a card of Intel, and who of RAM through one. Never raises."""
    return _most(_by_files(proc, INTEL, INTEL.of_card)), _most(_by_files(proc, INTEL, INTEL.of_ram))


def _most(uses: Iterable[tuple[str, int, int]]) -> Usage:
    found: Usage = defaultdict(dict)
    for address, pid, size in uses:
        mib = size >> 20
        if mib > found[address].get(pid, 0):
            found[address][pid] = mib
    return found


def _by_files(proc: Path, of: Regions, regions: frozenset[str]) -> Iterator[tuple[str, int, int]]:
    for pid in pids(proc):
        for address, size in _held(proc / str(pid), of, regions).items():
            yield address, pid, size


def _held(process: Path, of: Regions, regions: frozenset[str]) -> dict[str, int]:
    """Bytes by card. A file opened once and duplicated is one client with one figure."""
    clients: dict[tuple[str, str], int] = {}
    for number in _nodes(process):
        facts = _facts(process / "fdinfo" / number)
        if facts.get("drm-driver") in of.drivers:
            client = facts.get("drm-pdev", ""), facts.get("drm-client-id", number)
            clients[client] = _lying(facts, regions)
    held: dict[str, int] = defaultdict(int)
    for (address, _), size in clients.items():
        held[address] += size
    return held


def _lying(facts: Mapping[str, str], regions: frozenset[str]) -> int:
    """Bytes in these regions; of each the first kind of figure that there is."""
    sizes: dict[str, dict[str, int]] = defaultdict(dict)
    for key, said in facts.items():
        if (found := _KEY.fullmatch(key)) and found[2] in regions:
            sizes[found[2]][found[1]] = _bytes(said)
    return sum(next(kinds[k] for k in _KINDS if k in kinds) for kinds in sizes.values())


def _nodes(process: Path) -> Iterator[str]:
    """Numbers of its open files that are cards: `5`, for /dev/dri/renderD128."""
    with suppress(OSError), os.scandir(process / "fd") as files:
        for file in files:
            with suppress(OSError):  # closed meanwhile
                # There are thousands of files: making a Path of each takes longer than the call.
                if os.readlink(file.path).startswith("/dev/dri/"):  # noqa: PTH115
                    yield file.name


def _facts(fdinfo: Path) -> dict[str, str]:
    lines = (kernel.text(fdinfo) or "").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): said.strip() for key, _, said in pairs}


def _bytes(said: str) -> int:
    """`1536 KiB`; a number without a unit is bytes."""
    number, _, unit = said.partition(" ")
    return int(number) * _UNITS.get(unit, 0) if number.isdecimal() else 0


def _by_rocm(sys: Path) -> Iterator[tuple[str, int, int]]:
    root = sys / "class" / "kfd" / "kfd"
    held = [(record, pid) for pid in pids(root / "proc") for record in _records(root, pid)]
    addresses = _rocm_addresses(root / "topology" / "nodes") if held else {}
    for record, pid in held:
        address, size = addresses.get(record.name.removeprefix("vram_")), kernel.number(record)
        if address and size:
            yield address, pid, size


def _records(root: Path, pid: int) -> Iterable[Path]:
    return (root / "proc" / str(pid)).glob("vram_*")


def _rocm_addresses(nodes: Path) -> dict[str, str]:
    """PCI addresses by ROCm's own number of a GPU; nodes that are CPUs have the number 0."""
    found = {}
    for node in nodes.glob("*"):
        number, facts = kernel.text(node / "gpu_id"), kernel.fields(node / "properties")
        if number and number != "0" and "location_id" in facts:
            found[number] = _located(facts.get("domain", 0), facts["location_id"])
    return found


def _located(domain: int, place: int) -> str:
    """From bus, device and function in 8, 5 and 3 bits."""
    return f"{domain:04x}:{place >> 8 & 0xFF:02x}:{place >> 3 & 0x1F:02x}.{place & 7:x}"
