"""What Paddock's relay costs: the same load on a stub server, directly and through Paddock.

    make bench-relay        or: python bench/relay.py [--rounds 5] [--seconds 2] [--json]

Everything runs on this machine: stub, daemon and load generator share its cores, so the throughput
is what is left for the daemon. Both sides are measured in turn, in one run; medians are shown.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rig import HERE, daemon, free_port, interleaved, program, resident_mib, save, show

from paddock.llama.scripted import ScriptedModel, write

LOAD, STUB = HERE / "bin" / "load", HERE / "bin" / "stub"
CHUNKS = "100"  # of each streamed reply
_CASES = {
    "plain, 1 connection": ("--kind", "plain", "--connections", "1"),
    "plain, 32 connections": ("--kind", "plain", "--connections", "32"),
    "stream, 1 connection": ("--kind", "stream", "--connections", "1"),
    "stream, 32 connections": ("--kind", "stream", "--connections", "32"),
}
_KEYS = ("first_byte_ms", "requests_per_second", "chunks_per_second")
_AIMS = """
aims: at most 0.3 ms added at 1 connection; at least 5,000 requests/s and 150,000 chunks/s at 32;
resident memory under 80 MiB, and flat"""


def main() -> None:
    options = _options()
    for binary in (LOAD, STUB):
        if not binary.exists():
            sys.exit(f"{binary} is missing: run `make bench-relay`, which compiles it")
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as folder:
        result = _measure(Path(folder), options)
    if options.json:
        save(result, as_json=True)
    else:
        _print(result)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each case in each round")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    write(folder / "m.gguf", ScriptedModel(say="never asked"))
    (folder / "models.conf").write_text("[m]\nMODEL = ../m.gguf\n")
    port = free_port()
    stub = [STUB, "--port", str(port), "--chunks", CHUNKS]
    with (
        program(stub, folder / "stub.log"),
        daemon(folder, HERE / "stub-engine", STUB_CHUNKS=CHUNKS) as (client, pid),
    ):
        client.switch("m")
        own = int(client.url.rpartition(":")[2])
        speed = {
            name: interleaved(
                options.rounds,
                {
                    "direct": lambda args=args: _load(port, options.seconds, *args),
                    "paddock": lambda args=args: _load(own, options.seconds, *args),
                },
            )
            for name, args in _CASES.items()
        }
        return {"speed": speed, "resident_mib": _memory(own, pid)}


def _memory(port: int, pid: int) -> dict[str, float]:
    """Of the daemon, after all that came before, and after two things that must leave nothing."""
    seen = {"before": resident_mib(pid)}
    _load(port, 60, "--kind", "big", "--requests", "1")
    seen["after a reply of 50 MB"] = resident_mib(pid)
    _load(port, 120, "--kind", "plain", "--connections", "8", "--requests", "10000")
    seen["after 10,000 requests more"] = resident_mib(pid)
    return seen


def _load(port: int, seconds: float, *args: str) -> dict[str, float]:
    command = [str(LOAD), "--port", str(port), "--seconds", str(seconds), *args]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    numbers: dict[str, float] = json.loads(told)
    if numbers["errors"]:
        sys.exit(f"{numbers['errors']:.0f} requests failed: {' '.join(command)}")
    return numbers


def _print(result: dict[str, Any]) -> None:
    rows = [
        (f"{name}: {key}", *_compared(sides["direct"][key], sides["paddock"][key]))
        for name, sides in result["speed"].items()
        for key in _KEYS
        if sides["direct"][key]
    ]
    show("medians", ("", "direct", "paddock", "difference", "ratio"), rows)
    show("resident memory of the daemon, MiB", ("", "MiB"), list(result["resident_mib"].items()))
    print(_AIMS)


def _compared(direct: float, paddock: float) -> tuple[float, float, float, float]:
    return direct, paddock, paddock - direct, paddock / direct


if __name__ == "__main__":
    main()
