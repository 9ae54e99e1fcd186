"""Whether a disk gives more to several readers than to one: MiB/s of a file that is not in the page cache.

    python bench/disk.py FILE [--rounds 5]      FILE: a large one on the disk in question; it is only read

One reader, four and eight that share the file in pieces of 4 MiB; the kernel asked for such pieces 32 MiB ahead of what has
come (posix_fadvise); and as Paddock reads ahead (`host/page_cache.fill`); in turn, in an order that changes each
round. Then, how long a process takes to map all of it (MAP_POPULATE), which is part of each load.
"""

import argparse
import mmap
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
_MADV_POPULATE_READ = 22  # since Linux 5.14


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
        "posix_fadvise, 32 MiB ahead": lambda: _advised(path),
        "Paddock": lambda: _as_paddock(path),
    }
    return {name: _measured(path, way) for name, way in ways.items()}


def _measured(path: Path, way: Callable[[], None]) -> Callable[[], Numbers]:
    def run() -> Numbers:
        drop(path)
        begun, used = time.perf_counter(), time.process_time()
        way()
        seconds, used = time.perf_counter() - begun, time.process_time() - used
        rate = path.stat().st_size / _MIB / seconds
        return {"rate": rate, "cpu": used, "mapping": _mapped(path) * 1000}

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


def _advised(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        for start in range(0, size, _PIECE):
            os.posix_fadvise(file.fileno(), start, _PIECE, os.POSIX_FADV_WILLNEED)
            if (arrived := start - 8 * _PIECE) >= 0:
                os.pread(file.fileno(), 1, arrived)
        os.pread(file.fileno(), 1, size - 1)


def _mapped(path: Path) -> float:
    """Seconds until all of a cached file is in a process's page tables."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as mapped,
    ):
        begun = time.perf_counter()
        mapped.madvise(_MADV_POPULATE_READ)
        return time.perf_counter() - begun


def _as_paddock(path: Path) -> None:
    read_ahead([path], threading.Event(), lambda: _PLENTY, ReadAheadState())


def show_readers(result: dict[str, dict[str, list[float]]]) -> None:
    one = median(result["one reader"]["rate"])
    rows = [
        (
            name, median(n["rate"]), median(n["rate"]) / one, max(n["rate"]), median(n["cpu"]),
            median(n["mapping"]),
        )
        for name, n in result.items()
    ]  # fmt: skip
    headers = ("", "median", "over one", "best", "processor s", "mapping, ms")
    show("a cold file, MiB/s", headers, rows)


if __name__ == "__main__":
    main()
