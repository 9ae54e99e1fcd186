"""Whether a disk gives more to several readers than to one: MiB/s of a file that is not in the page cache.

    python bench/disk.py FILE [--rounds 5]      FILE: a large one on the disk in question; it is only read

One reader, four and eight that share the file in pieces of 4 MiB, and the kernel asked for such pieces 32 MiB
ahead of what has come, which is how Paddock reads ahead; in turn, in an order that changes each round.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median

from rig import Numbers, interleaved, show

from paddock.daemon.memory.reading import ReadAheadState, read_ahead

_PIECE, _BUFFER, _MIB = 4 << 20, 1 << 20, 1 << 20
_PLENTY = 1 << 30  # MiB of memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    show_readers(interleaved(options.rounds, readers(options.file)))


def drop(path: Path) -> None:
    """Have nothing of it in the page cache; what a process has mapped stays."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def readers(path: Path) -> dict[str, Callable[[], Numbers]]:
    """The ways to read it; each gives MiB/s and the seconds of processor time that it took."""
    ways: dict[str, Callable[[], None]] = {
        "one reader": lambda: _several(path, 1),
        "four readers": lambda: _several(path, 4),
        "eight readers": lambda: _several(path, 8),
        "the kernel asked ahead": lambda: _asked(path),
    }
    return {name: _measured(path, way) for name, way in ways.items()}


def _measured(path: Path, way: Callable[[], None]) -> Callable[[], Numbers]:
    def run() -> Numbers:
        drop(path)
        begun, used = time.perf_counter(), time.process_time()
        way()
        seconds = time.perf_counter() - begun
        return {"rate": path.stat().st_size / _MIB / seconds, "cpu": time.process_time() - used}

    return run


def _several(path: Path, number: int) -> None:
    pieces = count(0, _PIECE)  # the next one to read; taking it is one step of the interpreter
    threads = [threading.Thread(target=_read, args=(path, pieces)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _read(path: Path, pieces: "count[int]") -> None:
    buffer, size = bytearray(_BUFFER), path.stat().st_size
    with path.open("rb", buffering=0) as file:
        while (start := next(pieces)) < size:
            for at in range(start, min(start + _PIECE, size), _BUFFER):
                os.preadv(file.fileno(), [buffer], at)


def _asked(path: Path) -> None:
    read_ahead([path], threading.Event(), lambda: _PLENTY, ReadAheadState())


def show_readers(result: dict[str, dict[str, list[float]]]) -> None:
    one = median(result["one reader"]["rate"])
    rows = [
        (name, median(n["rate"]), median(n["rate"]) / one, max(n["rate"]), median(n["cpu"]))
        for name, n in result.items()
    ]
    headers = ("", "median", "over one", "best", "processor s")
    show("a cold file, MiB/s", headers, rows)


if __name__ == "__main__":
    main()
