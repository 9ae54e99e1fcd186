"""The memory that control groups allow this process: the limit of a container or of a systemd unit.

Both versions of the kernel's interface: Documentation/admin-guide/cgroup-v2.rst (memory.max) and
cgroup-v1/memory.rst (memory.limit_in_bytes). A limit of any group above ours is ours too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paddock.host import kernel

_UNLIMITED = 1 << 62  # v1 writes "no limit" as the largest multiple of a page


@dataclass(frozen=True, slots=True)
class Limit:
    """Bytes: what the group may hold in all, and what of that can still be taken.

    Its page cache counts as free, as in MemAvailable: the kernel drops it first. In `spare` what
    programs have mapped of it does not count.
    """

    total: int
    available: int
    spare: int


@dataclass(frozen=True, slots=True)
class _Files:
    """The names that a version gives the same things."""

    limit: str
    usage: str
    cache: tuple[str, str]
    mapped: str


_V1 = _Files(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_active_file", "total_inactive_file"),
    "total_mapped_file",
)
_V2 = _Files("memory.max", "memory.current", ("active_file", "inactive_file"), "file_mapped")


def memory_limit(*, proc: Path = kernel.PROC, sys: Path = kernel.SYS) -> Limit | None:
    """The tightest limit on this process; None where there is none. Never raises."""
    limits = list(_limits(proc, sys))
    if not limits:
        return None
    return Limit(
        min(x.total for x in limits),
        max(0, min(x.available for x in limits)),
        max(0, min(x.spare for x in limits)),
    )


def _limits(proc: Path, sys: Path) -> Iterator[Limit]:
    root = sys / "fs" / "cgroup"
    for line in (kernel.text(proc / "self" / "cgroup") or "").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if "memory" in controllers.split(","):
            yield from _above(root / "memory", path, _V1)
        elif not controllers:
            for unified in (root, root / "unified"):
                yield from _above(unified, path, _V2)


def _above(root: Path, path: str, files: _Files) -> Iterator[Limit]:
    """The group and all above it; only the root where a container shows the path of the host."""
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        if limit := _limit(folder, files):
            yield limit
        if folder == root:
            return


def _limit(folder: Path, files: _Files) -> Limit | None:
    total, usage = kernel.number(folder / files.limit), kernel.number(folder / files.usage)
    if total is None or usage is None or total >= _UNLIMITED:
        return None
    facts = kernel.fields(folder / "memory.stat")
    available = total - usage + sum(facts.get(name, 0) for name in files.cache)
    return Limit(total, available, available - facts.get(files.mapped, 0))
