"""Keeps this machine in its cluster: runs `ray start`, again whenever that ends.

Ray ends by itself what it has lost: a machine that was cut off for a minute is taken for dead, and its raylet aborts when
it learns that (2.60); a head that was lost takes all others along a minute later. So somebody has to start it again.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event

import psutil

from paddock.atomic_write import atomic_write
from paddock.cluster.membership.joined import VARIABLE, JoinedNode
from paddock.cluster.membership.machines import NAME_LABEL

_log = logging.getLogger(__name__)
_AGAIN = 3.0  # seconds until it is tried again
_GOES = 5.0  # seconds for Ray to end
_LOOK_EVERY = 0.5  # seconds; a signal ends no wait for a process
_OBJECT_STORE = (
    80_000_000  # bytes, about the least that Ray takes: nothing of ours passes through it
)
# A model server is slow at Ray's niceness of 15, and the first to be killed: see findings/.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_worker_oom_score_adjustment": "0",
}


def command(machine: JoinedNode) -> list[str]:
    """`ray start` for this machine."""
    words = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]  # fmt: skip
    if machine.head:
        words.append(f"--address={machine.head}")
    else:
        words += ["--head", f"--port={machine.port}", "--include-dashboard=false"]
    if machine.address:
        words.append(f"--node-ip-address={machine.address}")
    labels = machine.labels | ({NAME_LABEL: machine.name} if machine.name else {})
    if labels:
        words.append("--labels=" + ",".join(f"{key}={value}" for key, value in labels.items()))
    if not any(word.startswith("--object-store-memory") for word in machine.ray):
        words.append(f"--object-store-memory={_OBJECT_STORE}")
    return [*words, *machine.ray]


def environment(machine: JoinedNode, environ: Mapping[str, str]) -> dict[str, str]:
    """What Ray is given here. A variable that its user has set stays."""
    made = _ENVIRONMENT | {VARIABLE: str(machine.file)}
    if not machine.head:
        folder = machine.file.parent / "ray-head"
        made |= {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(folder)}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return made | token_mode(environ, is_head=not machine.head) | dict(environ)


def _forget_ended(machine: JoinedNode) -> None:
    """A head that was killed leaves its address behind, and Ray refuses to be started as long as a worker of it lives."""
    words = [word.partition("=")[2] for word in machine.ray if word.startswith("--temp-dir=")]
    if not machine.head:
        Path(words[-1] if words else "/tmp/ray", "ray_current_cluster").unlink(missing_ok=True)


def token_file(environ: Mapping[str, str]) -> Path:
    """Where Ray looks for the token by which machines know each other."""
    return Path(environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def token_mode(environ: Mapping[str, str], *, is_head: bool = False) -> dict[str, str]:
    """What has Ray show its token, which it does not by itself although it has one. A machine without one goes without."""
    has_one = bool(environ.get("RAY_AUTH_TOKEN")) or token_file(environ).exists()
    return {"RAY_AUTH_MODE": "token"} if has_one or is_head else {}


def must_have_token(environ: Mapping[str, str]) -> Path | None:
    """A head lets nobody in without one: whoever reaches it may run what he likes. The file, where it is one."""
    if environ.get("RAY_AUTH_TOKEN") or environ.get("RAY_AUTH_MODE", "token") != "token":
        return None
    file = token_file(environ)
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        atomic_write(file, secrets.token_hex(32).encode())
    return file


class JoinKeeper:
    """Runs until SIGTERM, which ends Ray here in order."""

    def __init__(self, machine: JoinedNode) -> None:
        self._machine = machine
        self._is_over = Event()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Keep the machine in its cluster."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        while not self._is_over.is_set():
            _forget_ended(self._machine)
            _log.info("joining: %s", " ".join(command(self._machine)[1:]))
            self._process = subprocess.Popen(
                command(self._machine),
                env=environment(self._machine, os.environ),
                stdin=subprocess.DEVNULL,
            )
            if self._is_over.is_set():  # the signal came before there was one to end
                self._process.terminate()
            status = self._wait(self._process)
            if not self._is_over.is_set():
                _log.warning("Ray has ended here (%s); again in %.0f s", status, _AGAIN)
                self._is_over.wait(_AGAIN)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        """Its exit status; when it is over, it has some seconds to end."""
        while not self._is_over.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_EVERY)
        _, left = psutil.wait_procs(_raylets(process.pid), timeout=_GOES)
        process.terminate()
        try:
            return process.wait(_GOES)
        except subprocess.TimeoutExpired:
            for one in [*_below(process.pid), *left, process]:
                with suppress(psutil.Error, OSError):
                    one.kill()
            return process.wait()

    def _end(self, *_: object) -> None:
        """Raylet first: with SIGTERM of its own it says goodbye to the cluster, which nobody else does for it."""
        self._is_over.set()
        if self._process is None:
            return
        raylets = _raylets(self._process.pid)
        for one in raylets:
            with suppress(psutil.Error):
                one.terminate()
        if not raylets:
            self._process.terminate()


def _raylets(pid: int) -> list[psutil.Process]:
    return [one for one in _below(pid) if one.name() == "raylet"]


def _below(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []
