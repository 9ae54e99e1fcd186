"""The managers that `switch.py` compares: Paddock, llama-server's router, llama-swap; and a bare llama-server."""

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # bench/, whose rig this shares

from rig import daemon, free_port, program

from paddock.api.client import Client

_FLAGS = {"a8": 32768, "b32": 32768, "x30": 8192}  # the context of each
SOON = 0.01  # seconds between two looks

Messages = list[dict[str, str]]


@dataclass(slots=True)
class Manager:
    """A program that has the models; all speak the same two APIs."""

    name: str
    port: int
    unload: Callable[[], None]  # all, and return when they have ended
    loads: Callable[[], int]  # until now
    seen: dict[str, list[float]] = field(default_factory=dict)

    def first_token(self, model: str, messages: Messages, tokens: int = 50) -> float:
        """Seconds until the answer begins; it is read to its end."""
        body = {"model": model, "messages": messages, "stream": True, "max_tokens": tokens}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        begun = time.perf_counter()
        headers = {"Content-Type": "application/json", "User-Agent": "one-client/1"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            sys.exit(f"{self.name}: {response.status} {response.read()[:500]!r}")
        came = 0.0
        for line in response:
            if not came and b'"content":"' in line.replace(b" ", b""):
                came = time.perf_counter() - begun
        connection.close()
        return came

    def note(self, what: str, seconds: float) -> None:
        """Kept for the table, and shown at once: a run that is cut off has not been for nothing."""
        self.seen.setdefault(what, []).append(seconds)
        print(f"{self.name}: {what}: {seconds:.3f}", file=sys.stderr)


@contextmanager
def paddock(folder: Path, engine: Path, models: Path, overlap: str = "auto") -> Iterator[Manager]:
    folder.mkdir()
    sections = [f"[{m}]\nmodel = {models / m}.gguf\nctx-size = {c}\n" for m, c in _FLAGS.items()]
    (folder / "models.conf").write_text(
        f"[*]\nparallel = 1\noverlap = {overlap}\n" + "".join(sections)
    )
    # The others take the GPU by turns: what is planned beside them holds no more when it is our turn.
    (folder / "paddock.toml").write_text("plan-ahead = false\n")
    with daemon(folder, engine) as (client, _):

        def unload() -> None:
            client.unload(now=True)
            while client.status().instances:
                time.sleep(SOON)

        for model in _FLAGS:  # a stable that was up for a while knows its plans
            client.plan(model)
        port = int(client.url.rpartition(":")[2])
        yield Manager("paddock", port, unload, lambda: _numbers(client))


def _numbers(client: Client) -> int:
    """Instances are numbered: so many were begun."""
    return max((int(i.id.rpartition(".")[2]) for i in client.status().instances), default=0)


@contextmanager
def router(folder: Path, engine: Path, models: Path) -> Iterator[Manager]:
    folder.mkdir()
    sections = [f"[{m}]\nmodel = {models / m}.gguf\nctx-size = {c}\n" for m, c in _FLAGS.items()]
    (folder / "presets.ini").write_text("[*]\nparallel = 1\n" + "".join(sections))
    port, log = free_port(), folder / "log"
    argv = [engine, "--models-preset", folder / "presets.ini", "--models-max", "1"]
    with program([*argv, "--host", "127.0.0.1", "--port", str(port)], log):
        _wait(port, "/health")

        def states() -> dict[str, str]:
            return {m["id"]: m["status"]["value"] for m in _get(port, "/models")["data"]}

        def unload() -> None:
            for name, value in states().items():
                if value != "unloaded":
                    _post(port, "/models/unload", {"model": name})
            while set(states().values()) != {"unloaded"}:
                time.sleep(SOON)

        yield Manager("router", port, unload, lambda: log.read_text().count("spawning server"))


@contextmanager
def llama_swap(program_path: Path, folder: Path, engine: Path, models: Path) -> Iterator[Manager]:
    folder.mkdir()
    commands = {
        m: f"{engine} --port ${{PORT}} -m {models / m}.gguf -c {c} -np 1" for m, c in _FLAGS.items()
    }
    config = {"models": {m: {"cmd": command} for m, command in commands.items()}}
    (folder / "config.yaml").write_text(json.dumps(config))  # YAML knows JSON
    port, log = free_port(), folder / "log"
    argv = [program_path, "-config", folder / "config.yaml", "-listen", f"127.0.0.1:{port}"]
    with program(argv, log):
        _wait(port, "/health")

        def unload() -> None:
            _post(port, "/api/models/unload", {})
            while _get(port, "/running")["running"]:
                time.sleep(SOON)

        yield Manager("llama-swap", port, unload, lambda: 0)


class Bare(Manager):
    """A llama-server that is started for the question, and asked as soon as it is healthy."""

    def __init__(self, folder: Path, engine: Path, models: Path) -> None:
        super().__init__("bare", free_port(), lambda: None, lambda: 0)
        argv = [engine, "--host", "127.0.0.1", "--port", str(self.port), "-np", "1"]
        self._argv = [*argv, "-m", models / "x30.gguf", "-c", str(_FLAGS["x30"])]
        self._log = folder / "bare.log"

    def first_token(self, model: str, messages: Messages, tokens: int = 50) -> float:
        begun = time.perf_counter()
        with program(self._argv, self._log):
            _wait(self.port, "/health")
            healthy = time.perf_counter() - begun
            return healthy + Manager.first_token(self, model, messages, tokens)


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def _post(port: int, path: str, body: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    connection.getresponse().read()


def _wait(port: int, path: str) -> None:
    for _ in range(3000):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(SOON)
    sys.exit(f"nobody answers on port {port}")
