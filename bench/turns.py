"""Two models that do not fit together: what one client that alternates waits for, and what two cost.

    python bench/turns.py [--rounds 9] [--mib 286] [--engine PATH] [--json]

A real daemon and real llama-servers on the CPU; one instance at a time. Alone: of one client that asks for
both by turns, seconds until the other model is ordered to end, and until the answer is there; once as one
that says who it is, once as one of whom nothing is known (and which therefore waits for a grace, as
everybody did before). Two: each wants its own model, 20 requests
each, and asks again a moment after each answer: loads, and the longest wait.
"""

import argparse
import http.client
import json
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from rig import daemon, save, show

from paddock.api.client import Client
from paddock.api.events import InstanceChanged
from paddock.llama.scripted import ScriptedModel, write

MODELS = ("left", "right")
THINKING = 0.05  # seconds between an answer and the next request
REQUESTS = 20  # of each of two clients


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as name:
        folder = Path(name)
        _write(folder, options.mib)
        with daemon(folder, options.engine) as (client, _):
            result = alone(client, options.rounds) | two(client)
    save(result, as_json=options.json)
    if not options.json:
        show("two models that do not fit", ("", "number"), list(result.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--mib", type=int, default=286, help="size of each model")
    parser.add_argument("--engine", default="native")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _write(folder: Path, mib: int) -> None:
    sections = ["[*]\nctx-size = 1024\nparallel = 1\n"]
    for name in MODELS:
        script = ScriptedModel(name=name, say="Here.", target_mib=mib, dense=True)
        path = write(folder / f"{name}.gguf", script)
        sections.append(f"[{name}]\nmodel = {path}\n")
    (folder / "models.conf").write_text("\n".join(sections))
    (folder / "state").mkdir()
    (folder / "paddock.toml").write_text("max-instances = 1\nprobe-after = 0\nplan-ahead = false\n")


class Endings:
    """When (`time.perf_counter`) instances were ordered to end, as the daemon's events say."""

    def __init__(self, client: Client) -> None:
        self.last = 0.0
        threading.Thread(target=self._follow, args=(client,), daemon=True).start()

    def _follow(self, client: Client) -> None:
        seen: set[str] = set()
        for event in client.events():
            if isinstance(event, InstanceChanged) and event.instance.phase == "stopping":
                if event.instance.id not in seen:
                    self.last = time.perf_counter()
                seen.add(event.instance.id)


def alone(client: Client, rounds: int) -> dict[str, float]:
    """Medians of a switch, of one client that is known and of one that is not, by turns."""
    endings = Endings(Client(client.url))
    for model in MODELS * 2:  # the page cache is warm, and load times are known
        _ask(client, model, "before")
    found = {}
    for words, session in (("it says who it is", "alone"), ("nothing known of it", "")):
        graces, answers = [], []
        for model in MODELS * (rounds + 1):
            begun = time.perf_counter()
            answers.append(_ask(client, model, session))
            graces.append(endings.last - begun)
        found[f"alone, {words}: until the other ends, s"] = median(graces[len(MODELS) :])
        found[f"alone, {words}: until the answer, s"] = median(answers[len(MODELS) :])
    return found


def two(client: Client) -> dict[str, float]:
    """Loads for 40 requests of two clients with a model each, and the longest that one waited."""
    waits: list[float] = []
    before = _loads(client)
    threads = [threading.Thread(target=_work, args=(client, model, waits)) for model in MODELS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "two clients: requests": float(len(waits)),
        "two clients: loads": float(_loads(client) - before),
        "two clients: longest wait, s": max(waits),
    }


def _work(client: Client, model: str, waits: list[float]) -> None:
    for _ in range(REQUESTS):
        waits.append(_ask(client, model, f"session of {model}"))
        time.sleep(THINKING)


def _loads(client: Client) -> int:
    """How many instances there have been: they are numbered."""
    return max((int(i.id.rpartition(".")[2]) for i in client.status().instances), default=0)


def _ask(client: Client, model: str, session: str) -> float:
    """Seconds to the whole answer, which is a word."""
    address = client.url.removeprefix("http://")
    headers = {"Content-Type": "application/json"} | ({"X-Session-Id": session} if session else {})
    message = {"role": "user", "content": "hi"}
    body = json.dumps({"model": model, "messages": [message], "max_tokens": 1})
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(address, timeout=600)
    connection.request("POST", "/v1/chat/completions", body, headers)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    if reply.status != 200:
        raise SystemExit(text.decode())
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
