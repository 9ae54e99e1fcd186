"""What a daemon does while nobody asks for anything, on each sort of device: engine starts and processor time.

    PYTHONPATH=. python bench/idle.py [--minutes 10] [--profiles 3] [--json]      after `make vulkan`

All sorts are measured at once, each by a daemon of its own that makes its plans and is then left alone. Vulkan's
devices are Mesa's lavapipe with made-up memory, type and address (tests/vulkan.py); RPC devices are
`ggml-rpc-server` with made-up memory (tests/rig.py). Plans are not counted as idling: their starts are a column.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rig import cpu_seconds, daemon

from paddock.api.client import Client
from paddock.llama.scripted import ScriptedModel, write
from tests.rig import rig
from tests.vulkan import ENGINE, Made, cards
from tests.yard import engine_command

CARD = "0000:03:00.0"
SETTLED = 5.0  # seconds without a further start, once every plan is made


@dataclass(frozen=True)
class Sort:
    """A sort of device; `rpc`: MiB of each server of ggml-rpc-server."""

    name: str
    made: tuple[Made, ...] = ()
    rpc: tuple[int, ...] = ()


SORTS = (
    Sort("the processor alone"),
    Sort("a card with a PCI address that no driver here reads", (Made(4000, CARD),)),
    Sort("the same, too small for the model", (Made(150, CARD),)),
    Sort("a card without an address", (Made(4000, ""),)),
    Sort("two cards", (Made(200, CARD), Made(140, ""))),
    Sort("graphics in RAM", (Made(4000, CARD, is_integrated=True),)),
    Sort("graphics in RAM, too small", (Made(150, CARD, is_integrated=True),)),
    Sort("two RPC servers", rpc=(200, 140)),
)


@dataclass
class Watched:
    """One daemon of them."""

    sort: Sort
    folder: Path
    client: Client
    pid: int

    @property
    def starts(self) -> int:
        file = self.folder / "starts"
        return len(file.read_text()) if file.exists() else 0

    def wait_until_settled(self) -> None:
        while any(plan.source != "engine" for plan in self.client.plans()):
            time.sleep(0.2)
        last, since = self.starts, time.monotonic()
        while time.monotonic() - since < SETTLED:
            time.sleep(0.2)
            if self.starts != last:
                last, since = self.starts, time.monotonic()


@contextmanager
def watched(sort: Sort, root: Path, model: Path, profiles: int) -> Iterator[Watched]:
    """A daemon with so many profiles of one model, on these devices."""
    with ExitStack() as stack:
        rpc = stack.enter_context(rig(root, *sort.rpc)).flag if sort.rpc else ""
        env = cards(root / "cards", *sort.made).env if sort.made else {}
        engine = counting(root, str(ENGINE) if sort.made else engine_command()[0])
        conf = "".join(
            f"[m{i}]\nmodel = {model}\nthreads = 1\nparallel = 1\nctx-size = {1024 * (i + 1)}\n{rpc}"
            for i in range(profiles)
        )
        (root / "models.conf").write_text(conf)
        before = dict(os.environ)
        try:
            client, pid = stack.enter_context(daemon(root, engine, **env))
        finally:
            os.environ.clear()
            os.environ.update(before)
        yield Watched(sort, root, client, pid)


def counting(root: Path, engine: str) -> Path:
    """The engine, which notes each start that plans or loads."""
    path = root / "engine"
    case = f'case "$1" in --help|--version) ;; *) printf x >> {root}/starts;; esac'
    path.write_text(f'#!/bin/sh\n{case}\nexec {engine} "$@"\n')
    path.chmod(0o755)
    return path


def measure(minutes: float, profiles: int) -> list[dict[str, object]]:
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="idle-", dir="/tmp")))
        shape = ScriptedModel(
            say="Hello.", target_mib=120, layers=12, embd=512, heads=8, kv_heads=4, ctx=16384
        )
        model = write(root / "m.gguf", shape)
        all_of_them = []
        for number, sort in enumerate(SORTS):
            folder = root / str(number)
            folder.mkdir()
            all_of_them.append(stack.enter_context(watched(sort, folder, model, profiles)))
        for one in all_of_them:
            one.wait_until_settled()
        began = time.monotonic()
        before = [(one.starts, cpu_seconds(one.pid)) for one in all_of_them]
        time.sleep(60 * minutes)
        took = time.monotonic() - began
        return [
            {
                "device": one.sort.name,
                "starts for plans": starts,
                "starts while idle": one.starts - starts,
                "% of a core": round(100 * (cpu_seconds(one.pid) - cpu) / took, 3),
            }
            for one, (starts, cpu) in zip(all_of_them, before, strict=True)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--profiles", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.minutes, options.profiles)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print("| " + " | ".join(found[0]) + " |")
    print("|---|" + "---:|" * (len(found[0]) - 1))
    for row in found:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
