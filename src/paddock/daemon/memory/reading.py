"""Has the kernel read files into the page cache, as far as there is room. Blocks: for threads."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.host.page_cache import fill

_MIB = 1 << 20
_PIECE = (
    4 * _MIB
)  # read at once: two folios of 2 MiB, so that the second comes while the first is waited for
_READERS = 4  # at once: the disk always has work, and no other program waits behind all of a file
_LOOK_EVERY = 16  # pieces, between two looks at the memory
_NO_ROOM_WAIT = 0.2  # seconds until memory is looked at again that others may free meanwhile


@dataclass(slots=True)
class ReadAheadState:
    """How far it is: MiB that were asked for, cached ones too, and the seconds that they took."""

    asked_mib: int = 0
    seconds: float = 0.0


def read_ahead(
    files: Sequence[Path],
    stop: threading.Event,
    room_mib: Callable[[], int],
    reading: ReadAheadState,
) -> None:
    """Have the kernel read these files, in this order, until `stop`, and note how far that is.

    `room_mib` says how much memory may be filled now; while there is none, it waits for some.
    """
    shared = _SharedRead(stop, room_mib, reading)
    for file in files:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # the engine will say what is wrong with it
        try:
            shared.read(descriptor)
        finally:
            os.close(descriptor)
        if stop.is_set():
            return


class _SharedRead:
    """What the readers of one model share: which piece is next, and how far they are."""

    def __init__(
        self, stop: threading.Event, room_mib: Callable[[], int], reading: ReadAheadState
    ) -> None:
        self._stop, self._room_mib, self._reading = stop, room_mib, reading
        self._begun, self._waited = time.monotonic(), 0.0
        self._turn = threading.Lock()

    def read(self, descriptor: int) -> None:
        """One file, until it is there, cannot be read, or all is to stop."""
        pieces = self._pieces(os.fstat(descriptor).st_size)
        readers = [
            threading.Thread(target=self._read, args=(descriptor, pieces), daemon=True)
            for _ in range(_READERS)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()

    def _pieces(self, size: int) -> Iterator[tuple[int, int]]:
        """Where each piece begins and how long it is, as room for it comes; to be asked under `_turn`."""
        for number, start in enumerate(range(0, size, _PIECE)):
            if number % _LOOK_EVERY == 0:
                self._waited += _wait_for_room(self._stop, self._room_mib)
            if self._stop.is_set():
                return
            yield start, min(_PIECE, size - start)

    def _read(self, descriptor: int, pieces: Iterator[tuple[int, int]]) -> None:
        while True:
            with self._turn:
                piece = next(pieces, None)
            if piece is None or not fill(descriptor, *piece):
                return
            with self._turn:
                self._reading.asked_mib += -(-piece[1] // _MIB)
                self._reading.seconds = time.monotonic() - self._begun - self._waited


def _wait_for_room(stop: threading.Event, room_mib: Callable[[], int]) -> float:
    """Return when one look's worth of pieces may be read, or at `stop`; the seconds that took."""
    begun = time.monotonic()
    while room_mib() < _LOOK_EVERY * _PIECE // _MIB and not stop.wait(_NO_ROOM_WAIT):
        pass
    return time.monotonic() - begun
