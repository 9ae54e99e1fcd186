"""What thousands of profiles, waiters and connections cost: time, memory, and how long others wait.

    make bench-scale        or: python bench/scale.py [--profiles 1000 3000] [--engine PATH] [--json]

Everything is done twice, with two daemons: `paddock serve` as it is, from which come times, memory and
the longest wait of a probe (`probe.py`) that asks for /health all the while; and one whose event loop
is timed (`watched.py`), from which comes the longest turn of the loop, in seconds of the processor, so
that other programs on the machine do not count. Memory is the highest that the kernel saw (VmHWM)
since the step before.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from rig import HERE, Numbers, cpu_seconds, free_port, program, save, show
from scale_stable import LOUD, make, name_of
from scale_stable import save as save_stable

from paddock.cli.background.process import serve_command
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine

HALF_OPEN, WAITERS, WAITED_FOR, LOUD_LOADS = 800, 500, 10, 200
BODIES, BODY = 5, 60_000_000
_FEW = 10  # profiles of the stable that the others are compared with
_STARTS = 3
_LISTS = (
    "/status",
    "/models",
    "/v1/models",
    "/v1/models/model-0200",
    "/catalog",
    "/api/tags",
    "/metrics",
    "/plans?limit=1000",
    "/pairs?limit=1000",
    "/pairs?model=model-0200&limit=1000",
    "/preview/model-0200",
)
_AIMS = """
aims at 3,000 profiles: no turn of the loop over 0.050 s, answering 2.5 s after the start, memory under
120 MiB, five bodies of 60 MB under 160 MiB"""

Step = Callable[["Subject"], None]
Result = dict[str, dict[str, Numbers]]  # by number of profiles and step


@dataclass(frozen=True, slots=True)
class Subject:
    """A daemon under test. `turns`: where it reports its longest turns; None: it does not."""

    folder: Path
    profiles: int
    port: int
    pid: int
    probe: subprocess.Popen[str]
    turns: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> int:
        return asyncio.run(_call(self, "GET", path))

    def post(self, path: str, body: Any) -> int:
        return asyncio.run(_call(self, "POST", path, json=body))

    def measured(self, step: Step) -> Numbers:
        self._longest_wait(), self._longest_turn()
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # VmHWM begins anew
        begun = time.perf_counter()
        step(self)
        numbers = {"seconds": time.perf_counter() - begun, "wait": self._longest_wait()}
        return numbers | {"turn": self._longest_turn(), "peak": peak_mib(self.pid)}

    def _longest_wait(self) -> float:
        assert self.probe.stdin
        assert self.probe.stdout
        self.probe.stdin.write("\n")
        self.probe.stdin.flush()
        return float(self.probe.stdout.readline() or "nan")

    def _longest_turn(self) -> float:
        if self.turns is None:
            return 0.0
        self.turns.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        while not self.turns.exists():
            time.sleep(0.01)
        figures = json.loads(self.turns.read_text())
        return float(max(figures["collector"], *(turn["cpu"] for turn in figures["turns"]), 0.0))


def peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


# ---- the steps ----


def _steps() -> dict[str, Step]:
    return {
        "nothing, while plans are made: 10 s": lambda _: time.sleep(10),
        **{path: lambda subject, path=path: _get(subject, path) for path in _LISTS},  # type: ignore[misc]
        "20 new readers of /events": _readers,
        "reload, nothing changed": lambda subject: _expect(200, subject.post("/reload", {})),
        "reload, every profile changed": _reload_changed,
        f"{HALF_OPEN} half-sent requests": _half_open,
        f"{WAITERS} waiters, {WAITED_FOR} models that load": _waiters,
        f"{LOUD_LOADS} loads that fail with lines of 60 KB": _loud,
        f"{BODIES} bodies of 60 MB at once": _bodies,
    }


def _expect(wanted: int, status: int) -> None:
    if status != wanted:
        sys.exit(f"a call was answered with {status}, not {wanted}")


def _get(subject: Subject, path: str) -> None:
    _expect(200, subject.get(path))


async def _call(subject: Subject, method: str, path: str, **more: Any) -> int:
    timeout = aiohttp.ClientTimeout(total=600)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.request(method, subject.url + path, **more) as reply,
    ):
        async for _ in reply.content.iter_any():
            pass
        return reply.status


async def _all(subject: Subject, asks: list[dict[str, Any]], wanted: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:

        async def ask(body: dict[str, Any]) -> None:
            async with http.post(subject.url + "/v1/chat/completions", json=body) as reply:
                await reply.read()
                _expect(wanted, reply.status)

        async with asyncio.TaskGroup() as group:
            for body in asks:
                group.create_task(ask(body))


def _chat(model: str, **more: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hi"}]
    return {"model": model, "messages": messages, "max_tokens": 4, **more}


def _waiters(subject: Subject) -> None:
    asks = [_chat(name_of(number % WAITED_FOR)) for number in range(WAITERS)]
    asyncio.run(_all(subject, asks, 200))


def _bodies(subject: Subject) -> None:
    """Of a model that is loaded; the bulk is in a field that llama-server does not read."""
    asyncio.run(_all(subject, [_chat(name_of(0), user="x" * BODY)] * BODIES, 200))


def _loud(subject: Subject) -> None:
    for _ in range(LOUD_LOADS):
        _expect(502, subject.post("/switch", {"model": LOUD}))
    _get(subject, "/v1/models")


def _reload_changed(subject: Subject) -> None:
    """The file is watched: whoever comes second waits for the first."""
    save_stable(subject.folder, subject.profiles, threads=2)
    _expect(200, subject.post("/reload", {}))


def _readers(subject: Subject) -> None:
    """All connect at once, and read the snapshot to its end."""

    async def read(http: aiohttp.ClientSession) -> None:
        async with http.get(subject.url + "/events") as reply:
            while not (await reply.content.readuntil(b"\n")).startswith(b"data:"):
                pass

    async def run() -> None:
        async with (
            aiohttp.ClientSession(read_bufsize=1 << 25) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(20):
                group.create_task(read(http))

    asyncio.run(run())


def _half_open(subject: Subject) -> None:
    with ExitStack() as stack:
        for number in range(HALF_OPEN):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", subject.port)))
            body = b"Content-Length: 1000\r\n\r\n{" if number % 2 else b"X-Half: "
            line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + body)
        for _ in range(5):
            _get(subject, "/v1/models")


# ---- the daemons ----


@contextmanager
def _subject(folder: Path, profiles: int, engine: str, *, watched: bool) -> Iterator[Subject]:
    port, turns = free_port(), folder / "turns.json"
    argv = [sys.executable, HERE / "watched.py", turns, "serve"] if watched else serve_command()
    options = ["--config", folder / "models.conf", "--state-dir", folder / "state"]
    options += ["--listen", f"127.0.0.1:{port}", "--engine", engine]
    with program([*argv, *options], folder / "daemon.log") as process:
        _wait_for(port, process, folder / "daemon.log")
        with subprocess.Popen(
            [sys.executable, HERE / "probe.py", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as probe:  # fmt: skip
            yield Subject(folder, profiles, port, process.pid, probe, turns if watched else None)
            assert probe.stdin
            probe.stdin.close()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                if line.recv(100).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            if process.poll() is not None:
                sys.exit(f"the daemon ended: {log.read_text()[-2000:]}")
            time.sleep(0.005)


def _measure(folder: Path, profiles: int, engine: Engine) -> dict[str, Numbers]:
    make(folder, profiles, engine)
    found = {"start": _start(folder, profiles, engine.name)}
    for is_watched in (False, True):
        save_stable(folder, profiles, threads=1)
        with _subject(folder, profiles, engine.name, watched=is_watched) as subject:
            for name, step in _steps().items():
                print(f"{profiles} profiles: {name}", file=sys.stderr)
                figures = subject.measured(step)
                found[name] = found[name] | {"turn": figures["turn"]} if is_watched else figures
    return found


def _start(folder: Path, profiles: int, engine: str) -> Numbers:
    """Until it answers: the median of some, in turns with a stable of a few profiles."""
    few = folder / "few"
    few.mkdir()
    text = (folder / "models.conf").read_text().split("\n\n")
    (few / "models.conf").write_text("\n\n".join(text[: _FEW + 1]))
    (few / "state").mkdir()
    took: dict[Path, list[float]] = {folder: [], few: []}
    peaks, cpu = [], []
    for _ in range(_STARTS):
        for where, seconds in took.items():
            begun = time.perf_counter()
            with _subject(where, profiles, engine, watched=False) as subject:
                seconds.append(time.perf_counter() - begun)
                peaks.append(peak_mib(subject.pid))
                cpu += [cpu_seconds(subject.pid)] if where is folder else []
    whole, least = median(took[folder]), median(took[few])
    ratio = whole / least
    return {"seconds": whole, "cpu": median(cpu), "few": least, "ratio": ratio, "peak": max(peaks)}


def main() -> None:
    options = _options()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    result: Result = {}
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as name:
        engine = find_engine(options.engine, cache_dir=Path(name))
        for profiles in options.profiles:
            result[str(profiles)] = _measure(Path(name) / str(profiles), profiles, engine)
    save(result, as_json=options.json) if options.json else _print(result)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profiles", type=int, nargs="+", default=[1000, 3000])
    parser.add_argument("--engine", help="`native`, `embedded` or a path; default: the first found")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _print(result: Result) -> None:
    for profiles, steps in result.items():
        start = steps["start"]
        print(
            f"\n{profiles} profiles: answers after {start['seconds']:.2f} s (median of {_STARTS}), of"
            f" which {start['cpu']:.2f} s of a processor; {start['ratio']:.2f} times as long as with"
            f" {_FEW} profiles ({start['few']:.2f} s); {start['peak']:.0f} MiB then"
        )
        rows = [
            (name, n["seconds"], n["turn"], n["wait"], n["peak"])
            for name, n in steps.items()
            if name != "start"
        ]
        show("", ("", "seconds", "longest turn", "longest wait", "peak MiB"), rows)
    print(_AIMS)


if __name__ == "__main__":
    main()
