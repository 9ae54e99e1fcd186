"""What the kernel reports of a process: memory, session, name; nothing of one that is gone."""

import heapq
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from paddock.host import kernel

_PAGE = os.sysconf("SC_PAGE_SIZE")
_HERTZ = os.sysconf("SC_CLK_TCK")


class ProcessSize(NamedTuple):
    """What a process takes of RAM for itself."""

    pid: int
    name: str
    mib: int


def own_mib(pid: int, *, proc: Path = kernel.PROC) -> int:
    """MiB that no other process and no file can give back: anonymous and shared memory.

    The kernel counts mapped model files as available, so these are not in it (RssAnon and RssShmem of
    proc(5)).
    """
    kib = _status(pid, proc)
    return (kib.get("RssAnon", 0) + kib.get("RssShmem", 0)) >> 10


def resident_mib(pid: int, *, proc: Path = kernel.PROC) -> int:
    """MiB in RAM, with the pages of mapped files (VmRSS)."""
    return _status(pid, proc).get("VmRSS", 0) >> 10


def swapped_mib(pid: int, *, proc: Path = kernel.PROC) -> int:
    """MiB of anonymous memory that were moved to swap (VmSwap)."""
    return _status(pid, proc).get("VmSwap", 0) >> 10


def session_of(pid: int) -> int | None:
    """Its session; None when the process is gone or not visible to us."""
    if pid > 0:  # to the kernel, 0 is whoever asks
        with suppress(OSError):
            return os.getsid(pid) or None
    return None


def computed_seconds(session: int, *, proc: Path = kernel.PROC) -> float:
    """Processor time that the living processes of a session have used (utime and stime, proc(5))."""
    return sum(_ticks(proc / str(pid)) for pid in pids(proc) if session_of(pid) == session) / _HERTZ


def program(pid: int, *, proc: Path = kernel.PROC) -> str:
    """The name of its program, 15 letters at most; "" when it is gone."""
    return kernel.text(proc / str(pid) / "comm") or ""


def largest(count: int, *, proc: Path = kernel.PROC) -> list[ProcessSize]:
    """The processes with the most anonymous memory, the largest first."""
    sizes = ((_anonymous_mib(proc / str(pid)), pid) for pid in pids(proc))
    top = heapq.nlargest(count, ((mib, pid) for mib, pid in sizes if mib))
    return [ProcessSize(pid, program(pid, proc=proc), mib) for mib, pid in top]


def pids(proc: Path = kernel.PROC) -> list[int]:
    """The numbers of all processes that are visible to us."""
    with suppress(OSError), os.scandir(proc) as entries:
        return [int(entry.name) for entry in entries if entry.name.isdecimal()]
    return []


def _status(pid: int, proc: Path) -> dict[str, int]:
    return kernel.fields(proc / str(pid) / "status")


def _anonymous_mib(process: Path) -> int:
    """`resident` less `shared` of statm: RssAnon, in a file that is quicker to read than status."""
    pages = (kernel.text(process / "statm") or "").split()
    return max(0, int(pages[1]) - int(pages[2])) * _PAGE >> 20 if len(pages) > 2 else 0


def _ticks(process: Path) -> int:
    """The name before them may hold blanks and brackets."""
    fields = (kernel.text(process / "stat") or "").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0
