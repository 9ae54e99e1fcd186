"""A real llama-server for the tests: started on a Unix socket, asked over it, never left behind."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from paddock.engine.locate import find_engine
from paddock.errors import EngineError

HELLO = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 64}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    socket: Path
    out: Path
    err: Path
    stdin: Path

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = UnixConnection(self.socket)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"content-type": "application/json"})
        reply = connection.getresponse()
        raw = reply.read()
        connection.close()
        return reply.status, json.loads(raw) if raw else None

    def chat(self, **extra: object) -> dict[str, Any]:
        status, reply = self.call("POST", "/v1/chat/completions", {**HELLO, **extra})
        assert status == 200, reply
        message: dict[str, Any] = reply["choices"][0]["message"]
        return message

    def answer(self) -> str:
        return str(self.chat()["content"])

    def wait_ready(self) -> None:
        self.wait_for('"state":"ready"', self.out)

    def wait_for(self, text: str, file: Path) -> None:
        """Until the file holds the text; the exit of the process ends it with its log."""
        while text not in file.read_text():
            code = self.process.poll()
            assert code is None, f"exit {code}\n{self.err.read_text()[-3000:]}"
            time.sleep(0.01)

    def end(self, sig: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait()

    def write(self, line: str) -> None:
        with self.stdin.open("w") as pipe:
            pipe.write(line + "\n")


@contextmanager
def starting(
    command: Sequence[str], folder: Path, *flags: str, env: Mapping[str, str] = os.environ
) -> Iterator[Server]:
    """As Paddock starts it: child protocol on, stdin a FIFO that never ends, output in files."""
    stdin, out, err = folder / "stdin", folder / "out", folder / "err"
    os.mkfifo(stdin, 0o600)
    hold = os.open(stdin, os.O_RDWR)
    unix = folder / "s.sock"
    with out.open("wb") as o, err.open("wb") as e:
        process = subprocess.Popen(
            [*command, "--host", str(unix), *flags],
            stdin=hold, stdout=o, stderr=e, start_new_session=True,
            env={**env, "LLAMA_SERVER_ROUTER_PORT": "1"},
        )  # fmt: skip
    os.close(hold)
    try:
        yield Server(process, unix, out, err, stdin)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def ready(command: Sequence[str], folder: Path, *flags: str) -> Iterator[Server]:
    with starting(command, folder, *flags) as server:
        server.wait_ready()
        yield server


@cache
def engine_command(kind: str) -> tuple[str, ...]:
    """The command of this engine; skips the test where it is not to be had."""
    wanted = os.environ.get("PADDOCK_TEST_LLAMA_SERVER", kind) if kind == "native" else kind
    with tempfile.TemporaryDirectory() as folder:
        try:
            return find_engine(wanted, cache_dir=Path(folder)).command
        except EngineError as error:
            pytest.skip(f"{error}: {error.hint} (tests: PADDOCK_TEST_LLAMA_SERVER=PATH)")


ENGINES = ["embedded", pytest.param("native", marks=pytest.mark.native)]
