"""What both benchmarks need: a daemon of their own, interleaved rounds, a table."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paddock.api.chat import ask
from paddock.api.client import Client
from paddock.cli.background.process import end, serve_command, spawn, wait_healthy

Numbers = dict[str, float]
HERE = Path(__file__).resolve().parent


def free_port() -> int:
    """A port of the loopback address that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, seconds: float = 10.0) -> None:
    """Until somebody listens there on the loopback address; OSError where nobody does in time."""
    until = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@contextmanager
def program(argv: Sequence[str | Path], log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process inside the block, its output in a log."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in argv], env=os.environ | env, stdout=out, stderr=out
        )
        try:
            yield process
        finally:
            end(process)


@contextmanager
def daemon(
    folder: Path, engine: str | Path, *, python: str = sys.executable, **env: str
) -> Iterator[tuple[Client, int]]:
    """A Paddock of its own, with `folder/models.conf`; gives its client and its pid.

    `python`: of the environment whose Paddock it is.
    """
    address = f"127.0.0.1:{free_port()}"
    options = ["--config", str(folder / "models.conf"), "--state-dir", str(folder / "state")]
    options += ["--listen", address, "--engine", str(engine)]
    os.environ.update(env)
    command = [python, *serve_command(*options)[1:]]
    process = spawn(command, folder / "state")
    client = Client(f"http://{address}")
    try:
        wait_healthy(process, client, folder / "state")
        yield client, process.pid
        client.shutdown()
        process.wait(30)
    finally:
        end(process)


def interleaved(
    rounds: int, contenders: dict[str, Callable[[], Numbers]]
) -> dict[str, dict[str, list[float]]]:
    """Run every contender once a round, each time in another order; each one's numbers by name."""
    seen: dict[str, list[Numbers]] = {name: [] for name in contenders}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name in _rotated(list(contenders), number):
            seen[name].append(contenders[name]())
    return {
        name: {key: [one[key] for one in results] for key in results[0]}
        for name, results in seen.items()
    }


def _rotated(names: list[str], by: int) -> list[str]:
    """So that none always comes after the same other one, and inherits its after-effects."""
    at = by % len(names)
    return names[at:] + names[:at]


def cpu_seconds(pid: int) -> float:
    """What the threads of a process have used of the processors until now.

    To the nanosecond (proc(5), `schedstat`); /proc/PID/stat counts hundredths of a second, which is a
    tenth of a short round.
    """
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def first_token_at(client: Client, model: str, prompt: str = "hi") -> float:
    """When (`time.perf_counter`) the first piece of an answer came; it is read to its end."""
    pieces = (piece for piece in ask(client, model, prompt) if piece.kind == "content")
    next(pieces)
    came = time.perf_counter()
    for _ in pieces:
        pass
    return came


def resident_mib(pid: int) -> float:
    """The memory that a process really holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def show(title: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; the first column to the left, numbers to the right."""
    lines = [tuple(headers), *(tuple(map(_text, row)) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    print(f"\n{title}")
    for line in lines:
        cells = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join([line[0].ljust(widths[0]), *cells]))


def save(result: object, *, as_json: bool) -> None:
    """The numbers for programs, where they were asked for."""
    if as_json:
        print(json.dumps(result, indent=2))


def _text(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
