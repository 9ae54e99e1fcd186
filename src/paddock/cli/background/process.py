"""The daemon as a background process: started, waited for, ended. Used by start, stop and restart.

Its log and its pid file lie in the state folder: `daemon.log` (the one before: `daemon.log.1`, see
`own_log.py`) and `daemon.pid`.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from paddock import handover
from paddock.atomic_write import atomic_write
from paddock.config.paths import daemon_log
from paddock.errors import PaddockError
from paddock.private import keep_private, open_private

if TYPE_CHECKING:
    from paddock.api.client import Client

_LOOK_EVERY = 0.05  # seconds; a listening socket gives no notice of itself
_HEALTHY_SECONDS = 60.0  # enough to adopt instances and to ask an engine for its flags
_ANOTHER_SECONDS = (
    10.0  # for one that was started at the same moment; an older one answers elsewhere
)
_GONE_SECONDS = 120.0  # models are stopped in this time, each with its own deadline
_LAST_LINES = 15


def pid_file(state_dir: Path) -> Path:
    return state_dir / "daemon.pid"


def serve_command(*options: str) -> list[str]:
    """The argv of a daemon of this very Python and Paddock."""
    return [sys.executable, "-m", "paddock", "serve", *options]


def spawn(
    command: Sequence[str],
    state_dir: Path,
    *,
    cwd: Path | None = None,
    sockets: Sequence[socket.socket] = (),
) -> subprocess.Popen[bytes]:
    """Start a daemon that outlives us, in its own session, its output in its log.

    `sockets`: those that it goes on listening on.
    """
    keep_private(state_dir)
    numbers = [one.fileno() for one in sockets]
    with os.fdopen(open_private(daemon_log(state_dir)), "ab") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, handover.VARIABLE: ",".join(map(str, numbers))},
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    atomic_write(pid_file(state_dir), f"{process.pid}\n".encode())
    return process


class Watcher(Protocol):
    """Who is shown how long a start takes."""

    def waited(self, seconds: float) -> None: ...


def wait_healthy(
    process: subprocess.Popen[bytes],
    client: Client,
    state_dir: Path,
    watcher: Watcher | None = None,
) -> None:
    """Return once it answers; raise with its last log lines when it ends or takes too long."""
    begun = time.monotonic()
    while process.poll() is None:
        if client.health():
            return
        waited = time.monotonic() - begun
        if watcher:
            watcher.waited(waited)
        if waited > _HEALTHY_SECONDS:
            end(process)
            raise _failed(f"the daemon did not answer within {_HEALTHY_SECONDS:.0f} s", state_dir)
        time.sleep(_LOOK_EVERY)
    pid_file(state_dir).unlink(missing_ok=True)
    raise _failed(f"the daemon ended at once, exit status {process.returncode}", state_dir)


def wait_for_another(client: Client, state_dir: Path, watcher: Watcher | None = None) -> bool:
    """Whether somebody else's daemon on this folder comes to answer: two may be started at once."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < _ANOTHER_SECONDS:
        if client.health():
            return True
        if not is_locked(state_dir / "daemon.lock"):
            return False
        if watcher:
            watcher.waited(waited)
        time.sleep(_LOOK_EVERY)
    return False


def is_locked(file: Path) -> bool:
    """Whether a daemon holds it."""
    try:
        with file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def shut_down(client: Client, *, keep: bool) -> int:
    """Ask the daemon to end, and wait until it has. Gives the pid that it had."""
    found = client.status()
    wait_gone = _gone(found.pid)
    client.shutdown(keep=keep)
    if not wait_gone():
        raise _still_there(found.pid, Path(found.state_dir))
    if found.state_dir:
        pid_file(Path(found.state_dir)).unlink(missing_ok=True)
    return found.pid


def stopped_on(state_dir: Path) -> int | None:
    """End the daemon of this state folder, wherever it listens, with its models. Its pid; None where none runs.

    For where it is not reached: it may listen at another address, or want a key. As `paddock stop`, SIGTERM ends it in order.
    """
    lock = state_dir / "daemon.lock"
    try:
        pid = int(lock.read_text())
    except (OSError, ValueError):
        return None
    if not is_locked(lock):
        return None
    wait_gone = _gone(pid)
    os.kill(pid, signal.SIGTERM)
    if not wait_gone():
        raise _still_there(pid, state_dir)
    pid_file(state_dir).unlink(missing_ok=True)
    return pid


def _still_there(pid: int, state_dir: Path) -> PaddockError:
    return PaddockError(
        f"the daemon (pid {pid}) has not ended within {_GONE_SECONDS:.0f} s",
        hint=f"its log may say why: {daemon_log(state_dir)}",
    )


def last_lines(log: Path, count: int = _LAST_LINES) -> tuple[str, ...]:
    """The end of a log, or nothing where there is none."""
    try:
        return tuple(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ()


def _gone(pid: int) -> Callable[[], bool]:
    """A wait for the end of a process that is alive now; by descriptor, so that its pid can be reused."""
    try:
        descriptor = os.pidfd_open(pid)
    except (ProcessLookupError, OSError):  # of another machine or container: its word is enough
        return lambda: True

    def wait() -> bool:
        try:
            return bool(select.select([descriptor], [], [], _GONE_SECONDS)[0])
        finally:
            os.close(descriptor)

    return wait


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failed(message: str, state_dir: Path) -> PaddockError:
    log = daemon_log(state_dir)
    return PaddockError(message, hint=f"the whole log: {log}", detail=last_lines(log))
