"""Files as the disk and the page cache hold them now."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from paddock.host.mounts import mount_of
from paddock.host.page_cache import cached_bytes

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class SeenFiles:
    """MiB. `cached_mib` is None where nobody can know it."""

    mib: int
    cached_mib: int | None
    file_system: str = ""
    is_remote: bool = False

    @property
    def missing_mib(self) -> int:
        """What is known to be missing in the page cache."""
        return 0 if self.cached_mib is None else self.mib - self.cached_mib

    @property
    def share(self) -> float | None:
        """Of them in the page cache, 0 to 1."""
        if self.cached_mib is None or not self.mib:
            return None
        return round(min(1.0, self.cached_mib / self.mib), 3)


def look(files: Sequence[Path]) -> SeenFiles:
    """How large they are, and how much of them is cached. What is on a network is not opened."""
    there = [file for file in files if file.is_file()]
    mount = mount_of(there[0]) if there else None
    mib = ceil(sum(file.stat().st_size for file in there) / _MIB)
    is_remote = mount is not None and mount.is_remote
    cached = None if is_remote or not there else cached_bytes(there)
    return SeenFiles(
        mib=mib,
        cached_mib=None if cached is None else min(mib, ceil(cached / _MIB)),
        file_system=str(mount or ""),
        is_remote=is_remote,
    )
