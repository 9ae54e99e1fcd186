"""Waits for changes of files: by inotify, and where the kernel has no watch left, by looking at the
files every half second.

Editors and sync programs take inotify's instances and watches by the thousand (128 and 8,192 for a
user by default), so that none may be left for us. That costs half a second, never a model.
"""

import asyncio
import errno
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asyncinotify import Inotify, Mask

_log = logging.getLogger(__name__)
_NOTHING = Mask(0)
_LOOK_EVERY = 0.5  # seconds, where the kernel does not report changes
# What the errors of inotify_init(2) and inotify_add_watch(2) mean, and what mends them.
_LIMITS = {
    errno.EMFILE: "fs.inotify.max_user_instances, or the limit of open files (ulimit -n)",
    errno.ENFILE: "fs.file-max",
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.ENOMEM: "the kernel's memory",
}


@dataclass(frozen=True, slots=True)
class FileChange:
    """Something happened to `path`; None: perhaps to any of the watched files."""

    path: Path | None = None
    mask: Mask = _NOTHING


class FileEvents:
    """Changes of the files and folders that were added, one after another."""

    def __init__(self) -> None:
        self._looks = (
            False  # whether something must be looked at, as the kernel does not report its changes
        )
        self._inotify = self._open()

    def _open(self) -> Inotify | None:
        try:
            return Inotify()
        except OSError as error:
            self._fall_back(error)
            return None

    def add(self, path: Path, mask: Mask) -> bool:
        """Report changes of this from now on; False if it does not exist, or may not be read."""
        try:
            if self._inotify is not None:
                self._inotify.add_watch(path, mask)
        except OSError as error:
            if error.errno not in _LIMITS:
                return False
            self._fall_back(error)
        return True

    def _fall_back(self, error: OSError) -> None:
        self._looks = True
        _warn(_LIMITS.get(error.errno or 0, str(error)))

    async def next(self) -> FileChange:
        """The next change. What the kernel cannot watch is reported as changed every half second."""
        if self._inotify is None:
            await asyncio.sleep(_LOOK_EVERY)
            return FileChange()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY if self._looks else None):
                event = await self._inotify.get()
                return FileChange(event.path, event.mask)
        return FileChange()

    def close(self) -> None:
        if self._inotify is not None:
            self._inotify.close()

    def __enter__(self) -> "FileEvents":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@cache
def _warn(limit: str) -> None:
    """Log once which limit is reached, however many files it concerns."""
    _log.warning(
        "files are looked at every %g s, as the limit is reached: raise %s", _LOOK_EVERY, limit
    )


def route(path: Path) -> tuple[tuple[Path, str], ...]:
    """Every (folder, name) that decides which file `path` is: its folders, and those of its links.

    A change of any of these names may make it another file. Links that lead in a circle end the walk.
    """
    steps: list[tuple[Path, str]] = []
    at, rest = Path("/"), list(reversed(path.absolute().parts[1:]))
    while rest and len(steps) < _MOST_STEPS:
        name = rest.pop()
        if name == "..":
            at = at.parent
            continue
        steps.append((at, name))
        try:
            target = (at / name).readlink()
        except OSError:  # no link, or nothing at all
            at = at / name
            continue
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        at = Path("/") if target.is_absolute() else at
    return tuple(dict.fromkeys(steps))


_MOST_STEPS = 400  # the kernel follows 40 links


def state_of(path: Path) -> tuple[int, ...]:
    """What distinguishes one state of a file from another; of a missing file, why it is missing."""
    try:
        facts = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
