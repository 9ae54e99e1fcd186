"""Compares a file with the hash that the hub names, while it is still being written."""

import hashlib
import os
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from paddock.hub.repository import HubFile

_PIECE = (
    1 << 20
)  # read into one buffer that stays in the processor's cache: a new one each time costs half as much again
_WAKES_AT = 1 << 20  # bytes written since the last time


def hash_of(path: Path, file: HubFile) -> str:
    """The hash of what lies at this path, of the kind that the hub gives of this file. OSError."""
    with path.open("rb", buffering=0) as opened:
        return _finish(opened.fileno(), _begin(file), 0, os.fstat(opened.fileno()).st_size)


def is_the_file(path: Path, file: HubFile) -> bool:
    """Whether it has the length and the hash that the hub names."""
    try:
        return path.stat().st_size == file.size and hash_of(path, file) == file.etag
    except OSError:
        return False


def _begin(file: HubFile) -> "hashlib._Hash":
    if file.sha256:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)


def _finish(descriptor: int, digest: "hashlib._Hash", start: int, end: int) -> str:
    buffer = memoryview(bytearray(_PIECE))
    while count := _update(digest, descriptor, buffer, start, end):
        start += count
    return digest.hexdigest()


def _update(
    digest: "hashlib._Hash", descriptor: int, buffer: memoryview, start: int, end: int
) -> int:
    """Hash the next bytes from `start` on, a buffer full at most; how many there were."""
    wanted = buffer[: max(0, min(len(buffer), end - start))]
    count = os.preadv(descriptor, [wanted], start) if wanted else 0
    digest.update(wanted[:count])
    return count


class Follower:
    """Hashes a growing file from its beginning, in a thread, as far as it is written.

    What was there before a resume is read again; what is written just now is still in the page cache.
    """

    def __init__(self, path: Path, file: HubFile, *, written: int) -> None:
        self._file, self._written = file, written
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        self._changed, self._woken_at = Condition(), written
        self._is_over = False
        self._generation = 0  # raised when the file was begun anew
        self._digest = ""
        self._thread = Thread(target=self._run, name="hash", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            if kind is not None:
                self._generation, self._written = self._generation + 1, 0
            self._is_over = True
            self._changed.notify()
        self._thread.join()
        os.close(self._descriptor)

    def wrote(self, size: int) -> None:
        """The file has so many bytes now. The thread is woken for whole pieces: each time costs the writer."""
        self._written = size  # one thread writes it, and a number is read as a whole
        if size - self._woken_at >= _WAKES_AT:
            self._woken_at = size
            with self._changed:
                self._changed.notify()

    def restarted(self) -> None:
        """The file was cut, and is written from its beginning."""
        with self._changed:
            self._generation += 1
            self._written = self._woken_at = 0

    def digest(self) -> str:
        """Of all that was written. Waits for it."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        self._thread.join()
        return self._digest

    def _run(self) -> None:
        digest, at, generation = _begin(self._file), 0, 0
        buffer = memoryview(bytearray(_PIECE))
        while True:
            end, now, is_over = self._more(at, generation)
            if now != generation:
                digest, at, generation = _begin(self._file), 0, now
                continue
            count = _update(digest, self._descriptor, buffer, at, end)
            if not count and is_over:
                self._digest = digest.hexdigest()
                return
            at += count

    def _more(self, at: int, generation: int) -> tuple[int, int, bool]:
        """Wait for bytes behind `at`, a new beginning or the end."""
        with self._changed:
            while not (self._is_over or self._written > at or self._generation != generation):
                self._changed.wait()
            return self._written, self._generation, self._is_over
