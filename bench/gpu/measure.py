"""What Paddock plans, places and measures on real GPUs: tables for docs/benchmarks.md.

    bench/gpu/build.sh SOURCE ENGINE                   once: a CUDA llama-server
    python bench/gpu/measure.py ENGINE/llama-server    minutes; prints Markdown

It writes models of 8 to 30 GB (with holes for weights: they compute as real ones do, and load from
the page cache), starts a daemon of its own, and lets it plan, load, evict and judge them. With two
GPUs it also makes them unequal by filling one.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pynvml

from paddock.llama.scripted import ScriptedModel, write

HERE = Path(__file__).parent
MODELS = {
    # 8B dense, Q8_0; 32B dense, Q4_0; 30B-A3B, 128 experts, Q8_0
    "a8": ScriptedModel(
        say="I am a8.", name="a8", layers=32, embd=4096, heads=32, kv_heads=8, ff=14336,
        vocab=128256, ctx=131072,
    ),
    "b32": ScriptedModel(
        say="I am b32.", name="b32", layers=64, embd=5120, heads=40, kv_heads=8, ff=27648,
        vocab=151936, ctx=131072, ftype="q4_0",
    ),
    "x30": ScriptedModel(
        say="I am x30.", name="x30", arch="qwen3moe", layers=48, embd=2048, heads=32, kv_heads=4,
        ff=768, experts=128, experts_used=8, vocab=151936, ctx=131072,
    ),
}  # fmt: skip
_SOON = 60.0  # seconds for anything to come to its end


# ---- the machine ----


class Cards:
    """What the driver tells, MiB."""

    def __init__(self) -> None:
        pynvml.nvmlInit()
        self._handles = [
            pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())
        ]

    def __len__(self) -> int:
        return len(self._handles)

    def free(self, index: int) -> int:
        return int(pynvml.nvmlDeviceGetMemoryInfo(self._handles[index]).free) >> 20

    def held_by(self, pid: int) -> list[int]:
        """MiB that a process holds of each card."""
        return [
            sum(
                int(p.usedGpuMemory or 0) >> 20
                for p in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
                if p.pid == pid
            )
            for handle in self._handles
        ]

    def words(self) -> str:
        names = [str(pynvml.nvmlDeviceGetName(handle)) for handle in self._handles]
        return f"{', '.join(names)}; driver {pynvml.nvmlSystemGetDriverVersion()}"


@contextmanager
def hog(device: int, mib: int) -> Iterator[None]:
    """Another program holds so much of a card."""
    if mib <= 0:
        yield
        return
    argv = [sys.executable, str(HERE / "hog.py"), str(device), str(mib)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"held":
            raise SystemExit(f"{mib} MiB of GPU {device} could not be taken")
        try:
            yield
        finally:
            process.kill()


# ---- the daemon ----


class Home:
    """A daemon and its answers."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self._http = url, http

    async def get(self, path: str) -> Any:
        async with self._http.get(self.url + path) as reply:
            return await reply.json()

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self._http.post(self.url + path, json=body) as reply:
            return reply.status, await reply.json()

    async def ask(self, model: str, tokens: int = 64) -> tuple[int, Any]:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": tokens,
        }
        return await self.post("/v1/chat/completions", body)

    async def load(self, model: str) -> dict[str, Any]:
        """The instance once it was judged with a speed."""
        await self.post("/switch", {"model": model})
        async with asyncio.timeout(_SOON):
            while True:
                for instance in (await self.get("/status"))["instances"]:
                    verdict = instance.get("verdict") or {}
                    if instance["profile"] == model and verdict.get("samples"):
                        return dict(instance)
                await asyncio.sleep(0.2)

    async def empty(self) -> None:
        await self.post("/unload", {})
        async with asyncio.timeout(_SOON):
            while (await self.get("/status"))["instances"]:  # noqa: ASYNC110  # simpler than events
                await asyncio.sleep(0.1)


