"""How a process is recognised as one that we started: by its command line and a mark in its environment.

A process number alone, even with its start time, is only what a file says. The mark is a secret that
nobody else has: the kernel shows a process's environment to its own user only (proc(5)).
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "PADDOCK_INSTANCE"  # the environment variable


def new_mark() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Signs:
    """What an instance was started with."""

    argv: Sequence[str]
    mark: str  # "": it has none, so no process can be recognised

    def are_on(self, pid: int) -> bool:
        """Whether this process was started with these signs.

        A wrapper script stands before the arguments, or another program in its place, once it has
        become that; the arguments are there as one piece.
        """
        wanted, found = list(self.argv[1:]), _words(pid, "cmdline")
        places = range(len(found) - len(wanted) + 1)
        return self.mark_is_on(pid) and any(found[at : at + len(wanted)] == wanted for at in places)

    def mark_is_on(self, pid: int) -> bool:
        """Whether this process carries the mark; whatever it starts inherits it."""
        return bool(self.mark) and f"{MARK}={self.mark}" in _words(pid, "environ")

    def leader(self) -> int | None:
        """The process of these signs that leads a group; what it started itself may have them too."""
        return next((pid for pid in _pids() if leads(pid) and self.are_on(pid)), None)

    def group_lives(self, group: int) -> bool:
        """Whether a process with these signs is left in this group."""
        return any(_group(pid) == group and self.mark_is_on(pid) for pid in _pids())


def leads(pid: int) -> bool:
    """Whether it leads its group, as each child of ours does."""
    return _group(pid) == pid


def group_of(leader: int) -> list[int]:
    """The processes of this group."""
    return [pid for pid in _pids() if _group(pid) == leader]


def is_stopped(pid: int) -> bool:
    """Whether none of its threads runs or waits any more: stopped, ended or gone."""
    return all(_state(task) in "TtZX" for task in Path("/proc").glob(f"{pid}/task/*/stat"))


def _state(stat: Path) -> str:
    """The letter of proc(5), field 3."""
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _pids() -> Iterator[int]:
    yield from (int(e.name) for e in Path("/proc").iterdir() if e.name.isdecimal())


def _words(pid: int, file: str) -> list[str]:
    """Empty where it is gone, or another user's."""
    try:
        return os.fsdecode(Path(f"/proc/{pid}/{file}").read_bytes()).split("\0")
    except OSError:
        return []
