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
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from machine import MODELS, Cards
from parts import pressure, together, truth, unequal

from paddock.llama.scripted import write


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
