"""The process that lends this machine's devices to others of its cluster: found where it runs, else started. Prints nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.atomic_write import atomic_write
from paddock.cli.background.process import last_lines
from paddock.cluster.lending import rpc_program
from paddock.config.lenders import lenders_file, read_lenders
from paddock.errors import PaddockError
from paddock.private import keep_private, open_private

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files

_STARTS = 20.0  # seconds until it listens
_ENDS = 5.0  # seconds until one that lends otherwise than it should is gone
_LOOK_EVERY = 0.05  # seconds; a listening socket gives no notice of itself
_HAS_BEGUN = " lends "


def tell_lenders(state_dir: Path, lenders: dict[str, str]) -> None:
    """Write down for the daemon which machines lend, where that has changed. OSError."""
    if lenders != read_lenders(state_dir):
        keep_private(state_dir)
        atomic_write(lenders_file(state_dir), msgspec.json.encode(lenders))


def lent(files: Files, address: str) -> str:
    """HOST:PORT at which this machine lends its devices; empty where its settings have it lend nothing.

    Raises PaddockError where it cannot.
    """
    state_dir, settings = files.paths.state_dir, files.settings.cluster
    words = _words(files, address) if settings.lend_to else []
    found = _running(state_dir)
    if found and found[1] != words:
        _end(found[0])
        found = None
    if words and not found:
        _start(state_dir, words)
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{settings.rpc_port}" if words else ""


def _words(files: Files, address: str) -> list[str]:
    engine = files.engines.find()
    program = rpc_program(engine.command)
    if program is None:
        raise PaddockError(f"there is no ggml-rpc-server beside {engine.command[0]}")
    settings = files.settings.cluster
    words = ["--address", address, "--port", str(settings.rpc_port), "--program", str(program)]
    return [*words, *(word for one in settings.lend_to for word in ("--to", one))]


def _running(state_dir: Path) -> tuple[int, list[str]] | None:
    """The pid of the one of this machine, and how it lends."""
    with suppress(OSError, ValueError):
        pid = int((state_dir / "lender.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        if words[3:5] == ["node", "lend"]:
            return pid, words[5:]
    return None


def _end(pid: int) -> None:
    with suppress(OSError):
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + _ENDS
        while Path(f"/proc/{pid}/cmdline").read_bytes() and time.monotonic() < end:
            time.sleep(_LOOK_EVERY)


def _start(state_dir: Path, words: list[str]) -> None:
    keep_private(state_dir)
    log = state_dir / "lender.log"
    with os.fdopen(open_private(log), "ab") as file:
        file.truncate(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "paddock", "node", "lend", *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    atomic_write(state_dir / "lender.pid", f"{process.pid}\n".encode())
    end = time.monotonic() + _STARTS
    while _HAS_BEGUN not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise PaddockError(f"{' '.join(last_lines(log))[-300:]} ({log})")
        time.sleep(_LOOK_EVERY)
    process.returncode = 0  # it outlives us: nobody waits for its end
