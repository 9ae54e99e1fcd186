"""What the relay to another node costs beside the relay to an instance here; what a lost node costs; the front's memory.

    python bench/cluster_relay.py [--rounds 5] [--seconds 2] [--nodes 20] [--json]      (after `make bench-relay`)

The same load on a node's daemon, whose engine is a stub, and on a front before it; both on this machine, which
the load generator shares with them. "Added" is what each adds to the stub's own. All are measured in turn.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from relay import CHUNKS, LOAD, STUB, _daemon, _load, _watched
from rig import (
    HERE,
    Numbers,
    daemon,
    first_token_at,
    free_port,
    interleaved,
    program,
    resident_mib,
    save,
    show,
    wait_for_port,
)

from paddock.api.client import Client
from paddock.engine.locate import find_engine
from paddock.llama.scripted import ScriptedModel, write

_NODES = 20  # for the memory of the front
_FIGURES = ("first_byte_ms", "requests_per_second", "chunks_per_second")
_SIDES = ("direct", "local", "front", "ratio")
_LOAD = 2  # seconds that a load takes at least
_CASES = {
    "plain, 1 connection": ("--kind", "plain", "--connections", "1"),
    "plain, 32 connections": ("--kind", "plain", "--connections", "32"),
    "stream, 1 connection": ("--kind", "stream", "--connections", "1"),
    "stream, 32 connections": ("--kind", "stream", "--connections", "32"),
}
_AIMS = """
aims: through the front at most 1.6 times what the local relay adds to a first byte, at 1 connection;
at least 0.6 of its requests/s, at 32; under 120 MiB with 20 nodes; a lost node's model answers
from elsewhere within 1.1 of its load time there plus 2 s"""


def main() -> None:
    options = _options()
    _must_be_compiled()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as folder:
        result = _measure(Path(folder), options)
    if options.json:
        save(result, as_json=True)
    else:
        _print(result)


def tables(*, rounds: int) -> dict[str, dict[str, Numbers]]:
    """The medians of all that `main` shows."""
    _must_be_compiled()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as folder:
        options = argparse.Namespace(rounds=rounds, seconds=2.0, nodes=_NODES)
        result = _measure(Path(folder), options)
    relay = {
        f"{name}: {key}": dict(zip(_SIDES, _compared(sides, key), strict=True))
        for name, sides in result["speed"].items()
        for key in _FIGURES
        if any(sides["direct"][key])
    }
    memory = {name: {"MiB": mib} for name, mib in result["resident_mib"].items()}
    return {
        "the relay to another node": relay,
        "memory of the front": memory,
        "a node that hangs, seconds": {"": result["lost"]},
    }


def _must_be_compiled() -> None:
    for binary in (LOAD, STUB):
        if not binary.exists():
            sys.exit(f"{binary} is missing: run `make bench-relay`, which compiles it")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each case in each round")
    parser.add_argument("--nodes", type=int, default=_NODES, help="for the memory of the front")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    write(folder / "m.gguf", ScriptedModel(say="never asked"))
    port = free_port()
    with ExitStack() as stack:
        stub: list[str | Path] = [STUB, "--port", str(port), "--chunks", CHUNKS]
        stack.enter_context(program(stub, folder / "stub.log"))
        node = stack.enter_context(_daemon(folder / "node", sys.executable))
        front = stack.enter_context(_front(folder, {"node": node[1]}))
        speed = {
            name: interleaved(
                options.rounds,
                {
                    "direct": lambda args=args: _load(port, options.seconds, *args),
                    "local": lambda args=args: _watched(*node, options.seconds, *args),
                    "front": lambda args=args: _watched(*front, options.seconds, *args),
                },
            )
            for name, args in _CASES.items()
        }
        one = resident_mib(front[0])
        many = {f"node{n}": node[1] for n in range(options.nodes)}
        crowd, crowd_port = stack.enter_context(_front(folder, many))
        _load(crowd_port, 30, "--kind", "plain", "--connections", "8", "--requests", "2000")
        memory = {"1 node": one, f"{options.nodes} nodes": resident_mib(crowd)}
    return {"speed": speed, "resident_mib": memory, "lost": _lost(folder / "lost")}


def _lost(folder: Path) -> dict[str, float]:
    """Seconds until a model of two nodes answers whose node hangs, the slowest loss to find out; and its load."""
    folder.mkdir()
    engine = folder / "engine"
    real = find_engine("native", cache_dir=folder).command[0]
    engine.write_text(
        f'#!/bin/sh\n[ "$1" = --help ] || [ "$1" = --version ] || sleep {_LOAD}\nexec {real} "$@"\n'
    )
    engine.chmod(0o755)
    write(folder / "m.gguf", ScriptedModel(say="Here I am."))
    with ExitStack() as stack:
        nodes = {}
        for name in ("one", "two"):
            (folder / name).mkdir()
            (folder / name / "models.conf").write_text(f"[m]\nMODEL = {folder / 'm.gguf'}\n")
            nodes[name] = stack.enter_context(daemon(folder / name, engine))
        ports = {name: int(client.url.rpartition(":")[2]) for name, (client, _) in nodes.items()}
        _, at = stack.enter_context(_front(folder, ports))
        load = nodes["two"][0].switch("m").seconds or 0.0
        nodes["two"][0].unload("m")
        front = Client(f"http://127.0.0.1:{at}")
        front.switch("m@one")
        asking = threading.Thread(target=first_token_at, args=(front, "m"))
        os.kill(nodes["one"][1], signal.SIGSTOP)
        began = time.perf_counter()
        asking.start()
        asking.join(60)
        took = time.perf_counter() - began
        os.kill(nodes["one"][1], signal.SIGCONT)
    return {"load": load, "answer": took, "allowed": 1.1 * load + 2.0}


@contextmanager
def _front(folder: Path, nodes: dict[str, int]) -> Iterator[tuple[int, int]]:
    """One before daemons at these ports; its pid and port."""
    port = free_port()
    words = [f"{name}=http://127.0.0.1:{at}" for name, at in nodes.items()]
    argv: list[str | Path] = [sys.executable, HERE / "front_process.py", folder]
    with program([*argv, f"127.0.0.1:{port}", *words], folder / "front.log") as process:
        wait_for_port(port)
        client = Client(f"http://127.0.0.1:{port}")
        while sum(node.state == "up" for node in client.status().nodes) < len(nodes):
            time.sleep(0.05)
        yield process.pid, port


def _print(result: dict[str, Any]) -> None:
    rows = [
        (f"{name}: {key}", *_compared(sides, key))
        for name, sides in result["speed"].items()
        for key in _FIGURES
        if any(sides["direct"][key])
    ]
    show("direct, local relay, through the front", ("", *_SIDES), rows)
    spent = [
        (name, *(median(sides[side]["cpu_us_per_request"]) for side in ("local", "front")))
        for name, sides in result["speed"].items()
    ]
    show("CPU time for a request, microseconds", ("", "node", "front"), spent)
    show("memory of the front, MiB", ("", "MiB"), list(result["resident_mib"].items()))
    show("the model of a node that hangs, seconds", ("", "s"), list(result["lost"].items()))
    print(_AIMS)


def _compared(sides: dict[str, Any], key: str) -> tuple[float, ...]:
    """The medians, and the front's beside the local relay's: of times what each adds."""
    direct, local, front = (median(sides[side][key]) for side in ("direct", "local", "front"))
    if key == "first_byte_ms":
        return direct, local, front, (front - direct) / (local - direct)
    return direct, local, front, front / local


if __name__ == "__main__":
    main()
