"""How far a pull is, written by its threads and read by whoever looks on."""

from collections import deque
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Literal

PullStage = Literal["waiting", "fetching", "checking", "done"]
_WINDOW = 10.0  # seconds over which the rate is taken


@dataclass(frozen=True, slots=True)
class FileProgress:
    """One file. Bytes."""

    path: str
    size: int
    done: int = 0
    stage: PullStage = "waiting"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """All files together. Bytes, bytes/s, seconds; None where nobody knows."""

    files: tuple[FileProgress, ...]
    rate: float | None = None
    eta: float | None = None
    note: str = ""  # what is waited for, in words

    @property
    def done(self) -> int:
        return sum(file.done for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


class Meter:
    """The figures of one pull."""

    def __init__(self, files: dict[str, int]) -> None:
        """`files`: bytes by path."""
        self._files = {path: FileProgress(path, size) for path, size in files.items()}
        self._lock, self._note = Lock(), ""
        self._marks = deque[tuple[float, int]]()  # when, and bytes that came by then
        self._came = 0

    def at(self, path: str, done: int, stage: PullStage) -> None:
        """So many bytes of this file are here; not as progress of the network."""
        with self._lock:
            self._files[path] = FileProgress(path, self._files[path].size, done, stage)

    def came(self, path: str, count: int, done: int) -> None:
        """`count` more bytes came from the hub, which makes `done`."""
        with self._lock:
            self._files[path] = FileProgress(path, self._files[path].size, done, "fetching")
            self._came, self._note = self._came + count, ""
            self._marks.append((monotonic(), self._came))

    def note(self, words: str) -> None:
        """What is waited for."""
        with self._lock:
            self._note = words

    def reading(self) -> PullProgress:
        """As of now."""
        with self._lock:
            now, files = monotonic(), tuple(self._files.values())
            while len(self._marks) > 1 and now - self._marks[0][0] > _WINDOW:
                self._marks.popleft()
            rate = self._rate(now)
            left = sum(file.size - file.done for file in files)
            eta = left / rate if rate else None
            return PullProgress(files, rate, eta, self._note)

    def _rate(self, now: float) -> float | None:
        if len(self._marks) < 2:
            return None
        since, before = self._marks[0]
        return (self._came - before) / max(now - since, 1e-3)
