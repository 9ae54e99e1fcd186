"""The keeper of this machine's part in a cluster, as a process in the background. Prints nothing."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.atomic_write import atomic_write
from paddock.cli.background.process import last_lines
from paddock.cluster.refusals import ClusterDiffers, NoCluster
from paddock.errors import PaddockError
from paddock.private import open_private

if TYPE_CHECKING:
    from paddock.cluster.membership.joined import JoinedNode

_JOIN_SECONDS = 60.0
_LEAVE_SECONDS = 30.0
_TELL_SECONDS = 15.0
_LOOK_EVERY = 0.1  # seconds; a line in a log gives no notice of itself
_HAS_JOINED = "Ray runtime started"
_HAS_FAILED = "Ray has ended here"
_OWN_ADDRESS = re.compile(r"Local node IP: (?:\x1b\[[0-9;]*m)*([0-9A-Fa-f.:]+)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def log_of(machine: JoinedNode) -> Path:
    """Where the keeper and Ray write."""
    return machine.file.with_name("node.log")


def running(machine: JoinedNode) -> int | None:
    """The pid of the keeper of this machine."""
    with suppress(OSError, ValueError):
        pid = int(_pid_file(machine).read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"keep" in words and b"node" in words:
            return pid
    return None


def address_of(machine: JoinedNode) -> str:
    """HOST:PORT by which others reach the head that has begun here; the host's name where Ray does not say its address."""
    host = machine.address or socket.gethostname()
    with suppress(OSError):
        if found := _OWN_ADDRESS.search(log_of(machine).read_text(errors="replace")):
            host = found[1]
    return f"[{host}]:{machine.port}" if ":" in host else f"{host}:{machine.port}"


def started(machine: JoinedNode) -> int:
    """Start it, and wait until the machine has joined. Gives its pid.

    NoCluster, ClusterDiffers, or PaddockError with the last lines of its log; then it has been ended again.
    """
    log = log_of(machine)
    with os.fdopen(open_private(log), "ab") as file:
        file.truncate(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "paddock", "node", "keep", "--file", str(machine.file)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    atomic_write(_pid_file(machine), f"{process.pid}\n".encode())
    try:
        _wait(process, log, machine)
    except BaseException:
        _end(process.pid)
        _pid_file(machine).unlink(missing_ok=True)
        raise
    return process.pid


def ended(machine: JoinedNode) -> bool:
    """Have the machine leave; whether it was part of a cluster by us."""
    pid = running(machine)
    if pid is not None:
        _take_actor_away(machine)
        _end(pid)
    _pid_file(machine).unlink(missing_ok=True)
    return pid is not None


def _take_actor_away(machine: JoinedNode) -> None:
    """By it a machine that has left differs from one that is switched off, for which fronts wait."""
    module = "paddock.cluster.membership.ray_agent"
    command = [sys.executable, "-m", module, "leave", machine.where, machine.address]
    with suppress(subprocess.TimeoutExpired):  # the head is lost
        subprocess.run(command, capture_output=True, timeout=_TELL_SECONDS, check=False)


def _pid_file(machine: JoinedNode) -> Path:
    return machine.file.with_name("node.pid")


def _wait(process: subprocess.Popen[bytes], log: Path, machine: JoinedNode) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < _JOIN_SECONDS:
        text = log.read_text(errors="replace")
        if _HAS_JOINED in text:
            return
        if _HAS_FAILED in text or process.poll() is not None:
            raise _refusal(text, log, machine)
        time.sleep(_LOOK_EVERY)
    raise NoCluster(
        f"{machine.head or 'the head'} has not answered within {_JOIN_SECONDS:.0f} s",
        hint="is it the HOST:PORT of `ray start --head`, and does a firewall let it through?",
        detail=last_lines(log),
    )


def _refusal(text: str, log: Path, machine: JoinedNode) -> PaddockError:
    """Why `ray start` ended, as its own words say."""
    lines = [_COLOUR.sub("", line) for line in text.splitlines()]
    detail = tuple(line for line in lines if line.strip())[-12:]
    if "Version mismatch" in text:
        hint = "the same versions of Ray and of Python (3.x) belong on all machines"
        words = [line.strip() for line in lines if "Ray:" in line or "Python:" in line]
        return ClusterDiffers(f"the cluster differs: {'; '.join(words)}", hint=hint, detail=detail)
    if "uthentication" in text and machine.head:
        hint = "copy ~/.ray/auth_token from the head to this machine (0600), or set RAY_AUTH_TOKEN"
        return ClusterDiffers(f"{machine.head} does not let this machine in", hint=hint, detail=detail)  # fmt: skip
    what = f"no cluster answers at {machine.head}" if machine.head else "Ray cannot be started here"
    return NoCluster(what, hint=f"the whole log: {log}", detail=detail)


def _end(pid: int) -> None:
    """SIGTERM, and wait; SIGKILL to its whole session where that does not help."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        os.kill(pid, signal.SIGTERM)
        if not select.select([descriptor], [], [], _LEAVE_SECONDS)[0]:
            os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)
