"""A machine's devices lent to models that run on another one: `ggml-rpc-server`, one for each client, as long as it is connected.

llama.cpp's RPC is neither encrypted nor does it ask who comes, and whoever reaches it can use this machine's memory and
disturb its programs. So it listens at the machine's address in the cluster alone, lets in only those that the settings
name (`lend-to`), and the real server listens at 127.0.0.1 behind it.

A client's end is the end of its connection: llama-server closes it when its model leaves, the kernel when its process is
killed, and keep-alives find out within half a minute that its machine is gone. One server answers one client at a time,
and may die with it (build 11434); so each has its own.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from fcntl import F_SETPIPE_SZ, fcntl
from ipaddress import ip_address, ip_network
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

_log = logging.getLogger(__name__)
_PROGRAMS = ("ggml-rpc-server", "rpc-server")  # today's name, and that of builds of 2025
_CHUNK = 1 << 20  # bytes that are passed on at once
_STARTS = 30.0  # seconds until a server listens: a GPU's driver may take its time
_LOOK_EVERY = 0.02  # seconds; a listening socket gives no notice of itself
_KEEPALIVE = (10, 5, 3)  # seconds of silence, seconds between three questions
_UNANSWERED_MS = 25_000  # until what was sent and never acknowledged ends a connection
_SPARE = 1.0  # seconds that a server without a client waits for the next one
_WORTH_SAYING = 0.5  # seconds; shorter ones are llama-server's questions
# PR_SET_PDEATHSIG, then the program, unless we have ended before: it ends with the thread that began it, however that ends.
_ENDS_WITH_US = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
os.getppid() == int(sys.argv[1]) and os.execv(sys.argv[2], sys.argv[2:])
"""


def rpc_program(engine: Sequence[str]) -> Path | None:
    """The server of this kind that was built with an engine, given the engine's command."""
    folder = Path(engine[0]).resolve().parent
    return next((folder / name for name in _PROGRAMS if (folder / name).is_file()), None)


class DeviceLender:
    """Accepts clients until the process ends."""

    def __init__(self, program: Path, threads: int, networks: Sequence[str]) -> None:
        """`threads`: of the processor, where that is the device. `networks`: who is let in."""
        self._program, self._threads = program, threads
        self._networks = [ip_network(one, strict=False) for one in networks]
        self._spare: list[SimpleQueue[_Client]] = []  # of servers whose client has just ended

    def serve(self, listening: socket.socket) -> None:
        """For ever."""
        while True:
            client = _Client(*listening.accept())
            if any(ip_address(client.address) in network for network in self._networks):
                threading.Thread(target=self._receive, args=(client,), daemon=True).start()
            else:
                _log.warning("%s is not among those that `lend-to` names", client.address)
                client.socket.close()

    def _receive(self, client: _Client) -> None:
        """A server that has just become free has it, else one of its own; llama-server connects a dozen times before it stays."""
        try:
            _watch_over(client.socket)
            if not client.socket.recv(1, socket.MSG_PEEK):
                client.socket.close()  # somebody looks whether anybody is here
                return
        except OSError:
            client.socket.close()
            return
        with suppress(IndexError):
            self._spare.pop().put(client)
            return
        try:
            with closing(client.socket), _RpcServer.started(self._program, self._threads) as server:
                self._lend(server, client)
        except OSError as error:
            _log.warning("nothing is lent to %s any more: %s", client.address, error)

    def _lend(self, server: _RpcServer, client: _Client) -> None:
        """To this client, and to those that come soon after it. This thread must stay: its end is the server's."""
        queue: SimpleQueue[_Client] = SimpleQueue()
        while True:
            with closing(client.socket):
                server.serve(client)
            if not server.is_alive:
                return
            self._spare.append(queue)
            found = self._next(queue)
            if found is None:
                return
            client = found

    def _next(self, queue: SimpleQueue[_Client]) -> _Client | None:
        """Who comes soon; None: nobody did, and nobody will."""
        with suppress(Empty):
            return queue.get(timeout=_SPARE)
        with suppress(ValueError):
            self._spare.remove(queue)
            return None
        return queue.get()  # somebody comes at this moment


class _Client(NamedTuple):
    socket: socket.socket
    peer: tuple[Any, ...]

    @property
    def address(self) -> str:
        return str(self.peer[0])


@dataclass(frozen=True, slots=True)
class _RpcServer:
    """One real server, at a port of its own."""

    process: subprocess.Popen[bytes]
    port: int

    @classmethod
    def started(cls, program: Path, threads: int) -> _RpcServer:
        """It listens when this returns. OSError where it does not. It ends with the calling thread."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [
            str(program),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--threads",
            str(threads),
        ]
        process = subprocess.Popen(
            [sys.executable, "-ISc", _ENDS_WITH_US, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # a line for whatever it is asked
        )
        server = cls(process, port)
        try:
            server._wait()
        except OSError:
            server.__exit__()
            raise
        return server

    def _wait(self) -> None:
        end = time.monotonic() + _STARTS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise OSError(f"ggml-rpc-server ended with {self.process.returncode}")
            if _listens(self.process.pid, self.port):
                return
            time.sleep(_LOOK_EVERY)
        raise OSError(f"ggml-rpc-server does not listen after {_STARTS:.0f} s")

    def __enter__(self) -> _RpcServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def serve(self, client: _Client) -> None:
        """Pass on what either says until one of them ends. OSError where it cannot be reached."""
        counts, begun = [0, 0], time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), _STARTS) as server:
            server.settimeout(None)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pass_on, args=(server, client.socket, counts, 1), daemon=True)  # fmt: skip
            back.start()
            _pass_on(client.socket, server, counts, 0)
            back.join()
        seconds, mib = time.monotonic() - begun, [count / (1 << 20) for count in counts]
        level = logging.INFO if seconds > _WORTH_SAYING else logging.DEBUG
        _log.log(level, "lent to %s for %.1f s: %.3f MiB came, %.3f went", client.address, seconds, *mib)  # fmt: skip


def _listens(pid: int, port: int) -> bool:
    """Whether this process listens there: nobody connects to find out, since the first who does is its client."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                return True
    return False


def _watch_over(client: socket.socket) -> None:
    """Have the kernel notice that the other machine is gone."""
    idle, between, times = _KEEPALIVE
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, times)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _pass_on(source: socket.socket, target: socket.socket, counts: list[int], place: int) -> None:
    """Within the kernel, until the source ends; then both connections are over."""
    out, into = os.pipe()
    try:
        with suppress(OSError):  # less than a user may have in pipes: it only goes slower
            fcntl(into, F_SETPIPE_SZ, _CHUNK)
        while size := os.splice(source.fileno(), into, _CHUNK):
            counts[place] += size
            while size:
                size -= os.splice(out, target.fileno(), size)
    except OSError:
        pass  # either is gone
    finally:
        os.close(out)
        os.close(into)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def lend(address: str, port: int, program: Path, networks: Sequence[str], threads: int) -> None:
    """Lend this machine's devices at its address, until the process ends. Raises OSError where it is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as listening:
        _log.info(
            "lends %s at %s:%d to %s: llama.cpp's RPC is neither encrypted nor asks for a key",
            program, address, port, ", ".join(networks),
        )  # fmt: skip
        DeviceLender(program, threads, networks).serve(listening)
