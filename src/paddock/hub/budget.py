"""What a download may use: room on the disk, and bytes a second."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from time import monotonic

from paddock.figures.units import mib
from paddock.hub.refusals import NoDiskSpace

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MIB = 1 << 20
_BURST = 0.2  # seconds' worth of bytes that may come at once


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of one folder. `margin`: bytes that stay free for everything else (`disk-margin`)."""

    folder: Path
    margin: int

    def free(self) -> int:
        """Bytes that this user can still write there."""
        facts = os.statvfs(next(at for at in (self.folder, *self.folder.parents) if at.exists()))
        return facts.f_bavail * facts.f_frsize

    def must_hold(self, wanted: int) -> None:
        """Raise NoDiskSpace where so many more bytes would leave less than the margin."""
        if (free := self.free()) - wanted < self.margin:
            raise self.refusal(f"{_size(wanted)} more are needed, {_size(free)} are free")

    def refusal(self, why: str) -> NoDiskSpace:
        """The error for a full disk."""
        return NoDiskSpace(
            f"the disk of {self.folder} has no room: {why}, and {_size(self.margin)} stay free (disk-margin)",
            hint="free some, or set disk-margin; what has come stays, and the same command goes on from there",
        )

    @contextmanager
    def written_to(self) -> Iterator[None]:
        """A disk that is full meanwhile is a NoDiskSpace."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise self.refusal("it is full") from error
            raise


class TransferPace:
    """So many bytes a second for all downloads together; 0 is no limit."""

    def __init__(self, rate: int) -> None:
        self._rate, self._lock = rate, Lock()
        self._due = monotonic()

    def spend(self, count: int, stop: Event) -> None:
        """Wait until these bytes were due, or somebody stops it."""
        if not self._rate:
            return
        with self._lock:
            self._due = max(self._due, monotonic() - _BURST) + count / self._rate
            wait = self._due - monotonic()
        if wait > 0:
            stop.wait(wait)


def _size(count: int) -> str:
    return mib(count / _MIB)
