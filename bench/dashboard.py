"""What the dashboard costs: its share of a core, idle and while four streams run, at both sizes.

    python bench/dashboard.py [--seconds 20] [--engine PATH] [--json]

A real dashboard in a terminal that nobody looks at (its output is read and thrown away), over a
daemon of its own. Its processor time is read from /proc before and after.
"""

import argparse
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from rig import Numbers, daemon

from paddock.api.chat import ask
from paddock.api.client import Client
from paddock.engine.locate import find_engine
from paddock.errors import PaddockError
from paddock.llama.scripted import ScriptedModel, write

SIZES = {"80x24": (80, 24), "200x60": (200, 60)}
STREAMS = 4
_SETTLING = 3.0  # seconds until it has drawn its first screens
_AIM = "aim: under 3 % of a core idle, under 10 % with four streams"


@contextmanager
def dashboard(url: str, size: tuple[int, int]) -> Iterator[psutil.Process]:
    """A dashboard in a terminal of this size."""
    ours, theirs = pty.openpty()
    columns, rows = size
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    argv = [sys.executable, "-m", "paddock", "dashboard", "--url", url]
    env = os.environ | {"TERM": "xterm-256color"}
    process = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    )
    os.close(theirs)
    threading.Thread(target=_drain, args=(ours,), daemon=True).start()
    try:
        time.sleep(_SETTLING)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)
        os.close(ours)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:
        pass  # closed


@contextmanager
def streams(client: Client, count: int) -> Iterator[None]:
    """So many answers without an end, until the block's."""
    over = threading.Event()
    started = [threading.Event() for _ in range(count)]
    for event in started:
        threading.Thread(target=_listen, args=(client, event, over), daemon=True).start()
    for event in started:
        event.wait(60)
    try:
        yield
    finally:
        over.set()


def _listen(client: Client, started: threading.Event, over: threading.Event) -> None:
    with suppress(PaddockError):  # the daemon's end is theirs
        while not over.is_set():
            for _ in ask(client, "endless", "go on", max_tokens=100_000):
                started.set()
                if over.is_set():
                    return


def share(process: psutil.Process, seconds: float) -> float:
    """Percent of one core in the next seconds, and in these alone."""
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / seconds


def measure(client: Client, seconds: float) -> dict[str, Numbers]:
    results: dict[str, Numbers] = {}
    for name, size in SIZES.items():
        print(f"{name}: {2 * seconds:.0f} s", file=sys.stderr)
        with ExitStack() as stack:
            process = stack.enter_context(dashboard(client.url, size))
            idle = share(process, seconds)
            stack.enter_context(streams(client, STREAMS))
            time.sleep(1.0)
            busy = share(process, seconds)
            results[name] = {
                "idle": idle,
                "streams": busy,
                "mib": process.memory_info().rss / 2**20,
            }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--engine", help="native, embedded or a path; default: the first found")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as place:
        folder = Path(place)
        engine = find_engine(chosen.engine, cache_dir=folder).command
        (folder / "models").mkdir()
        write(folder / "models" / "endless.gguf", ScriptedModel(say="On and on.", endless=True))
        conf = f"[endless]\nmodel = endless.gguf\nctx-size = 400000\nparallel = {STREAMS}\nthreads = 1\n"
        (folder / "models.conf").write_text(conf)
        name = engine[0] if len(engine) == 1 else "embedded"
        with daemon(folder, name) as (client, _):
            client.switch("endless")
            results = measure(client, chosen.seconds)
    if chosen.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'size':8}{'idle':>9}{'4 streams':>12}{'memory':>10}")
    for name, numbers in results.items():
        print(
            f"{name:8}{numbers['idle']:>7.1f} %{numbers['streams']:>10.1f} %{numbers['mib']:>6.0f} MiB"
        )
    print(_AIM)


if __name__ == "__main__":
    main()
