"""What Paddock's relay costs: the same load on a stub server, directly and through Paddock.

    make bench-relay        or: python bench/relay.py [--rounds 5] [--seconds 2] [--json]
    python bench/relay.py --before OTHER_CHECKOUT/.venv/bin/python      beside another commit
    python bench/relay.py --llama-swap PATH                             beside llama-swap

Everything runs on this machine: stub, daemon and load generator share its cores, so the throughput
is what is left for the daemon. All sides are measured in turn, in one run. Shown are the medians, and the
best rounds, which other programs on the machine disturbed least.

The first cases are closed loops: each connection asks again once it was answered, so who is faster is asked
more, and what he answers waits behind more others. In the open loops after them all sides are offered the
same: requests at random times, 0.5 and 0.8 times as many as the slowest relay answered in the closed loop.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rig import (
    HERE,
    Numbers,
    cpu_seconds,
    daemon,
    free_port,
    interleaved,
    program,
    resident_mib,
    save,
    show,
    wait_for_port,
)

from paddock.llama.scripted import ScriptedModel, write

LOAD, STUB = HERE / "bin" / "load", HERE / "bin" / "stub"
CHUNKS = "100"  # of each streamed reply
Sides = dict[str, dict[str, list[float]]]  # numbers of each round, by side and figure
_CASES = {
    "plain, 1 connection": ("--kind", "plain", "--connections", "1"),
    "plain, 32 connections": ("--kind", "plain", "--connections", "32"),
    "stream, 1 connection": ("--kind", "stream", "--connections", "1"),
    "stream, 32 connections": ("--kind", "stream", "--connections", "32"),
}
_SHARES = (0.5, 0.8)  # of what the slowest relay can do, offered to all
_TIMES = ("first_byte_ms",)  # the less the better
_RATES = ("requests_per_second", "chunks_per_second")
_HEADERS = ("", "direct", "paddock", "added", "best direct", "best paddock", "added")
_AIMS = """
aims: at most 0.2 ms added at 1 connection; at least 1.5 times llama-swap's requests/s and chunks/s at 32,
its first byte there or sooner, and where the same is offered; resident memory under 80 MiB, and flat"""


def main() -> None:
    options = _options()
    for binary in (LOAD, STUB):
        source = HERE / f"{binary.name}.rs"
        if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
            sys.exit(
                f"{binary} is missing or older than its source: run `make bench/bin/{binary.name}`"
            )
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
    parser.add_argument(
        "--before", metavar="PYTHON", help="of an environment with another commit, run in turns too"
    )
    parser.add_argument(
        "--llama-swap", type=Path, metavar="PATH", help="a llama-swap, run in turns too"
    )
    return parser.parse_args()


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    write(folder / "m.gguf", ScriptedModel(say="never asked"))
    port = free_port()
    stub: list[str | Path] = [STUB, "--port", str(port), "--chunks", CHUNKS]
    pythons = {"paddock": sys.executable}
    pythons |= {"before": options.before} if options.before else {}
    with ExitStack() as stack:
        stack.enter_context(program(stub, folder / "stub.log"))
        daemons = {
            name: stack.enter_context(_daemon(folder / name, python))
            for name, python in pythons.items()
        }
        if options.llama_swap:
            daemons["llama-swap"] = stack.enter_context(_llama_swap(folder, options.llama_swap))

        def measured(args: tuple[str, ...]) -> Sides:
            sides: dict[str, Callable[[], Numbers]] = {
                "direct": lambda: _load(port, options.seconds, *args),
                **{
                    side: lambda at=at: _watched(*at, options.seconds, *args)
                    for side, at in daemons.items()
                },
            }
            return interleaved(options.rounds, sides)

        speed = {name: measured(args) for name, args in _CASES.items()}
        for name, args in _offered(speed).items():
            speed[name] = measured(args)
        pid, own = daemons["paddock"]
        return {"speed": speed, "resident_mib": _memory(own, pid)}


def _offered(speed: dict[str, Sides]) -> dict[str, tuple[str, ...]]:
    """The open loops, by what was measured in the closed ones."""
    cases = {}
    for kind in ("plain", "stream"):
        name = f"{kind}, 32 connections"
        relays = [numbers for side, numbers in speed[name].items() if side != "direct"]
        most = min(median(numbers["requests_per_second"]) for numbers in relays)
        for share in _SHARES:
            rate = f"{share * most:.0f}"
            cases[f"{kind}, {rate} offered ({share:g})"] = (*_CASES[name], "--rate", rate)
    return cases


@contextmanager
def _daemon(folder: Path, python: str) -> Iterator[tuple[int, int]]:
    """One with the model `m` ready; its pid and port."""
    folder.mkdir()
    (folder / "models.conf").write_text(f"[m]\nMODEL = {folder.parent / 'm.gguf'}\n")
    with daemon(folder, HERE / "stub-engine", python=python, STUB_CHUNKS=CHUNKS) as (client, pid):
        client.switch("m")
        yield pid, int(client.url.rpartition(":")[2])


@contextmanager
def _llama_swap(folder: Path, binary: Path) -> Iterator[tuple[int, int]]:
    """One with the model `m` ready; its pid and port. It would refuse more than 10 requests at once."""
    config, port = folder / "llama-swap.yaml", free_port()
    model = {"cmd": f"{STUB} --port ${{PORT}} --chunks {CHUNKS}", "concurrencyLimit": 1000}
    config.write_text(json.dumps({"startPort": free_port(), "models": {"m": model}}))
    argv: list[str | Path] = [binary, "-config", config, "-listen", f"127.0.0.1:{port}"]
    with program(argv, folder / "llama-swap.log") as process:
        wait_for_port(port)
        _load(port, 60, "--requests", "1")  # it loads the model for it
        yield process.pid, port


def _memory(port: int, pid: int) -> dict[str, float]:
    """Of the daemon, after all that came before, and after two things that must leave nothing."""
    seen = {"before": resident_mib(pid)}
    _load(port, 60, "--kind", "big", "--requests", "1")
    seen["after a reply of 50 MB"] = resident_mib(pid)
    _load(port, 120, "--kind", "plain", "--connections", "8", "--requests", "10000")
    seen["after 10,000 requests more"] = resident_mib(pid)
    return seen


def _watched(pid: int, port: int, seconds: float, *args: str) -> Numbers:
    """Also what a request cost the daemon: the figure that a busy machine changes least."""
    before = cpu_seconds(pid)
    numbers = _load(port, seconds, *args)
    spent = cpu_seconds(pid) - before
    return numbers | {"cpu_us_per_request": spent / numbers["requests"] * 1e6}


def _load(port: int, seconds: float, *args: str) -> Numbers:
    command = [str(LOAD), "--port", str(port), "--seconds", str(seconds), *args]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    numbers: Numbers = json.loads(output)
    if numbers["errors"]:
        sys.exit(f"{numbers['errors']:.0f} requests failed: {' '.join(command)}")
    return numbers


def _print(result: dict[str, Any]) -> None:
    speed = result["speed"]
    rows = [
        (f"{name}: {key}", *_compared(sides["direct"][key], sides["paddock"][key], best))
        for name, sides in speed.items()
        for keys, best in ((_TIMES, min), (_RATES, max))
        for key in keys
        if any(sides["direct"][key])
    ]
    show("direct and through Paddock", _HEADERS, rows)
    spent = [(name, *_middle_and_least(sides["paddock"])) for name, sides in speed.items()]
    show("CPU time of the daemon for a request, microseconds", ("", "median", "best"), spent)
    _print_ratios(speed, "before", "this commit, as a part of the other")
    _print_ratios(speed, "llama-swap", "Paddock, as a part of llama-swap")
    show("resident memory of the daemon, MiB", ("", "MiB"), list(result["resident_mib"].items()))
    print(_AIMS)


def _print_ratios(speed: dict[str, Any], other: str, title: str) -> None:
    """What Paddock has of another side's rates, times, and processor time for a request."""
    rows = []
    for name, sides in speed.items():
        if other in sides:
            late = ("first_byte_ms_p99",) if "offered" in name else ()
            keys = (*_RATES, *_TIMES, *late, "cpu_us_per_request")
            for key in (key for key in keys if any(sides[other][key])):
                best = max if key in _RATES else min
                now, then = sides["paddock"][key], sides[other][key]
                medians, bests = median(now) / median(then), best(now) / best(then)
                rows.append((f"{name}: {key}", medians, bests, median(now), median(then)))
    if rows:
        show(title, ("", "medians", "best rounds", "paddock", other), rows)


def _compared(
    direct: list[float], paddock: list[float], best: Callable[[list[float]], float]
) -> tuple[float, ...]:
    middle, least = median(paddock), best(paddock)
    return (
        median(direct),
        middle,
        middle - median(direct),
        best(direct),
        least,
        least - best(direct),
    )


def _middle_and_least(numbers: dict[str, list[float]]) -> tuple[float, float]:
    return median(numbers["cpu_us_per_request"]), min(numbers["cpu_us_per_request"])


if __name__ == "__main__":
    main()
