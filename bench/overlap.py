"""What `overlap` brings: from the request for a model, while another must leave for it, to its first token.

    python bench/overlap.py [--rounds 9] [--mib 286] [--tokens 2000] [--engine PATH] [--json]

In turn, in one run, over the same file: a profile that is begun while the other leaves, and one that is begun
when it has left. The other is idle, and has nothing to save ("idle"), or has just read a prompt of so many
tokens that it saves as it leaves ("saves"). Medians, with the phases of the daemon's own record.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from uuid import uuid4

from rig import Numbers, daemon, first_token_at, interleaved, save, show

from paddock.api.client import Client
from paddock.llama.scripted import ScriptedModel, write

_SENTENCE = "The horses stand in the paddock and wait for their turn. "  # some 41 tokens
_TOKENS_EACH = 41


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as name:
        folder = Path(name)
        _write(folder, options.mib, options.tokens)
        with daemon(folder, options.engine) as (client, _):
            result = interleaved(options.rounds, _contenders(client, options.tokens))
    if options.json:
        save(result, as_json=True)
        return
    for what in next(iter(result.values())):
        rows = [(way, median(numbers[what]), min(numbers[what])) for way, numbers in result.items()]
        show(f"{what}, seconds", ("", "median", "best"), rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--mib", type=int, default=286, help="size of the model that comes")
    parser.add_argument("--tokens", type=int, default=2000, help="that the other has read, about")
    parser.add_argument("--engine", default="native")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _write(folder: Path, mib: int, tokens: int) -> None:
    comes = write(folder / "comes.gguf", ScriptedModel(say="Here.", target_mib=mib, dense=True))
    leaves = write(folder / "leaves.gguf", ScriptedModel(say="Here.", ctx=65536))
    (folder / "models.conf").write_text(
        f"[*]\nparallel = 1\n[early]\nmodel = {comes}\nkeep-context = off\n"
        f"[in-turn]\nmodel = {comes}\noverlap = off\nkeep-context = off\n"
        f"[idle]\nmodel = {leaves}\nkeep-context = off\nctx-size = {tokens + 1024}\n"
        f"[saves]\nmodel = {leaves}\nkeep-context = on\nctx-size = {tokens + 1024}\n"
    )
    (folder / "paddock.toml").write_text("max-instances = 1\nprobe-after = 0\nplan-ahead = false\n")


def _contenders(client: Client, tokens: int) -> dict[str, Callable[[], Numbers]]:
    prompt = _SENTENCE * (tokens // _TOKENS_EACH)

    def switch(model: str) -> Numbers:
        found = {}
        for other in ("idle", "saves"):
            first_token_at(client, other, f"{uuid4()} {prompt}")  # which nobody has ever read
            begun = time.perf_counter()
            found[f"after `{other}`: first token"] = first_token_at(client, model) - begun
        return found

    return {model: partial(switch, model) for model in ("in-turn", "early")}


if __name__ == "__main__":
    main()
