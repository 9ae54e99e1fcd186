"""What `keep-context` saves: from the next question of a conversation to its first token, after another model.

    python bench/context.py [--rounds 3] [--tokens 2000] [--size small] [--engine PATH] [--json]

In turn, in one run: a profile that keeps its context and one that forgets it, over the same file. Each
reads a prompt, leaves for a third model, and is asked again with a sentence more. `--size 8b` is for
a GPU: a model of made-up weights that computes as a real 8B does. Shown are the medians.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from uuid import uuid4

from rig import Numbers, daemon, first_token_at, interleaved, save, show

from paddock.api.client import Client
from paddock.engine.locate import find_engine
from paddock.llama.scripted import ScriptedModel, write

SIZES = {
    "small": ScriptedModel(say="Here.", layers=12, embd=512, heads=8, kv_heads=8, ff=2048, ctx=65536),
    "8b": ScriptedModel(
        say="Here.", layers=32, embd=4096, heads=32, kv_heads=8, ff=14336, vocab=128256, ctx=131072
    ),
}  # fmt: skip
_SENTENCE = "The horses stand in the paddock and wait for their turn. "  # some 41 tokens
_TOKENS_EACH = 41


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as name:
        folder = Path(name)
        _write(folder, SIZES[options.size], options.tokens)
        engine = find_engine(options.engine, cache_dir=folder)
        with daemon(folder, options.engine or engine.name) as (client, _):
            result = interleaved(options.rounds, _contenders(client, options.tokens))
            mib = sum(f.stat().st_size for f in folder.glob("state/contexts/*/*")) / (1 << 20)
    if options.json:
        save(result, as_json=True)
    else:
        _print(result, options.tokens, mib)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=2000, help="of the prompt, about")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--engine", help="`native`, `embedded` or a path; default: the first found")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _write(folder: Path, model: ScriptedModel, tokens: int) -> None:
    path = write(folder / "model.gguf", model)
    other = write(folder / "other.gguf", ScriptedModel(say="Here."))
    shared = f"[*]\nctx-size = {tokens + 1024}\nparallel = 1\n"
    (folder / "models.conf").write_text(
        f"{shared}[keeps]\nmodel = {path}\nkeep-context = on\n"
        f"[forgets]\nmodel = {path}\nkeep-context = off\n[other]\nmodel = {other}\n"
    )
    (folder / "paddock.toml").write_text("max-instances = 1\nprobe-after = 0\nplan-ahead = false\n")


def _contenders(client: Client, tokens: int) -> dict[str, Callable[[], Numbers]]:
    prompt = _SENTENCE * (tokens // _TOKENS_EACH)

    def ask_again(model: str) -> Numbers:
        known = f"{uuid4()} {prompt}"  # which nobody has ever read
        first_token_at(client, model, known)
        begun = time.perf_counter()
        first_token_at(client, "other")
        away = time.perf_counter()
        came = first_token_at(client, model, f"{known}And then?")
        return {"seconds": came - away, "leaving": away - begun}

    return {model: partial(ask_again, model) for model in ("forgets", "keeps")}


def _print(result: dict[str, dict[str, list[float]]], tokens: int, mib: float) -> None:
    middle = {
        way: {what: median(all_) for what, all_ in numbers.items()}
        for way, numbers in result.items()
    }
    ratio = middle["forgets"]["seconds"] / middle["keeps"]["seconds"]
    rows = [(way, numbers["seconds"], numbers["leaving"]) for way, numbers in middle.items()]
    title = f"seconds, after a prompt of about {tokens} tokens; {ratio:.1f} times as fast with its context"
    show(title, ("", "next turn's first token", "switch to the other, with its answer"), rows)
    print(f"on the disk: {mib:,.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
