"""What flags cost in memory, as llama.cpp's own fit plans it: the tables of docs/placement.md.

    make native && PYTHONPATH=. python bench/placement.py

Two RPC servers that tell of 24,000 and 16,000 MiB stand for a pair of unequal GPUs. Nothing is
loaded: the models are files of 9 and 32 GB made of holes, and only their plans are asked for. A real
driver's context (about 600 MiB on each GPU with CUDA) comes on top.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from paddock.api.placement import Plan
from paddock.config.models_conf import load
from paddock.engine.locate import find_engine
from paddock.llama.scripted import ScriptedModel, write
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances
from tests.rig import rig

A8 = ScriptedModel(
    say="I am a8.", name="a8", layers=32, embd=4096, heads=32, kv_heads=8, ff=14336, vocab=151936,
    ctx=131072,
)  # fmt: skip
X30 = ScriptedModel(
    say="I am x30.", name="x30", arch="qwen3moe", layers=48, embd=2048, heads=32, kv_heads=4,
    ff=768, experts=128, experts_used=8, vocab=151936, ctx=131072,
)  # fmt: skip


class Bench:
    """Asks for plans of one model after the other."""

    def __init__(self, folder: Path, rpc: str) -> None:
        self._folder, self._rpc = folder, rpc
        self._engine = find_engine("native", cache_dir=folder)
        self._planner = Planner()

    def plan(self, model: str, *lines: str) -> Plan:
        """The plan of a profile with these lines."""
        conf = self._folder / "models.conf"
        conf.write_text("\n".join([f"[x]\nmodel = {self._folder}/{model}.gguf", self._rpc, *lines]))
        profile = load(conf, flags_for=lambda _: self._engine.flags).profiles["x"]
        return self._planner.plan(profile, self._engine, None, Circumstances({}, {}, {}))


def table(title: str, headers: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
    print(f"\n### {title}\n")
    print("| " + " | ".join(headers) + " |")
    print("|" + "---|" * len(headers))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def sizes(plan: Plan, kind: str) -> str:
    return " + ".join(f"{getattr(d, kind):,}" for d in plan.devices)


def batches(bench: Bench) -> Iterator[Sequence[object]]:
    for ubatch in (512, 1024, 2048, 4096):
        plan = bench.plan(
            "a8", "ctx-size = 32768", f"batch-size = {ubatch}", f"ubatch-size = {ubatch}"
        )
        yield ubatch, sizes(plan, "compute")


def caches(bench: Bench) -> Iterator[Sequence[object]]:
    for kind in ("f16", "q8_0", "q4_0"):
        plan = bench.plan(
            "a8", "ctx-size = 65536", f"cache-type-k = {kind}", f"cache-type-v = {kind}"
        )
        yield kind, sizes(plan, "context")


def contexts(bench: Bench) -> Iterator[Sequence[object]]:
    for ctx in (8192, 65536, 131072, 262144):
        plan = bench.plan("a8", f"ctx-size = {ctx}")
        yield (
            ctx,
            sizes(plan, "context"),
            f"{plan.layers_on_devices} of {plan.layers}",
            plan.graph_splits,
        )


def margins(bench: Bench) -> Iterator[Sequence[object]]:
    for margin in ("128", "256", "1024", "4096", "256,1024", "256,4096", "1024,256"):
        plan = bench.plan("x30", "ctx-size = 131072", f"fit-target = {margin}")
        left = " + ".join(str(d.left) for d in plan.devices if d.device != "Host")
        yield margin, plan.experts_in_ram, plan.graph_splits, left


def overflow(bench: Bench) -> Iterator[Sequence[object]]:
    for lines in ((), ("cpu-moe = true",), ("n-cpu-moe = 24",)):
        plan = bench.plan("x30", "ctx-size = 32768", *lines)
        yield (
            " ".join(lines) or "fit alone",
            plan.experts_in_ram,
            plan.graph_splits,
            sizes(plan, "model"),
        )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="paddock-placement-") as name:
        folder = Path(name)
        write(folder / "a8.gguf", A8)
        write(folder / "x30.gguf", X30)
        with rig(folder, 24_000, 16_000) as devices:
            bench = Bench(folder, devices.flag)
            table("Batch", ["-b and -ub", "compute MiB, by device and RAM"], batches(bench))
            table("Cache types", ["K and V", "context MiB, by device and RAM"], caches(bench))
            headers = ["context", "context MiB", "layers on devices", "splits"]
            table("Context", headers, contexts(bench))
            headers = ["FIT_TARGET", "expert layers in RAM", "splits", "MiB left"]
            table("Margins", headers, margins(bench))
            headers = ["flags", "expert layers in RAM", "splits", "weights MiB, by device and RAM"]
            table("Experts", headers, overflow(bench))


if __name__ == "__main__":
    main()
