"""On what file system a file lies, by /proc/self/mountinfo (Documentation/filesystems/proc.rst)."""

import re
from dataclasses import dataclass
from pathlib import Path

from paddock.host import kernel

# Their files come over a network, or out of another program: what a second reader costs there, and
# whether it ever answers, nobody here knows.
_REMOTE = re.compile(
    r"(nfs4?|cifs|smb3?|smbfs|9p|ceph|glusterfs|lustre|afs|ocfs2|gfs2|beegfs|gpfs|virtiofs|fuse(\..+)?)"
)


@dataclass(frozen=True, slots=True)
class MountPoint:
    """`kind` as the kernel calls it (`ext4`), `source` as it was mounted (`/dev/nvme0n1p2`)."""

    kind: str
    source: str

    @property
    def is_remote(self) -> bool:
        """Whether its files come over a network, or out of a program."""
        return _REMOTE.fullmatch(self.kind) is not None

    def __str__(self) -> str:
        return f"{self.kind} on {self.source}"


def mount_of(file: Path, *, proc: Path = kernel.PROC) -> MountPoint | None:
    """The one that this absolute path leads to, links followed; None where it cannot be known."""
    try:
        real = file.resolve()
    except OSError:
        return None
    best: tuple[int, MountPoint] | None = None
    for line in (kernel.text(proc / "self" / "mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 5 or len(rest) < 2:
            continue
        point = Path(_plain(fields[4]))
        depth = len(point.parts)
        if real.is_relative_to(point) and (best is None or depth >= best[0]):  # a later one covers
            best = depth, MountPoint(rest[0], _plain(rest[1]))
    return best[1] if best else None


def _plain(text: str) -> str:
    r"""Blanks and the like are written as `\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
