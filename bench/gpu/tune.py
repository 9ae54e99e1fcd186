"""`paddock tune` on a real GPU: a MoE profile with a bad margin and experts in RAM must get at least 5 % faster.

    python bench/gpu/tune.py ENGINE/llama-server --folder /tmp/gpu     some 8 minutes; prints JSON
    python bench/gpu/tune.py ENGINE/llama-server --cpu                 the same way with a small model, no GPU

Another program leaves 13,500 MiB of the first card, and the profile begins with a margin of 6,144 MiB. It checks by
itself: better beyond the noise, by 5 % at least, within 8 minutes, with half the loads of a full grid at most,
models.conf written with what was found and taken back byte for byte. Exit status 1 where one of these is missed.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from home import home

from paddock.llama.scripted import ScriptedModel, write

LEFT, BAD_MARGIN, BUDGET = (
    13_500,
    6_144,
    "400s",
)  # MiB, MiB; the rest of 8 minutes is one last trial
SMALL = ScriptedModel(
    say="I am x30.", name="x30", arch="qwen3moe", layers=8, endless=True, target_mib=60
)
CONF = "[x30]\nmodel = x30.gguf\nctx-size = {ctx}\nparallel = 1\n{more}"


@contextmanager
def _nobody() -> Iterator[None]:
    yield


async def measured(root: Path, engine: Path, *, cpu: bool) -> dict[str, Any]:
    """What `paddock tune` prints, and what became of models.conf."""
    folder = root / "tune"
    folder.mkdir(exist_ok=True)
    conf = CONF.format(ctx=2048 if cpu else 16384, more="" if cpu else f"fit-target = {BAD_MARGIN}\n")  # fmt: skip
    wishes = ["--vary", "threads,load-mode", "--turn", "64,16", "--budget", "90s"] if cpu else ["--turn", "512,64", "--budget", BUDGET]  # fmt: skip
    with _nobody() if cpu else _hogged():
        async with home(folder, engine, conf) as place:
            plan = await place.get("/plans/x30")
            before = (folder / "models.conf").read_bytes()
            began = time.monotonic()
            found = await _paddock(folder, place.url, "--for", "chat", "--yes", "--json", *wishes)
            took = time.monotonic() - began
            study: dict[str, Any] = json.loads(found)
            if study["verdict"] == "better":
                await _paddock(folder, place.url, "--apply")
                study["written"] = (folder / "models.conf").read_text()
                await _paddock(folder, place.url, "--undo")
            study["taken_back"] = (folder / "models.conf").read_bytes() == before
    return {"study": study, "wall_seconds": round(took, 1), "experts_in_ram_before": plan.get("experts_in_ram", 0)}  # fmt: skip


def _hogged() -> Any:
    from machine import Cards, hog

    return hog(0, Cards().free(0) - LEFT)


async def _paddock(folder: Path, url: str, *words: str) -> str:
    """Its stdout; its progress goes to ours. Ends this program where it fails."""
    argv = [sys.executable, "-m", "paddock", "tune", "x30", "--url", url, "--config", str(folder / "models.conf"), *words]  # fmt: skip
    env = {**os.environ, "XDG_STATE_HOME": str(folder / "home")}
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, env=env)
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(
            f"{' '.join(words)}: exit status {process.returncode}\n{(folder / 'daemon.log').read_text()[-3000:]}"
        )
    return out.decode()


def summary(found: dict[str, Any], *, cpu: bool) -> dict[str, Any]:
    """Ratios, counts, and whether each aim is met."""
    study = found["study"]
    today, best = study.get("today"), study.get("best")
    ratio = round(best["median"] / today["median"], 3) if today and best else None
    states = [trial["state"] for trial in study["trials"]]
    chosen = next((t for t in study["trials"] if t["number"] == study.get("best_trial")), {})
    aims = {
        "better beyond the noise": study["verdict"] == "better",
        "by 5 % at least": bool(ratio and ratio >= 1.05),
        "within 8 minutes": found["wall_seconds"] < 480,
        "half the loads of a full grid": 2 * study["loads"] <= study["grid"],
        "experts were in RAM": found["experts_in_ram_before"] > 0,
        "taken back byte for byte": study["taken_back"],
    }
    if cpu:  # there is nothing that must be found on a processor
        aims = {name: aims[name] for name in ("within 8 minutes", "taken back byte for byte")}
    return {
        "ratio": ratio, "verdict": study["verdict"], "changes": study.get("changes", {}),
        "brings": {c["name"]: c.get("gain") for c in study.get("contributions", [])},
        "wall_seconds": found["wall_seconds"], "loads": study["loads"], "grid": study["grid"],
        "trials": {state: states.count(state) for state in sorted(set(states))},
        "experts_in_ram": [found["experts_in_ram_before"], chosen.get("experts_in_ram", 0)],
        "graph_splits": [study["trials"][0].get("graph_splits"), chosen.get("graph_splits")],
        "failed": [t["why"] for t in study["trials"] if t["state"] == "failed"], "aims": aims,
    }  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", type=Path, help="a llama-server, built with CUDA unless --cpu")
    parser.add_argument("--folder", type=Path, help="where models are written and kept")
    parser.add_argument("--cpu", action="store_true", help="try the script itself, without a GPU")
    given = parser.parse_args()
    root = given.folder or Path(tempfile.mkdtemp(prefix="paddock-gpu-"))
    models = root / "models"
    models.mkdir(parents=True, exist_ok=True)
    file = models / "x30.gguf"
    if not file.exists():
        if given.cpu:
            script = SMALL
        else:
            from machine import MODELS

            script = MODELS["x30"]
        write(file, script)
    found = await measured(root, given.engine.absolute(), cpu=given.cpu)
    (root / "tune.json").write_text(json.dumps(found, indent=1))
    short = summary(found, cpu=given.cpu)
    print(json.dumps(short, indent=1), flush=True)
    sys.exit(0 if all(short["aims"].values()) else 1)


if __name__ == "__main__":
    asyncio.run(main())
