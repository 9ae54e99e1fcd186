"""What the policy of a cluster decides, against simpler rules and a bound; and how long it takes to decide."""

import random
from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean, median
from time import thread_time

from cluster_sim import RULES, Paddock, Simulation
from cluster_traffic import GPU, bound, quantile, scene
from rig import Numbers

from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import Wanted
from paddock.cluster.policy.choose import choose
from paddock.cluster.policy.facts import ModelCopy, ModelHome, ModelName, NodeFacts, NodeName
from paddock.core.model import Room

NODES, MODELS, TALKS, SEED = 50, 300, 8000, 1
AIM = 0.001  # seconds of a decision
_MODEL = ModelName("model000")


def measured(*, talks: int = TALKS, seed: int = SEED) -> dict[str, Numbers]:
    """A row for each rule, one for the bound, and the decisions' times in microseconds."""
    stage = scene(nodes=NODES, models=MODELS, talks=talks, seed=seed)
    rows: dict[str, Numbers] = {}
    asked = []
    for name, rule in RULES.items():
        simulation = Simulation(stage, rule)
        took = simulation.run()
        firsts, asked = sorted(simulation.firsts), simulation.asked
        rows[name] = {
            "first token, mean s": fmean(firsts),
            "p95": quantile(firsts, 0.95),
            "p99": quantile(firsts, 0.99),
            "answer, mean s": fmean(simulation.totals),
            "loads": simulation.loads,
            "simulated in s": took,
        }
        if isinstance(simulation.rule, Paddock):
            rows["decisions"] = _times(simulation.rule.seconds)
    least = bound(stage, asked)
    count = stage.requests
    whole = (least.first_tokens + least.answering) / count
    rows["bound"] = {
        "first token, mean s": least.first_tokens / count,
        "answer, mean s": whole,
    }
    for name in RULES:
        rows[name]["of the bound"] = rows[name]["answer, mean s"] / whole
    return rows


def decisions() -> dict[str, Numbers]:
    """Times of one decision where every node has every model, as things stand in each case."""
    return {name: _times(list(_decide(books))) for name, books in _cases().items()}


def _times(seconds: list[float]) -> Numbers:
    ordered = sorted(seconds)
    return {
        "median µs": median(ordered) * 1e6,
        "p99 µs": quantile(ordered, 0.99) * 1e6,
        "of the aim": median(ordered) / AIM,
    }


def _decide(books: ClusterBooks) -> Iterator[float]:
    wanted = Wanted(_MODEL, conversation="talk", prompt_tokens=4000)
    for turn in range(300):
        begin = thread_time()
        choose(wanted, books, 1000.0 + turn / 1000)
        yield thread_time() - begin


def _cases() -> dict[str, ClusterBooks]:
    nobody = {ModelName("none")}
    full = {ModelName(f"model{number:03}") for number in range(1, 9)}
    return {
        "one home ready": _books({_MODEL}, nobody, ready_on=1),
        "ready on 50 nodes, 20 requests at each": _books({_MODEL}, nobody, ready_on=50, busy=20),
        "loadable on 50 nodes, with room": _books(set(), nobody, ready_on=0),
        "loadable on 50 nodes, all full": _books(set(), full, ready_on=0),
    }


def _books(
    wanted: set[ModelName], others: set[ModelName], *, ready_on: int, busy: int = 0
) -> ClusterBooks:
    rnd = random.Random(SEED)
    books, ticket = ClusterBooks(), 0
    for number in range(NODES):
        homes = {ModelName(f"model{n:03}"): _home(rnd) for n in range(MODELS)}
        copies = {model: _copy(rnd) for model in others}
        copies |= {model: _copy(rnd) for model in wanted if number < ready_on}
        name = NodeName(f"node{number:02}")
        books.seen(NodeFacts(name, 1000.0, homes, copies, Room({GPU: 80_000})))
    for name in list(books.nodes)[:ready_on]:
        for _ in range(busy):
            ticket += 1
            one = Wanted(_MODEL, node=name, prompt_tokens=500)
            books.sent(ticket, one, choose(one, books, 1000.0), 1000.0)
    return books


def _home(rnd: random.Random) -> ModelHome:
    home = ModelHome(demand={GPU: 9900}, load_seconds=rnd.uniform(3, 20), cached=rnd.random())
    return replace(home, prompt_speed=rnd.uniform(500, 3000), generation_speed=rnd.uniform(20, 90))


def _copy(rnd: random.Random) -> ModelCopy:
    return ModelCopy("ready", "1", {GPU: 9900}, last_used=rnd.uniform(0, 1000))
