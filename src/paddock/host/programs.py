"""Which of the running programs match a pattern, found by looking at /proc now and then.

The kernel informs nobody but the administrator of programs that start (the proc connector needs
CAP_NET_ADMIN). A look costs the list of processes; a command line is read while a process is young,
as a program may become another by `exec`, and then only every so often.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from paddock.host import kernel
from paddock.host.processes import pids

_YOUNG = 5  # looks in which its command line is read each time
_READ_AGAIN = 30  # looks, for older ones, of which a thirtieth each time
_LONGEST = 4096  # characters of a command line that are looked at


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """A process that matches."""

    pid: int
    started: (
        int  # ticks since the machine's start: with the pid, it is this process and no later one
    )
    name: str  # of its program
    pattern: str


@dataclass(slots=True)
class _KnownProcess:
    started: int
    looks: int = 0
    found: RunningProgram | None = None


class ProcessList:
    """Remembers what it saw, so that a look is cheap. Not for two threads at once."""

    def __init__(self, patterns: Sequence[str], *, proc: Path = kernel.PROC) -> None:
        """A pattern without `*`, `?` and blanks is a program's name. Any other is compared with the whole
        command line, and with the working folder and the command line."""
        self._patterns, self._proc = tuple(patterns), proc
        self._known: dict[int, _KnownProcess] = {}

    def running(self, *, but: Collection[int] = ()) -> list[RunningProgram]:
        """All that match now, but for these pids; by pid."""
        there = pids(self._proc)
        self._known = {pid: self._known[pid] for pid in there if pid in self._known}
        found = [self._look(pid) for pid in there if pid not in but]
        return sorted((one for one in found if one), key=lambda one: one.pid)

    def _look(self, pid: int) -> RunningProgram | None:
        known = self._known.get(pid)
        if known and not self._is_due(pid, known):
            known.looks += 1
            return known.found
        started = _started(self._proc / str(pid))
        if started is None:
            self._known.pop(pid, None)
            return None
        if known is None or known.started != started:
            known = self._known[pid] = _KnownProcess(started)
        known.looks += 1
        known.found = self._match(pid, started)
        return known.found

    def _is_due(self, pid: int, known: _KnownProcess) -> bool:
        """What matches is looked at each time, so that its end and a pid used again are seen."""
        if known.looks < _YOUNG or known.found is not None:
            return True
        return (known.looks + pid) % _READ_AGAIN == 0

    def _match(self, pid: int, started: int) -> RunningProgram | None:
        process = self._proc / str(pid)
        words = (kernel.text(process / "cmdline") or "").rstrip("\0").split("\0")
        if not words[0]:  # of the kernel, or a zombie
            return None
        name, line = _base(words[0]), " ".join(words)[:_LONGEST]
        names = {name, kernel.text(process / "comm") or name}
        for pattern in self._patterns:
            if pattern in names or (is_for_lines(pattern) and _is_like(process, line, pattern)):
                return RunningProgram(pid, started, name, pattern)
        return None


def is_for_lines(pattern: str) -> bool:
    """Whether it is compared with command lines, and not with names."""
    return re.search(r"[*?\s]", pattern) is not None


def _is_like(process: Path, line: str, pattern: str) -> bool:
    if fnmatchcase(line, pattern):
        return True
    try:
        folder = (process / "cwd").readlink()
    except OSError:  # of another user
        return False
    return fnmatchcase(f"{folder} {line}", pattern)


def _base(word: str) -> str:
    r"""The name of a program's file, as Linux and as Wine write its path (`Z:\games\it.exe`)."""
    return re.split(r"[/\\]", word)[-1] or word


def _started(process: Path) -> int | None:
    """Its start time (field 22 of stat, proc(5)); None where it is gone, or dead and not yet buried."""
    fields = (kernel.text(process / "stat") or "").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in "ZX" else None
