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
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # bench/, whose rig this shares

from measure import MODELS, Cards, hog
from rig import daemon, free_port, program, save, show

from paddock.api.client import Client
from paddock.llama.scripted import ScriptedModel, write

SMALL = {name: ScriptedModel(say="Here.", name=name) for name in MODELS}
_FLAGS = {"a8": 32768, "b32": 32768, "x30": 8192}  # the context of each
_ROOM = {"conversation": 34_000, "pressure": 13_500}  # MiB of the GPU that are left
_SENTENCE = "The horses stand in the paddock and wait for their turn. "
_TOKENS_EACH = 41  # of the sentence, in the alphabet of these models
_SOON = 0.01  # seconds between two looks

Messages = list[dict[str, str]]
Result = dict[str, dict[str, list[float]]]  # by manager and what was measured: each time


@dataclass(slots=True)
class Manager:
    """A program that has the models; all speak the same two APIs."""

    name: str
    port: int
    unload: Callable[[], None]  # all, and return when they have ended
    loads: Callable[[], int]  # until now
    seen: dict[str, list[float]] = field(default_factory=dict)

    def first_token(self, model: str, messages: Messages, tokens: int = 50) -> float:
        """Seconds until the answer begins; it is read to its end."""
        body = {"model": model, "messages": messages, "stream": True, "max_tokens": tokens}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        begun = time.perf_counter()
        headers = {"Content-Type": "application/json", "User-Agent": "one-client/1"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            sys.exit(f"{self.name}: {response.status} {response.read()[:500]!r}")
        came = 0.0
        for line in response:
            if not came and b'"content":"' in line.replace(b" ", b""):
                came = time.perf_counter() - begun
        connection.close()
        return came

    def note(self, what: str, seconds: float) -> None:
        self.seen.setdefault(what, []).append(seconds)


# ---- the managers ----


@contextmanager
def paddock(folder: Path, engine: Path, models: Path) -> Iterator[Manager]:
    folder.mkdir()
    sections = [f"[{m}]\nmodel = {models / m}.gguf\nctx-size = {c}\n" for m, c in _FLAGS.items()]
    (folder / "models.conf").write_text("[*]\nparallel = 1\n" + "".join(sections))
    # The others take the GPU by turns: what is planned beside them holds no more when it is our turn.
    (folder / "paddock.toml").write_text("plan-ahead = false\n")
    with daemon(folder, engine) as (client, _):

        def unload() -> None:
            client.unload(now=True)
            while client.status().instances:
                time.sleep(_SOON)

        for model in _FLAGS:  # a stable that was up for a while knows its plans
            client.plan(model)
        port = int(client.url.rpartition(":")[2])
        yield Manager("paddock", port, unload, lambda: _numbers(client))


def _numbers(client: Client) -> int:
    """Instances are numbered: so many were begun."""
    return max((int(i.id.rpartition(".")[2]) for i in client.status().instances), default=0)


@contextmanager
def router(folder: Path, engine: Path, models: Path) -> Iterator[Manager]:
    folder.mkdir()
    sections = [f"[{m}]\nmodel = {models / m}.gguf\nctx-size = {c}\n" for m, c in _FLAGS.items()]
    (folder / "presets.ini").write_text("[*]\nparallel = 1\n" + "".join(sections))
    port, log = free_port(), folder / "log"
    argv = [engine, "--models-preset", folder / "presets.ini", "--models-max", "1"]
    with program([*argv, "--host", "127.0.0.1", "--port", str(port)], log):
        _wait(port, "/health")

        def states() -> dict[str, str]:
            return {m["id"]: m["status"]["value"] for m in _get(port, "/models")["data"]}

        def unload() -> None:
            for name, value in states().items():
                if value != "unloaded":
                    _post(port, "/models/unload", {"model": name})
            while set(states().values()) != {"unloaded"}:
                time.sleep(_SOON)

        yield Manager("router", port, unload, lambda: log.read_text().count("spawning server"))


@contextmanager
def llama_swap(program_path: Path, folder: Path, engine: Path, models: Path) -> Iterator[Manager]:
    folder.mkdir()
    commands = {
        m: f"{engine} --port ${{PORT}} -m {models / m}.gguf -c {c} -np 1" for m, c in _FLAGS.items()
    }
    config = {"models": {m: {"cmd": command} for m, command in commands.items()}}
    (folder / "config.yaml").write_text(json.dumps(config))  # YAML knows JSON
    port, log = free_port(), folder / "log"
    argv = [program_path, "-config", folder / "config.yaml", "-listen", f"127.0.0.1:{port}"]
    with program(argv, log):
        _wait(port, "/health")

        def unload() -> None:
            _post(port, "/api/models/unload", {})
            while _get(port, "/running")["running"]:
                time.sleep(_SOON)

        yield Manager("llama-swap", port, unload, lambda: 0)


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def _post(port: int, path: str, body: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    connection.getresponse().read()


def _wait(port: int, path: str) -> None:
    for _ in range(3000):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(_SOON)
    sys.exit(f"nobody answers on port {port}")


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


class Bare(Manager):
    """A llama-server that is started for the question, and asked as soon as it is healthy."""

    def __init__(self, folder: Path, engine: Path, models: Path) -> None:
        super().__init__("bare", free_port(), lambda: None, lambda: 0)
        argv = [engine, "--host", "127.0.0.1", "--port", str(self.port), "-np", "1"]
        self._argv = [*argv, "-m", models / "x30.gguf", "-c", str(_FLAGS["x30"])]
        self._log = folder / "bare.log"

    def first_token(self, model: str, messages: Messages, tokens: int = 50) -> float:
        begun = time.perf_counter()
        with program(self._argv, self._log):
            _wait(self.port, "/health")
            healthy = time.perf_counter() - begun
            return healthy + Manager.first_token(self, model, messages, tokens)


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
            managers = [stack.enter_context(paddock(folder / "paddock", engine, models))]
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
            time.sleep(_SOON)

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
