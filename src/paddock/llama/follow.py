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
_AT_ONCE = 1 << 17  # bytes read in one go: some milliseconds of work, then others have their turn
_BACKLOG = 4 << 20  # bytes: whoever writes faster than we read is not read whole
_MOST_SOUGHT = 1 << 20  # bytes read from the end of a file, for its last lines


class LineFile:
    """A growing file, read as lines. It may be cut down, by us or by anybody; the writer must append.

    It stays open once it was found, so that it can be read even when no descriptor is left.

    A flood is read in pieces, and what is more than a `backlog` of it is skipped: a line says so.
    """

    def __init__(self, path: Path, *, limit: int = 0, backlog: int = _BACKLOG) -> None:
        self.path = path
        self.offset = 0
        self.is_behind = False  # whether there was more than was read in one go
        self._limit = limit  # bytes; beyond it the older half moves to `PATH.1`; 0 = never
        self._backlog = backlog  # bytes
        self._rest = b""
        self._file: int | None = None
        self._close: Callable[[], object] = lambda: None

    def read(self) -> Iterator[str]:
        """The complete lines that came since the last call; of many, the first (see `is_behind`).

        Raises OSError where it cannot be read.
        """
        self.is_behind = False
        file = self.open()
        if file is None:
            return
        here = os.fstat(file).st_size
        self._rewind_if_cut(here)
        if here - self.offset > self._backlog:
            yield self._skip_to(file, here - self._backlog // 2)
        end = self.offset + _AT_ONCE
        while self.offset < end and (data := os.pread(file, _CHUNK, self.offset)):
            self.offset += len(data)
            yield from self._split(data)
        self.is_behind = self.offset < here
        if self._limit and self.is_behind and here > self._limit + self._backlog:
            yield self._skip_to(file, here)  # or it would never be cut
            self.is_behind = False
        if self._limit and self.offset > self._limit and not self.is_behind:
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

    def read_all(self) -> Iterator[str]:
        """Everything that came since the last call, however much; it may block for long."""
        yield from self.read()
        while self.is_behind:
            yield from self.read()

    def skip_to_last(self, most: int) -> None:
        """Go on with the last `most` bytes, from the beginning of a line. Raises OSError."""
        file = self.open()
        if file is not None and (here := os.fstat(file).st_size) - self.offset > most:
            self._skip_to(file, here - most)

    def _skip_to(self, file: int, offset: int) -> str:
        """The line that reports the gap; the line around `offset` is skipped too, if it ends soon."""
        before = offset - 1
        line = os.pread(file, _LONGEST_LINE, before)
        after = before + (line.find(b"\n") + 1 or len(line))
        skipped, self.offset = after - self.offset, after
        self._rest = b""
        return (
            f"… ({skipped:,} bytes of this log were left out: they came faster than they are read)"
        )

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
        """Keep what there is as `PATH.1`, of a flood its end, and start again at zero; on a full disk, only the latter.

        The writer holds the file open, so it is copied and cut, not renamed. A line written in
        between is lost to later readers; our own reading has passed `offset` already.
        """
        older = self.path.with_name(self.path.name + ".1")
        with suppress(OSError):
            _copy(file, max(0, os.fstat(file).st_size - 2 * self._limit), older)
        os.truncate(self.path, 0)
        self.offset = 0


def _copy(file: int, at: int, to: Path) -> None:
    partial = to.with_name(to.name + ".part")
    try:
        with partial.open("wb") as copy:
            partial.chmod(0o600)
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
        self.offset = size(path) if offset is None else offset

    def read(self) -> Iterator[bytes]:
        """All that came since the last call; a flood in several pieces."""
        while True:
            self.offset, data = read_from(self._path, self.offset)
            if not data:
                return
            yield data


def size(path: Path) -> int:
    """Bytes; 0 for a file that is not there."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def last_lines(paths: list[Path], count: int) -> list[str]:
    """The last `count` lines of these files, which follow one another; only their ends are read.

    Fewer where they are so long that they come to more than a MiB.
    """
    lines: list[bytes] = []
    for path in reversed(paths):
        lines = [*_lines_at_end(path, count - len(lines)), *lines]
    return [line.decode(errors="replace") for line in lines]


def _lines_at_end(path: Path, count: int) -> list[bytes]:
    end = size(path)
    start, found = start_of_last(path, end, count)
    if not found:
        return []
    start = max(start, end - _MOST_SOUGHT)
    data = b"".join(pieces(path, start, end))
    return data.removesuffix(b"\n").split(b"\n")


def start_of_last(path: Path, end: int, count: int) -> tuple[int, int]:
    """Where the last `count` lines before the byte `end` begin, and how many they are if fewer.

    Reads backwards, a block at a time, and keeps none.
    """
    with suppress(FileNotFoundError), path.open("rb") as file:
        end = min(end, file.seek(0, os.SEEK_END))
        if count <= 0 or not end:
            return end, 0
        found, stop = 0, end
        while stop:
            start = max(0, stop - _CHUNK)
            file.seek(start)
            block = file.read(stop - start)
            at = len(block) - (1 if stop == end else 0)  # the end of the last line begins none
            while (at := block.rfind(b"\n", 0, at)) >= 0:
                found += 1
                if found == count:
                    return start + at + 1, count
            stop = start
        return 0, found + 1
    return 0, 0


def pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    """What lies between two bytes of a file, a bounded piece at a time; less, where it was cut."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(start)
        while start < end and (data := file.read(min(_CHUNK, end - start))):
            start += len(data)
            yield data