@asynccontextmanager
async def home(folder: Path, engine: Path, conf: str) -> AsyncIterator[Home]:
    """A daemon with these profiles and no other memory than this block's."""
    config = folder / "models.conf"
    config.write_text(f"[*]\n{conf}")
    (folder / "paddock.toml").write_text("plan-ahead = false\nprobe-after = 0.3\n")
    log = folder / "daemon.log"
    argv = [
        sys.executable, "-m", "paddock", "serve", "--config", str(config), "--models-dir",
        str(folder.parent / "models"), "--state-dir", str(folder / "state"),
        "--listen", "127.0.0.1:0", "--engine", str(engine),
    ]  # fmt: skip
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*argv, stdout=file, stderr=file)
    try:
        async with aiohttp.ClientSession() as http:
            yield Home(await _address(process, log), http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    """Where it answers, as its log says."""
    for _ in range(1200):
        if "answers at " in (text := log.read_text()):  # noqa: ASYNC240  # a short file
            return text.split("answers at ")[1].split()[0]
        if process.returncode is not None:
            raise SystemExit(text)
        await asyncio.sleep(0.05)
    raise SystemExit("the daemon did not start within a minute")


# ---- what is measured ----


def table(headers: list[str], rows: list[list[Any]]) -> None:
    print("| " + " | ".join(headers) + " |")
    print("|" + "---|" * len(headers))
    for row in rows:
        print("| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |")
    print(flush=True)


def sums(plan: dict[str, Any]) -> dict[str, int]:
    """MiB of llama.cpp's own buffers that a plan has for each device."""
    return {
        d["device"]: d.get("model", 0) + d.get("context", 0) + d.get("compute", 0)
        for d in plan["devices"]
    }


def held(instance: dict[str, Any]) -> dict[str, float]:
    """MiB of buffers that an instance told of each device."""
    found: dict[str, float] = {}
    for buffer in instance["placement"]["buffers"]:
        found[buffer["device"]] = found.get(buffer["device"], 0.0) + buffer["mib"]
    return found


def shown(sizes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {mib:,.0f}" for name, mib in sizes.items() if round(mib))


def speeds(instance: dict[str, Any]) -> str:
    verdict = instance["verdict"]
    return f"{verdict.get('prompt') or 0:,.0f} / {verdict.get('generation') or 0:.1f}"


def found(instance: dict[str, Any]) -> str:
    verdict = instance["verdict"]
    reasons = "; ".join(r["message"] for r in verdict.get("reasons", []))
    return verdict["state"] + (f": {reasons}" if reasons else "")


async def truth(folder: Path, engine: Path, cards: Cards) -> None:
    """Plan against what was loaded, one profile after the other on free cards."""
    conf = "".join(
        f"[{name}-{ctx or 'auto'}]\nmodel = {name}.gguf\n" + (f"ctx-size = {ctx}\n" if ctx else "")
        for name, ctx in (("a8", 8192), ("a8", 131072), ("b32", 8192), ("x30", 16384), ("x30", 0))
    )
    rows = []
    async with home(folder, engine, conf) as place:
        for profile in [p["id"] for p in (await place.get("/models"))["data"]]:
            plan = await place.get(f"/plans/{profile}")
            instance = await place.load(profile)
            rows.append(
                [
                    profile, f"{plan['seconds']:.1f} s", shown(sums(plan)), shown(held(instance)),
                    shown(dict(enumerate(cards.held_by(instance["pid"])))),
                    f"{plan.get('graph_splits')} / {instance['placement'].get('graph_splits')}",
                    f"{instance['load_seconds']:.1f} s", speeds(instance),
                    instance["verdict"]["state"],
                ]
            )  # fmt: skip
            await place.empty()
    print("### Plan against truth\n")
    table(
        ["profile", "planning", "planned MiB", "told MiB", "driver's MiB by GPU",
         "splits planned / real", "load", "prompt / generation t/s", "verdict"],
        rows,
    )  # fmt: skip


async def together(folder: Path, engine: Path, cards: Cards) -> None:
    """Two that fit live together; a third makes the cheaper one leave. On one card."""
    room = cards.free(0)
    conf = "device = CUDA0\n" + "".join(
        f"[{name}]\nmodel = {model}.gguf\nctx-size = {ctx}\n"
        for name, model, ctx in (("first", "a8", 16384), ("second", "b32", 16384), ("third", "x30", 16384))
    )  # fmt: skip
    rows = []
    async with home(folder, engine, conf) as place:
        plans = [await place.get(f"/plans/{name}") for name in ("first", "second", "third")]
        needs = [sum(sums(plan)[d] for d in sums(plan) if d != "Host") + 600 for plan in plans]
        spare = room - needs[0] - needs[1] - 1024 - needs[2] // 2  # the third no longer fits beside
        with hog(0, spare):
            await place.empty()
            for _ in range(5):
                for name in ("first", "second"):
                    await place.ask(name)
            status = await place.get("/status")
            rows.append(["A and B by turns, 10 requests", _resident(status), _loads(status)])
            await place.ask("third")
            status = await place.get("/status")
            rows.append(["then C", _resident(status), _loads(status)])
    print(f"### Two together, a third evicts (another program holds {max(spare, 0):,} MiB)\n")
    print(
        f"Planned with the driver's share: A {needs[0]:,}, B {needs[1]:,}, C {needs[2]:,} MiB of {room:,}.\n"
    )
    table(["requests", "resident afterwards", "loads so far"], rows)


def _resident(status: dict[str, Any]) -> str:
    return ", ".join(instance["profile"] for instance in status["instances"])


def _loads(status: dict[str, Any]) -> int:
    return max((int(i["id"].rsplit(".", 1)[1]) for i in status["instances"]), default=0)


async def pressure(folder: Path, engine: Path, cards: Cards) -> None:
    """Another program takes memory: what is planned, what comes, and what is said of it."""
    conf = "device = CUDA0\n" + "".join(
        f"[{name}]\nmodel = {model}.gguf\nctx-size = {ctx}\n{more}"
        for name, model, ctx, more in (
            ("b32", "b32", 8192, ""),
            ("x30", "x30", 8192, ""),
            ("b32-ngl-99", "b32", 8192, "n-gpu-layers = 99\n"),
        )
    )
    rows = []
    async with home(folder, engine, conf) as place:
        for name in ("b32", "x30"):
            before = await place.load(name)
            rows.append([name, "nothing", "", shown(held(before)), speeds(before), found(before)])
            await place.empty()
        with hog(0, cards.free(0) - 13000):
            for name in ("b32", "x30"):
                plan = await place.get(f"/plans/{name}")
                after = await place.load(name)
                said = "; ".join([*plan.get("notes", []), *plan.get("warnings", [])])
                rows.append(
                    [name, "all but 13,000 MiB", f"{shown(sums(plan))}: {said}",
                     shown(held(after)), speeds(after), found(after)]
                )  # fmt: skip
                await place.empty()
            trap = await place.get("/plans/b32-ngl-99")
            began = time.monotonic()
            status, reply = await place.ask("b32-ngl-99")
            took = time.monotonic() - began
            refusal = reply.get("error", {}).get("message", "")
    print("### Another program takes memory\n")
    table(
        [
            "profile",
            "taken",
            "planned MiB and words",
            "told MiB",
            "prompt / generation t/s",
            "found",
        ],
        rows,
    )
    print(
        f"`-ngl 99` there: planned `fits: {trap['fits']}` ({'; '.join(trap.get('warnings', []))}); "
    )
    print(f"a request got {status} after {took * 1000:.0f} ms: {refusal}\n", flush=True)


async def unequal(folder: Path, engine: Path, cards: Cards) -> None:
    """Two cards of which one is nearly full: one margin for both against a list."""
    conf = "".join(
        f"[x30-{margin.replace(',', '-')}]\nmodel = x30.gguf\nctx-size = 32768\nfit-target = {margin}\n"
        for margin in ("1024", "3072", "256,3072", "256,1024")
    )
    rows = []
    with hog(0, cards.free(0) - 18000), hog(1, cards.free(1) - 12000):
        async with home(folder, engine, conf) as place:
            for profile in [p["id"] for p in (await place.get("/models"))["data"]]:
                plan = await place.get(f"/plans/{profile}")
                instance = await place.load(profile)
                rows.append(
                    [profile.removeprefix("x30-"), shown(sums(plan)), shown(held(instance)),
                     plan.get("experts_in_ram", 0), instance["placement"].get("graph_splits"),
                     speeds(instance), found(instance)]
                )  # fmt: skip
                await place.empty()
    print("### Unequal GPUs: x30, 18,000 and 12,000 MiB left\n")
    table(
        ["margins", "planned MiB", "told MiB", "expert layers in RAM", "splits",
         "prompt / generation t/s", "found"],
        rows,
    )  # fmt: skip


def _introduce(engine: Path, models: Path, cards: Cards) -> None:
    """What was measured, on what, when."""
    sizes = {name: (models / f"{name}.gguf").stat().st_size / 1e9 for name in MODELS}
    build = subprocess.run([engine, "--version"], capture_output=True, text=True, check=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {cards.words()}; {machine}")
    print(f"llama-server {(build.stderr + build.stdout).splitlines()[0]}")
    print("models: " + ", ".join(f"{name} {size:.1f} GB" for name, size in sizes.items()) + "\n")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", type=Path, help="a CUDA llama-server")
    parser.add_argument("--folder", type=Path, help="where models are written and kept")
    parser.add_argument("--only", nargs="*", default=[], metavar="PART")
    given = parser.parse_args()
    cards = Cards()
    root = given.folder or Path(tempfile.mkdtemp(prefix="paddock-gpu-"))
    models = root / "models"
    models.mkdir(parents=True, exist_ok=True)
    for name, script in MODELS.items():
        if not (models / f"{name}.gguf").exists():
            write(models / f"{name}.gguf", script)
    _introduce(given.engine, models, cards)
    parts = {"truth": truth, "together": together, "pressure": pressure}
    if len(cards) > 1:
        parts["unequal"] = unequal
    for name, part in parts.items():
        if given.only and name not in given.only:
            continue
        folder = root / name
        folder.mkdir(exist_ok=True)
        try:
            await part(folder, given.engine.absolute(), cards)
        except (KeyError, TimeoutError, aiohttp.ClientError) as error:
            print(
                f"{name} could not be measured: {error!r}\n{(folder / 'daemon.log').read_text()[-3000:]}"
            )
            print(json.dumps(str(error)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
