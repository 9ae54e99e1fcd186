"""What a switch costs: from the request to the first token of a model that is not loaded.

    make bench-switch       or: python bench/switch.py [--rounds 5] [--engine PATH] [--cold] [--json]

Three ways in turn, in one run: Paddock; a bare llama-server started with the same argv, asked as
soon as it listens (the least that is possible); and llama-server's own router mode, where the
engine has one (a native llama-server). The page cache is warm; with --cold, the largest model's file is
dropped from it before each request, and first it is measured whether the disk gives more to several
readers than to one. Shown are the medians, and the best rounds, which other programs on the machine
disturbed least.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import disk
from disk import drop
from rig import Numbers, daemon, first_token_at, free_port, interleaved, program, save, show

from paddock.api.client import Client
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.errors import PaddockError
from paddock.llama.scripted import ScriptedModel, write

_COLD_AIM = (
    "\naim: Paddock at most 0.75 of bare, where the disk gives more to several readers than to one"
)
MODELS = {"tiny": None, "mb-300": 286, "gb-1": 954}  # MiB; None: as small as it gets
_LOOK_EVERY = 0.002  # seconds
_AIM = "\naim: Paddock at most 2 % or 20 ms (whichever is more) over bare"


Result = dict[str, dict[str, dict[str, list[float]]]]  # by model, way and number: each round's


@dataclass(frozen=True, slots=True)
class Rig:
    """The three ways to a model; each starts from one that is not loaded."""

    folder: Path
    engine: Engine
    paddock: Client
    router: Client | None
    is_cold: bool

    def contenders(self, model: str) -> dict[str, Callable[[], Numbers]]:
        ways = {"bare": lambda: self._bare(model), "paddock": lambda: self._paddock(model)}
        return ways | ({"router": lambda: self._router(model)} if self.router else {})

    def _bare(self, model: str) -> Numbers:
        """As a program that knows no better: start it, ask until it is healthy, then for an answer."""
        port, log = free_port(), self.folder / "bare.log"
        profile = next(p for p in self.paddock.models() if p.id == model)
        address = ("--host", "127.0.0.1", "--port", str(port))
        self._prepare(model)
        begun = time.perf_counter()
        with program([*self.engine.command, *profile.args, *address], log) as process:
            client = Client(f"http://127.0.0.1:{port}")
            while not _is_healthy(client):
                if process.poll() is not None:
                    sys.exit(f"the bare server ended: {log.read_text()}")
                time.sleep(_LOOK_EVERY)
            return {"seconds": first_token_at(client, model) - begun}

    def _paddock(self, model: str) -> Numbers:
        self.paddock.unload(now=True)
        while self.paddock.status().instances:
            time.sleep(_LOOK_EVERY)
        self._prepare(model)
        return _asked(self.paddock, model)

    def _router(self, model: str) -> Numbers:
        assert self.router
        for name, value in _router_states(self.router).items():
            if value != "unloaded":
                with self.router.connection.exchange("POST", "/models/unload", {"model": name}):
                    pass
        while set(_router_states(self.router).values()) != {"unloaded"}:
            time.sleep(_LOOK_EVERY)
        self._prepare(model)
        return _asked(self.router, model)

    def _prepare(self, model: str) -> None:
        """Nobody has its file mapped now."""
        if self.is_cold:
            drop(self.folder / f"{model}.gguf")


def _router_states(router: Client) -> dict[str, str]:
    with router.connection.exchange("GET", "/models") as response:
        listed = json.loads(response.read())["data"]
    return {model["id"]: model["status"]["value"] for model in listed}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as name:
        result = _measure(Path(name), options)
    if options.json:
        save(result, as_json=True)
    else:
        _print(result)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", help="`native`, `embedded` or a path; default: the first found")
    parser.add_argument("--cold", action="store_true", help="with a cold page cache")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(folder: Path, options: argparse.Namespace) -> Result:
    engine = find_engine(options.engine, cache_dir=folder)
    models = {"gb-1": MODELS["gb-1"]} if options.cold else MODELS
    _write(folder, models)
    with ExitStack() as stack:
        client, _ = stack.enter_context(daemon(folder, options.engine or engine.name))
        router = (
            stack.enter_context(_router(folder, engine))
            if engine.flags.find("models-preset")
            else None
        )
        rig = Rig(folder, engine, client, router, options.cold)
        result = {}
        if options.cold:
            result["disk"] = interleaved(options.rounds, disk.readers(folder / "gb-1.gguf"))
        for model in models:
            print(model, file=sys.stderr)
            contenders = rig.contenders(model)
            for warm in contenders.values():
                warm()
            result[model] = interleaved(options.rounds, contenders)
        return result


@contextmanager
def _router(folder: Path, engine: Engine) -> Iterator[Client]:
    """llama-server in router mode over the same file: one model at a time."""
    port = free_port()
    argv: list[str | Path] = [
        *engine.command,
        "--models-preset",
        folder / "models.conf",
        "--models-max",
        "1",
    ]
    argv += ["--host", "127.0.0.1", "--port", str(port)]
    client = Client(f"http://127.0.0.1:{port}")
    with program(argv, folder / "router.log") as process:
        while not _is_healthy(client):
            if process.poll() is not None:
                sys.exit(f"the router ended: {(folder / 'router.log').read_text()}")
            time.sleep(_LOOK_EVERY)
        yield client


def _write(folder: Path, models: dict[str, int | None]) -> None:
    """The models and a models.conf in llama.cpp's own vocabulary, so that the router reads it too."""
    sections = ["[*]\nctx-size = 4096\nparallel = 1\n"]
    for name, size in models.items():
        script = ScriptedModel(name=name, say="Here.", target_mib=size, dense=True)
        path = write(folder / f"{name}.gguf", script)
        sections.append(f"[{name}]\nmodel = {path}\n")
    (folder / "models.conf").write_text("\n".join(sections))


def _asked(client: Client, model: str) -> Numbers:
    begun = time.perf_counter()
    return {"seconds": first_token_at(client, model) - begun}


def _is_healthy(client: Client) -> bool:
    try:
        return client.health()
    except PaddockError:  # 503: it loads
        return False


def _print(result: Result) -> None:
    is_cold = "disk" in result
    if is_cold:
        disk.show_readers(result.pop("disk"))
    rows = [
        (f"{model}: {way}", *_compared(numbers["seconds"], ways["bare"]["seconds"]))
        for model, ways in result.items()
        for way, numbers in ways.items()
    ]
    headers = ("", "median", "over bare", "ratio", "best", "over bare")
    show("request to first token, seconds", headers, rows)
    print(_COLD_AIM if is_cold else _AIM)


def _compared(seconds: list[float], bare: list[float]) -> tuple[float, ...]:
    middle, least = median(seconds), min(seconds)
    ratio = middle / median(bare)
    return middle, middle - median(bare), ratio, least, least - min(bare)


if __name__ == "__main__":
    main()
