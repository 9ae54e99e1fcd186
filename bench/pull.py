"""What a pull costs: bytes a second against curl, the time to a plan, and memory. The hub is the tests' own, on loopback.

    python bench/pull.py [--rounds 5] [--mib 1024]

The hub is a process of its own and serves curl and Paddock the same file. The plan is of a repository of 12 quantisations of
100 GB together (files with holes, and real headers with 150,000 words), by the program as a user starts it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from paddock.llama.scripted import ScriptedModel, write

ROOT = Path(__file__).parents[1]
_MIB, _GIB = 1 << 20, 1 << 30
_GIGABIT = 1 / 119  # seconds for a MiB
QUANTS = ("IQ2_M", "Q2_K", "Q3_K_S", "Q3_K_M", "IQ4_XS", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0", "BF16")  # fmt: skip
_SERVE = """
import json, sys
from pathlib import Path
from tests.hub.fake_hub import fake_hub
with fake_hub() as hub:
    for name, files in json.loads(sys.argv[1]).items():
        made = hub.add(name, {file: Path(path) for file, path in files.items()})
        for file in made.files.values():  # a file with a hole of many GB is not hashed
            file.said_sha256 = file.sha256 if file.size < 2 << 30 else f"{file.size:064x}"
    hub.faults.pause = float(sys.argv[2])  # before each piece of a MiB
    print(hub.url, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        repositories = {
            "a/Large-GGUF": {"L-Q4_K_M.gguf": str(large(folder / "large", options.mib))},
            "a/Small-GGUF": {"S-Q4_K_M.gguf": str(large(folder / "small", options.mib // 8))},
            "a/Many-GGUF": many(folder / "many"),
        }
        with serving(repositories) as url:
            speed(url, folder, options.rounds, options.mib)
            plan(url, folder, options.rounds)
            memory(url, folder, options.mib)
        with serving(repositories, pause=_GIGABIT) as url:
            print("from a hub that gives at most 1 Gbit/s:")
            speed(url, folder, options.rounds, options.mib)


def large(path: Path, mib: int) -> Path:
    piece = os.urandom(_MIB)
    with path.open("wb") as file:
        for number in range(mib):
            file.write(number.to_bytes(8, "big") + piece[8:])
    return path


def many(folder: Path) -> dict[str, str]:
    """100 GB in 12 files that take no room: each a real header, and a hole."""
    folder.mkdir()
    made = {}
    for place, quant in enumerate(QUANTS):
        file = write(folder / f"M-{quant}.gguf", ScriptedModel(say="Hi.", vocab=150_000))
        with file.open("r+b") as opened:
            opened.truncate((3 + place) * _GIB)
        made[file.name] = str(file)
    return made


@contextmanager
def serving(repositories: dict[str, dict[str, str]], pause: float = 0.0) -> Iterator[str]:
    command = [sys.executable, "-c", _SERVE, json.dumps(repositories), str(pause)]
    hub = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert hub.stdin is not None
    assert hub.stdout is not None
    try:
        yield hub.stdout.readline().strip()
    finally:
        hub.stdin.close()
        hub.wait()


def environment(url: str, home: Path) -> dict[str, str]:
    own = {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home / "hf"),
        "HOME": str(home),
        "PADDOCK_URL": "http://127.0.0.1:1",
    }
    return {**os.environ, **own, "PYTHONPATH": str(ROOT)}


_FETCH = """
import sys, time
from pathlib import Path
from tests.hub.stage import Stage
class There:
    url = sys.argv[1]
stage = Stage(There(), Path(sys.argv[2]), name=sys.argv[3])
transfer = stage.transfer()
begun = time.perf_counter()
transfer.run(stage.watching)
status = Path("/proc/self/status").read_text().split()
print(time.perf_counter() - begun, status[status.index("VmHWM:") + 1])
"""


# What the library does by itself, its own buffers and nothing checked but the length.
_LIBRARY = """
import sys, time
from huggingface_hub import hf_hub_download
from huggingface_hub.utils import disable_progress_bars
disable_progress_bars()
begun = time.perf_counter()
hf_hub_download(sys.argv[3], "L-Q4_K_M.gguf", cache_dir=sys.argv[2])
status = open("/proc/self/status").read().split()
print(time.perf_counter() - begun, status[status.index("VmHWM:") + 1])
"""


def fetched(url: str, folder: Path, name: str, code: str = _FETCH) -> tuple[float, int]:
    """Seconds, and KiB of memory at most, of a process that fetches one file."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        command = [sys.executable, "-c", code, url, f"{home}/top", name]
        done = subprocess.run(
            command,
            env=environment(url, Path(home)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    seconds, kib = done.stdout.split()
    return float(seconds), int(kib)


def speed(url: str, folder: Path, rounds: int, mib: int) -> None:
    """Curl alone, curl with what a pull does besides (the hash, meanwhile), and a pull, by turns."""
    address, to = f"{url}/a/Large-GGUF/resolve/main/L-Q4_K_M.gguf", folder / "curl"
    ways = {
        "curl": lambda: timed(["curl", "-sfLo", str(to), address]),
        "hashed": lambda: timed(["sh", "-c", f"curl -sfL {address} | tee {to} | sha256sum"]),
        "library": lambda: fetched(url, folder, "a/Large-GGUF", _LIBRARY)[0],
        "pull": lambda: fetched(url, folder, "a/Large-GGUF")[0],
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    to.unlink()
    for name, words in (
        ("curl", ""),
        ("hashed", " (curl | tee FILE | sha256sum)"),
        ("library", " (huggingface_hub alone: no hash)"),
        ("pull", " (hashed meanwhile)"),
    ):
        best = mib / min(taken[name])
        print(f"{name:7} {mib / median(taken[name]):7.0f} MiB/s, best {best:.0f}{words}")
    for name, words in (
        ("curl", "aim 0.90"),
        ("hashed", "the same work"),
        ("library", "which checks nothing"),
    ):
        pairs = zip(taken[name], taken["pull"], strict=True)
        ratio = median(other / own for other, own in pairs)
        best = min(taken[name]) / min(taken["pull"])
        print(f"ratio  {ratio:7.2f} to {name} ({words}), best against best {best:.2f}")
    print(f"       on {len(os.sched_getaffinity(0))} cores, of which the hub takes one")


def timed(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def plan(url: str, folder: Path, rounds: int) -> None:
    taken, used = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder) as home:
            command = [
                sys.executable,
                "-m",
                "paddock",
                "pull",
                "a/Many-GGUF",
                "--dry-run",
                "--json",
            ]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            begun = time.perf_counter()
            subprocess.run(
                command, env=environment(url, Path(home)), check=True, stdout=subprocess.DEVNULL
            )
            taken.append(time.perf_counter() - begun)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(
        f"plan   {median(taken):7.2f} s, best {min(taken):.2f} (aim 1.50); {median(used):.2f} s of processor time"
    )


def memory(url: str, folder: Path, mib: int) -> None:
    small, big = fetched(url, folder, "a/Small-GGUF")[1], fetched(url, folder, "a/Large-GGUF")[1]
    print(
        f"memory {small / 1024:7.0f} MiB with {mib // 8} MiB to fetch, {big / 1024:.0f} MiB with {mib} MiB"
    )


if __name__ == "__main__":
    main()
