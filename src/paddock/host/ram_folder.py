"""Where files stay in RAM: a folder of ours on a tmpfs, for what should not reach a disk.

What lies there is forgotten when the machine restarts. Under pressure the kernel may swap a tmpfs out
as it may any memory; how much is put there is for the caller to bound.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from paddock.atomic_write import atomic_write
from paddock.errors import ConfigError
from paddock.host import kernel
from paddock.private import believed, keep_private

_SHARED = Path("/dev/shm")  # a folder of ours inside it is closed to all others
_OWNER = "state-dir"  # a file that names the state folder whose daemon made the folder


def ram_folder(
    state_dir: Path, env: Mapping[str, str], *, proc: Path = kernel.PROC, shared: Path = _SHARED
) -> Path | None:
    """A private folder (0700) on the largest tmpfs there is; always the same for one state folder.

    None where there is no tmpfs that we may write to. Folders of daemons whose state folder is gone
    are removed.
    """
    for place in _places(env, proc, shared):
        with suppress(OSError, ConfigError):
            keep_private(place)  # first: before that, others may have put there what we would read
            _remove_orphans(place)
            folder = place / sha256(os.fsencode(state_dir)).hexdigest()[:16]
            keep_private(folder)
            atomic_write(folder / _OWNER, os.fsencode(state_dir))
            return folder
    return None


def is_tmpfs(folder: Path, *, proc: Path = kernel.PROC) -> bool:
    """Whether what is written to this folder stays in RAM (`/proc/self/mounts`, proc_pid_mounts(5))."""
    kinds = dict(_mounts(proc))
    above = (folder.resolve(), *folder.resolve().parents)
    return next((kinds[path] for path in above if path in kinds), "") == "tmpfs"


def _places(env: Mapping[str, str], proc: Path, shared: Path) -> list[Path]:
    """Ours in each tmpfs that is there for such files, the largest first: systemd gives a session's
    own a tenth of the RAM, `/dev/shm` has half of it, and 64 MiB in a container."""
    session = env.get("XDG_RUNTIME_DIR", "")
    found = {shared: shared / f"paddock-{os.getuid()}"}
    if session.startswith("/"):
        found[Path(session)] = Path(session) / "paddock-contexts"
    there = [root for root in found if root.is_dir() and is_tmpfs(root, proc=proc)]
    return [found[root] for root in sorted(there, key=_size, reverse=True)]


def _size(folder: Path) -> int:
    return shutil.disk_usage(folder).total


def _mounts(proc: Path) -> Iterator[tuple[Path, str]]:
    """The mount points with their kinds; the last one on a path is what one sees there."""
    for line in (kernel.text(proc / "self" / "mounts") or "").splitlines():
        _, path, kind, *_ = line.split(" ")
        yield Path(path.replace("\\040", " ")), kind


def _remove_orphans(place: Path) -> None:
    for folder in place.iterdir():
        if (owner := _owner(folder)) and not owner.exists():
            shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> Path | None:
    """The state folder whose daemon made this folder; None where that is not certain."""
    with suppress(OSError):
        return Path(os.fsdecode(believed(folder / _OWNER)))
    return None
