"""A made-up cluster, a day of its traffic, and what no choice could be better than.

Each model has a home on several nodes, popular ones on more. People come in conversations: the prompt of a
turn is the whole conversation so far, and the next one comes some time after the answer.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import cos, pi

from paddock.cluster.policy.facts import ModelHome, ModelName, NodeName
from paddock.core.model import DeviceId

DAY = 86_400.0
GPU = DeviceId("gpu")
# GB of memory, GB/s of that memory, GB/s of the disk, GB of page cache; a lab's mixture of old and new cards.
_NODES = (
    (16, 450, 1.5, 24),
    (24, 900, 2.0, 48),
    (24, 900, 3.0, 48),
    (48, 800, 3.0, 96),
    (80, 2000, 5.0, 192),
)
_SIZES = (2, 3, 5, 5, 8, 9, 14, 18, 20, 24, 33, 42)  # GB: 3B Q4 to 70B Q4
_CACHE = 8.0  # GB/s out of the page cache
_EFFICIENCY = 0.6  # of the memory's speed, that one stream gets
_MIB = 954  # in a GB


@dataclass(frozen=True, slots=True)
class SimNode:
    name: NodeName
    gpu_mib: int
    cache_mib: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One request, and what of its prompt was said in this conversation before it."""

    model: ModelName
    conversation: str
    prompt: int
    earlier: int
    answer: int
    pause: float  # seconds after the answer before it


@dataclass(slots=True)
class Scene:
    nodes: list[SimNode]
    homes: dict[NodeName, dict[ModelName, ModelHome]]
    talks: list[tuple[float, list[Turn]]]  # when each begins
    nodes_of: dict[ModelName, list[NodeName]] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return sum(len(turns) for _, turns in self.talks)


def scene(*, nodes: int, models: int, talks: int, seed: int) -> Scene:
    rnd = random.Random(seed)
    made, homes = [], {}
    speeds: dict[NodeName, tuple[float, float]] = {}
    for number in range(nodes):
        size, bandwidth, disk, cache = _NODES[number % len(_NODES)]
        name = NodeName(f"node{number:02}")
        made.append(SimNode(name, size * _MIB, cache * _MIB))
        homes[name] = dict[ModelName, ModelHome]()
        speeds[name] = (bandwidth, disk)
    names = [ModelName(f"model{number:03}") for number in range(models)]
    nodes_of = {}
    for rank, model in enumerate(names):
        gb = rnd.choice(_SIZES)
        fitting = [node for node in made if node.gpu_mib >= gb * 1.1 * _MIB]
        count = min(len(fitting), rnd.randint(3, 6) + (12 if rank < 10 else 0))
        nodes_of[model] = [node.name for node in rnd.sample(fitting, count)]
        for node in nodes_of[model]:
            homes[node][model] = _home(gb, *speeds[node], replicas=6 if rank < 10 else 2)
    popularity = [1 / (rank + 1) ** 0.9 for rank in range(models)]
    begun = [_begin(rnd) for _ in range(talks)]
    chosen = rnd.choices(names, popularity, k=talks)
    people = [
        (at, list(_talk(rnd, m, n))) for n, (at, m) in enumerate(zip(begun, chosen, strict=True))
    ]
    return Scene(made, homes, sorted(people, key=lambda talk: talk[0]), nodes_of)


def _home(gb: float, bandwidth: float, disk: float, *, replicas: int) -> ModelHome:
    speed = _EFFICIENCY * bandwidth / gb
    return ModelHome(
        demand={GPU: round(gb * 1.1 * _MIB)},
        stiff=frozenset({GPU}),
        size_mib=round(gb * _MIB),
        load_seconds=1 + gb / disk,
        warm_load_seconds=1 + gb / _CACHE,
        prompt_speed=25 * speed,
        generation_speed=speed,
        replicas=replicas,
    )


def _begin(rnd: random.Random) -> float:
    """More by day than by night: four to one."""
    while True:
        at = rnd.uniform(0, DAY)
        if rnd.random() < (1 - 0.6 * cos(2 * pi * at / DAY)) / 1.6:
            return at


