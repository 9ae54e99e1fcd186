"""Has the kernel read files into the page cache, as far as there is room. Blocks: for threads."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.host.page_cache import ask_for

_MIB = 1 << 20
_PIECE = 4 * _MIB  # asked for at once
_IN_FLIGHT = (
    8  # pieces: what the disk works at, so that no other program waits behind all of a file
)
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
    begun, waited = time.monotonic(), 0.0
    for file in files:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # the engine will say what is wrong with it
        try:
            for number, start in enumerate(range(0, os.fstat(descriptor).st_size, _PIECE)):
                if number % _LOOK_EVERY == 0:
                    waited += _wait_for_room(stop, room_mib)
                if stop.is_set() or not ask_for(descriptor, start, _PIECE):
                    return
                _wait_for(descriptor, start - _IN_FLIGHT * _PIECE)
                reading.asked_mib += _PIECE // _MIB
                reading.seconds = time.monotonic() - begun - waited
            _wait_for(descriptor, os.fstat(descriptor).st_size - 1)
            reading.seconds = time.monotonic() - begun - waited
        finally:
            os.close(descriptor)


def _wait_for_room(stop: threading.Event, room_mib: Callable[[], int]) -> float:
    """Return when one look's worth of pieces may be read, or at `stop`; the seconds that took."""
    begun = time.monotonic()
    while room_mib() < _LOOK_EVERY * _PIECE // _MIB and not stop.wait(_NO_ROOM_WAIT):
        pass
    return time.monotonic() - begun


def _wait_for(descriptor: int, at: int) -> None:
    """Until this byte has come: whoever reads a page that is on its way waits for it."""
    if at >= 0:
        os.pread(descriptor, 1, at)
