"""Unequal GPUs without GPUs: `ggml-rpc-server` processes that tell of as much memory as a test says.

llama.cpp treats them as GPUs: fit, placement, logs and inference are its real code. What is made up
is their memory: free is always all of it, however much is in use.
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.yard import engine_command

SOURCE = Path(__file__).with_name("memlie.c")
MISSING = "needs llama-server with RPC, and ggml-rpc-server beside it: `make native` builds both"


@dataclass
class Rig:
    """Devices RPC0, RPC1, … of these sizes, in this order."""

    endpoints: tuple[str, ...]
    serve: Callable[[int, int], subprocess.Popen[bytes]]  # port, MiB
    processes: list[subprocess.Popen[bytes]]

    @property
    def flag(self) -> str:
        """The line of models.conf that has a profile use all of them."""
        return f"rpc = {','.join(self.endpoints)}\n"

    def only(self, place: int) -> str:
        """The line of models.conf that has a profile use one of them."""
        return f"rpc = {self.endpoints[place]}\n"

    def resize(self, place: int, mib: int) -> None:
        """The device reports another size from now on; what lay on it is gone."""
        port = int(self.endpoints[place].rpartition(":")[2])
        self.processes[place].kill()
        self.processes[place].wait()
        self.processes[place] = self.serve(port, mib)
        _wait_for(port)


@cache
def rpc_server() -> Path | None:
    """The program, if the tests' engine is a native one that has it."""
    command = engine_command()
    beside = Path(command[0]).resolve().with_name("ggml-rpc-server")
    return beside if len(command) == 1 and beside.is_file() else None


needs_rig = pytest.mark.skipif(rpc_server() is None, reason=MISSING)


@contextmanager
def rig(folder: Path, *mib: int, fragile: bool = False) -> Iterator[Rig]:
    """So many devices, of so many MiB each, as long as the block lasts.

    A server dies of SIGPIPE when a client is killed while it answers: `fragile` lets that happen.
    """
    program, library = rpc_server(), _library(folder)
    assert program is not None
    ports = [free_port() for _ in mib]
    serve = partial(_serve, program, library, fragile=fragile)
    processes = [serve(port, size) for port, size in zip(ports, mib, strict=True)]
    try:
        for port in ports:
            _wait_for(port)
        yield Rig(tuple(f"127.0.0.1:{port}" for port in ports), serve, processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _serve(
    program: Path, library: Path, port: int, mib: int, *, fragile: bool
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port), "-t", "1"],
        env={
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAKE_MEM_MIB": str(mib),
            "MALLOC_ARENA_MAX": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        restore_signals=fragile,  # Python ignores SIGPIPE, and a child inherits that
    )


def _library(folder: Path) -> Path:
    built = folder / "memlie.so"
    if not built.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", built, SOURCE, "-ldl"], check=True)
    return built


def _wait_for(port: int) -> None:
    for _ in range(500):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"no RPC server answers at port {port}")