def _talk(rnd: random.Random, model: ModelName, number: int) -> Iterator[Turn]:
    said = rnd.choice([200, 1000, 3000, 8000])
    earlier, pause = 0, 0.0
    for _ in range(min(1 + int(rnd.expovariate(1 / 5)), 25)):
        answer = rnd.randint(30, 700)
        yield Turn(model, f"talk{number}", said, earlier, answer, pause)
        earlier = said + answer
        said, pause = earlier + rnd.randint(30, 800), rnd.expovariate(1 / 60)


# ---- what no choice could be better than ----


@dataclass(frozen=True, slots=True)
class Bound:
    """Seconds of all requests together, of any choice that loads only what was asked for."""

    loading: float
    reading: float
    answering: float

    @property
    def first_tokens(self) -> float:
        return self.loading + self.reading


def bound(stage: Scene, asked: Sequence[tuple[float, ModelName]]) -> Bound:
    """`asked`: when each model was asked for, in a run.

    Each request is read and answered on the fastest node of its model, with nobody before it and all that was said
    before in its slot. Of loads, the least is counted that the memory of all nodes together allows, as if it were one
    and models could be kept in part: between two requests a model is kept, which takes room, or is loaded again from the
    page cache. That sum is a linear program; any prices of room give a bound of it (its Lagrangian dual), and
    the best of some are taken.
    """
    best = {m: [stage.homes[n][m] for n in names] for m, names in stage.nodes_of.items()}
    reading = answering = 0.0
    for _, turns in stage.talks:
        prompt = max(home.prompt_speed or 1 for home in best[turns[0].model])
        speed = max(home.generation_speed or 1 for home in best[turns[0].model])
        reading += sum((turn.prompt - turn.earlier) / prompt for turn in turns)
        answering += sum(turn.answer / speed for turn in turns)
    return Bound(_least_loading(stage, asked), reading, answering)


_WINDOWS = 48
_SHORT = 120.0  # seconds: to keep a model for less costs next to nothing


def _least_loading(stage: Scene, asked: Sequence[tuple[float, ModelName]]) -> float:
    times: dict[ModelName, list[float]] = {}
    for at, model in asked:
        times.setdefault(model, []).append(at)
    least = {
        m: min(stage.homes[n][m].warm_load_seconds or 0.0 for n in stage.nodes_of[m]) for m in times
    }
    cold = {m: min(stage.homes[n][m].load_seconds or 0.0 for n in stage.nodes_of[m]) for m in times}
    first = sum(cold.values())
    size = {m: min(stage.homes[n][m].demand[GPU] for n in stage.nodes_of[m]) for m in times}
    gaps = [
        (least[m], size[m], list(_windows(one, other)))
        for m, when in times.items()
        for one, other in pairwise(sorted(when))
        if other - one > _SHORT
    ]
    whole = sum(node.gpu_mib for node in stage.nodes)
    return first + _dual(gaps, whole)


def _windows(one: float, other: float) -> Iterator[tuple[int, float]]:
    """The parts of the windows that lie between two times."""
    width = DAY / _WINDOWS
    at = one
    while at < min(other, DAY):
        window = int(at // width)
        end = min((window + 1) * width, other)
        yield window, (end - at) / width
        at = end


def _dual(gaps: list[tuple[float, int, list[tuple[int, float]]]], whole: int) -> float:
    """The best bound found: prices per MiB and window go up where more would be kept than there is room."""
    prices = [0.0] * _WINDOWS
    best, step = 0.0, 2e-4
    for _ in range(60):
        taken, value = [0.0] * _WINDOWS, 0.0
        for load, mib, parts in gaps:
            hold = mib * sum(prices[window] * part for window, part in parts)
            value += min(load, hold)
            if hold < load:
                for window, part in parts:
                    taken[window] += mib * part
        best = max(best, value - whole * sum(prices))
        prices = [
            max(price + step * (used - whole) / whole, 0.0)
            for price, used in zip(prices, taken, strict=True)
        ]
        step *= 0.95
    return best


def quantile(values: Sequence[float], part: float) -> float:
    """Of sorted values, the one below which this part of them lies."""
    return values[min(int(part * len(values)), len(values) - 1)] if values else 0.0
