"""A switch on a real GPU, beside the other managers: seconds to the first token, in one run.

    bench/gpu/build.sh SOURCE ENGINE                        once: a CUDA llama-server
    python bench/gpu/switch.py ENGINE/llama-server [--llama-swap PATH] [--rounds 4] [--json]
    python bench/gpu/switch.py LLAMA_SERVER --small         the same steps on a processor: does it run?

Three parts. `conversation`: one client asks an 8B model and, by turns, goes on with a conversation of
16,000 tokens on a 32B model; another program leaves room for one of the two. `pressure`: a mixture of
experts that fits in part, beside a bare llama-server with the same flags. `clients`: two clients,
each with its model, of which one fits; counted are the loads. All managers run the same llama-server,
with the same flags, in turns.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # bench/, whose rig this shares

from machine import MODELS, Cards, hog
from managers import SOON, Bare, Manager, Messages, llama_swap, paddock, router
from rig import save, show

from paddock.llama.scripted import ScriptedModel, write

SMALL = {name: ScriptedModel(say="Here.", name=name) for name in MODELS}
_ROOM = {"conversation": 34_000, "pressure": 13_500}  # MiB of the GPU that are left
_SENTENCE = "The horses stand in the paddock and wait for their turn. "
_TOKENS_EACH = 41  # of the sentence, in the alphabet of these models

Result = dict[str, dict[str, list[float]]]  # by manager and what was measured: each time


# ---- the parts ----


def conversation(managers: list[Manager], options: argparse.Namespace) -> None:
    """Turns of one client, who reads for `--pause` seconds before he asks again."""
    for number in range(options.rounds):
        print(f"conversation: round {number + 1} of {options.rounds}", file=sys.stderr)
        for manager in _rotated(managers, number):
            for pause in options.pauses:
                _turns(manager, options.tokens, pause, number)
                manager.unload()


def _turns(manager: Manager, tokens: int, pause: float, number: int) -> None:
    text = f"{manager.name} {number} {pause} " + _SENTENCE * (tokens // _TOKENS_EACH)
    messages: Messages = [{"role": "user", "content": text}]
    manager.first_token("b32", messages)
    for _ in range(2):
        time.sleep(pause)
        away = manager.first_token("a8", [{"role": "user", "content": "hi"}])
        messages += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "So?"}]
        time.sleep(pause)
        back = manager.first_token("b32", messages)
        after = f"after a pause of {pause:g} s"
        manager.note(f"8B after 32B, {after}", away)
        manager.note(f"back to the conversation, {after}", back)
        manager.note(f"a round, {after}", away + back)


def pressure(managers: list[Manager], options: argparse.Namespace, bare: Manager) -> None:
    contenders = [bare, *(m for m in managers if m.name == "paddock")]
    for number in range(options.rounds):
        print(f"pressure: round {number + 1} of {options.rounds}", file=sys.stderr)
        for manager in _rotated(contenders, number):
            manager.unload()
            took = manager.first_token("x30", [{"role": "user", "content": "hi"}], 4)
            manager.note("a mixture of experts that fits in part", took)
            manager.unload()


def clients(managers: list[Manager], options: argparse.Namespace) -> None:
    """Two at once, each with its own model and twenty questions."""
    for manager in (m for m in managers if m.name != "llama-swap"):
        manager.unload()
        before = manager.loads()
        waits: list[float] = []

        def ask(model: str, manager: Manager = manager, waits: list[float] = waits) -> None:
            for _ in range(options.questions):
                took = manager.first_token(model, [{"role": "user", "content": "hi"}], 20)
                waits.append(took)

        threads = [threading.Thread(target=ask, args=(model,)) for model in ("a8", "b32")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        manager.note(f"two clients, {2 * options.questions} questions: loads",
                     float(manager.loads() - before))  # fmt: skip
        manager.note("two clients: the longest wait", max(waits))
        manager.unload()


def _rotated(managers: list[Manager], by: int) -> list[Manager]:
    at = by % len(managers)
    return managers[at:] + managers[:at]


# ---- all of it ----


def main() -> None:
    options = _options()
    root = options.folder or Path(tempfile.mkdtemp(prefix="paddock-gpu-"))
    models = root / "models"
    models.mkdir(parents=True, exist_ok=True)
    for name, script in (SMALL if options.small else MODELS).items():
        if not (models / f"{name}.gguf").exists():
            write(models / f"{name}.gguf", script)
    result = _measure(root, models, options)
    if options.json:
        save(result, as_json=True)
    _print(result)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", type=Path, help="a llama-server with router mode")
    parser.add_argument("--llama-swap", type=Path, metavar="PATH")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=16_000, help="of the conversation, about")
    parser.add_argument("--pauses", type=float, nargs="*", default=[0, 6], metavar="SECONDS")
    parser.add_argument("--questions", type=int, default=20, help="of each of the two clients")
    parser.add_argument("--only", nargs="*", default=[], metavar="PART")
    parser.add_argument("--folder", type=Path, help="where models are written and kept")
    parser.add_argument("--small", action="store_true", help="tiny models and no GPU")
    parser.add_argument("--alone", action="store_true", help="Paddock without the router beside it")
    parser.add_argument("--overlap", choices=["auto", "off"], default="auto", help="of Paddock")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(root: Path, models: Path, options: argparse.Namespace) -> Result:
    result: Result = {}
    engine = options.engine.absolute()
    bare = Bare(root, engine, models)
    parts = {"conversation": conversation, "clients": clients}
    parts["pressure"] = lambda managers, options: pressure(managers, options, bare)
    for name, part in parts.items():
        if options.only and name not in options.only:
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
        with ExitStack() as stack:
            stack.enter_context(_filled(_ROOM.get(name, _ROOM["conversation"]), options))
            wait = _until_empty(options)
            managers = [
                stack.enter_context(paddock(folder / "paddock", engine, models, options.overlap))
            ]
            if not options.alone:
                managers.append(stack.enter_context(router(folder / "router", engine, models)))
            if options.llama_swap:
                swap = llama_swap(options.llama_swap, folder / "swap", engine, models)
                managers.append(stack.enter_context(swap))
            for manager in managers:
                manager.unload = _both(manager.unload, wait)
            part(managers, options)
            for manager in [*managers, bare]:
                result.setdefault(manager.name, {}).update(manager.seen)
    return result


def _until_empty(options: argparse.Namespace) -> Callable[[], None]:
    """What waits until the GPU is as empty as now: a manager may call gone what is still ending."""
    if options.small:
        return lambda: None
    cards = Cards()
    free = cards.free(0)

    def wait() -> None:
        while cards.free(0) < free - 256:
            time.sleep(SOON)

    return wait


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        first()
        second()

    return run


def _filled(left: int, options: argparse.Namespace) -> Any:
    """Another program holds all of the GPU but this, MiB."""
    return nullcontext() if options.small else hog(0, Cards().free(0) - left)


def _print(result: Result) -> None:
    others = {name: seen for name, seen in result.items() if name != "paddock"}
    for what, ours in result["paddock"].items():
        rows = [("paddock", median(ours), min(ours), max(ours), 1.0)]
        for name, seen in others.items():
            if theirs := seen.get(what):
                ratio = median(ours) / median(theirs) if median(theirs) else float("nan")
                rows.append((name, median(theirs), min(theirs), max(theirs), ratio))
        show(what, ("", "median", "least", "most", "paddock over it"), rows)


if __name__ == "__main__":
    main()
