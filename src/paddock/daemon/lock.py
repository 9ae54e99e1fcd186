"""The state folder's lock: one daemon on it, for two would fight over the same instances."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from paddock.errors import DaemonAlreadyRuns
from paddock.private import keep_private, open_private

DAEMON_LOCK = "daemon.lock"


@contextmanager
def alone(state_dir: Path, name: str = DAEMON_LOCK) -> Iterator[None]:
    """Hold the lock inside the block; the folder is private then. The front of many machines has one of another name.

    Raises DaemonAlreadyRuns, and ConfigError where the folder cannot be private.
    """
    keep_private(state_dir)
    file = state_dir / name
    if _is_anothers(file):
        file.unlink()  # and with it the lock; nobody else can open the next one
    with os.fdopen(open_private(file), "r+") as lock:
        if not _locked(lock):
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise _runs_already(pid, state_dir, name)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _runs_already(pid: str, state_dir: Path, name: str) -> DaemonAlreadyRuns:
    if name == DAEMON_LOCK:
        what, end = "daemon", f"`paddock stop --state-dir {state_dir}` ends it"
    else:
        what, end = "front", f"`paddock stop --url` with its address, or `kill {pid}`, ends it"
    return DaemonAlreadyRuns(
        f"a {what} (pid {pid}) already runs on {state_dir}",
        hint=f"{end}; --state-dir gives a second one its own folder",
    )


def _is_anothers(file: Path) -> bool:
    """Whether it is locked, and by no process of ours.

    Another user can have opened it while the folder was open to him, and keep it for ever.
    """
    with os.fdopen(open_private(file), "r+") as lock:
        return not _locked(lock) and not any(_has_open(pid, lock) for pid in _own_processes())


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _own_processes() -> Iterator[Path]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if entry.stat().st_uid == os.getuid():
                    yield entry


def _has_open(process: Path, lock: TextIO) -> bool:
    wanted = os.fstat(lock.fileno())
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                if os.path.samestat(descriptor.stat(), wanted):
                    return True
    return False
