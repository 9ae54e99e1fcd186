"""Follow the files that a server writes to, line by line, without polling (inotify)."""

import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from asyncinotify import Mask

from paddock.file_events import FileEvents

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 16  # a line without an end is cut here: no unbounded buffer


class LineFile:
    """A growing file, read as lines. It may be cut down, by us or by anybody; the writer must append.

    Once found it stays open, so that it can be read however few descriptors are left.
    """

    def __init__(self, path: Path, *, limit: int = 0) -> None:
        self.path = path
        self.offset = 0
        self._limit = limit  # bytes; beyond it the older half moves to `PATH.1`; 0 = never
        self._rest = b""
        self._file: int | None = None
        self._close: Callable[[], object] = lambda: None

    def read(self) -> Iterator[str]:
        """The complete lines that came since the last call. Raises OSError where it cannot be read."""
        file = self.open()
        if file is None:
            return
        self._rewind_if_cut(os.fstat(file).st_size)
        while data := os.pread(file, _CHUNK, self.offset):
            self.offset += len(data)
            yield from self._split(data)
        if self._limit and self.offset > self._limit:
            self._trim(file)

    def open(self) -> int | None:
        """Open it, if it is there; another one, once what was open has been removed. Raises OSError."""
        if self._file is not None and os.fstat(self._file).st_nlink == 0:
            self.close()
            self.offset, self._rest = 0, b""
        if self._file is None:
            with suppress(FileNotFoundError):
                self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                self._close = weakref.finalize(self, os.close, self._file)
        return self._file

    def close(self) -> None:
        """Let go of the file; the next `read` opens it again."""
        self._close()
        self._file = None

    def _rewind_if_cut(self, size: int) -> None:
        if size < self.offset:
            self.offset, self._rest = 0, b""

    def rest(self) -> str:
        """The last line, where it has no end: what a dying process could still say."""
        rest, self._rest = self._rest, b""
        return rest.decode(errors="replace")

    def _split(self, data: bytes) -> Iterator[str]:
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        self._rest = rest
        for line in lines:
            yield line.decode(errors="replace")

    def _trim(self, file: int) -> None:
        """Keep what there is as `PATH.1` and start again at zero; on a full disk, only the latter.

        The writer holds the file open, so it is copied and cut, not renamed. A line written in
        between is lost to later readers; our own reading has passed `offset` already.
        """
        older = self.path.with_name(self.path.name + ".1")
        with suppress(OSError):
            _copy(file, older)
        os.truncate(self.path, 0)
        self.offset = 0


def _copy(file: int, to: Path) -> None:
    partial = to.with_name(to.name + ".part")
    try:
        with partial.open("wb") as copy:
            partial.chmod(0o600)
            at = 0
            while data := os.pread(file, _CHUNK, at):
                at += copy.write(data)
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)


class Watch:
    """Wakes its reader when one of some files was written to."""

    def __init__(self, *paths: Path) -> None:
        self._events = FileEvents()
        for path in paths:
            with suppress(OSError):
                path.touch(mode=0o600)
            self._events.add(path, Mask.MODIFY)

    async def changed(self) -> None:
        """Return when something was written since the last call, or may have been."""
        await self._events.next()

    def close(self) -> None:
        self._events.close()


def read_from(path: Path, offset: int) -> tuple[int, bytes]:
    """What the file holds behind `offset` (one chunk at most) and where to go on; from 0 if it was cut."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(offset if offset <= size else 0)
        data = file.read(_CHUNK)
        return file.tell(), data
    return offset, b""


class Growth:
    """What is appended to a file from now on, in bounded pieces; or from `offset` bytes on."""

    def __init__(self, path: Path, offset: int | None = None) -> None:
        self._path = path
        self.offset = _size(path) if offset is None else offset

    def read(self) -> Iterator[bytes]:
        """All that came since the last call; a flood in several pieces."""
        while True:
            self.offset, data = read_from(self._path, self.offset)
            if not data:
                return
            yield data


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def last_lines(paths: list[Path], count: int) -> list[str]:
    """The last `count` lines of these files, which follow one another; only their ends are read."""
    lines: list[bytes] = []
    for path in reversed(paths):
        lines = [*lines_before(path, None, count - len(lines)), *lines]
    return [line.decode(errors="replace") for line in lines]


def lines_before(path: Path, end: int | None, count: int) -> list[bytes]:
    """The last `count` lines before the byte `end` (None: the file's end), without their ends."""
    if count <= 0:
        return []
    blocks: list[bytes] = []
    with suppress(FileNotFoundError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start, ends = size if end is None else min(end, size), 0
        while start and ends <= count:  # one more: the first line of what was read may be a part
            start, stop = max(0, start - _CHUNK), start
            file.seek(start)
            blocks.append(file.read(stop - start))
            ends += blocks[-1].count(b"\n")
    whole = b"".join(reversed(blocks)).removesuffix(b"\n")
    return whole.split(b"\n")[-count:] if blocks else []
