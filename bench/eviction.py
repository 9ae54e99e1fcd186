"""Who should leave: seconds of loading under several rules, over the same requests.

    python bench/eviction.py [--json] [--recorded STATE/daemon.log --capacity MIB --model NAME=MIB,SECONDS ...]

Requests come one after the other. Shown are seconds of loading over those of the best choice, which
knows the future: exact, by dynamic programming over all sets of models that fit. Each rule sees load
times as they are measured, up to a quarter off. "Paddock" is the real scheduler; the others are here.
With `--recorded`, the order of models is taken from a daemon's log (`daemon.log`, and what was rotated).
"""

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import exp, log
from pathlib import Path
from statistics import mean

from paddock.core.effects import Spawn, Stop
from paddock.core.events import Asked, BecameReady, Configured, Exited, Left, Measured, MemoryFreed
from paddock.core.model import Cause, DeviceId, ProfileId, Room, Spec, Ticket
from paddock.core.scheduler import Scheduler

GPU = DeviceId("gpu")
ENDED = Cause("exited", "it ended")
NOISE = 0.25  # how far a measured load time may be from the next one's
SEEDS = range(3)
APART = 1000.0  # seconds between requests: longer than any grace


@dataclass(frozen=True, slots=True)
class Model:
    size: int  # thousandths of a GB
    cost: float  # seconds to load


@dataclass(frozen=True, slots=True)
class Traffic:
    name: str
    capacity: int
    models: Mapping[str, Model]
    asked: tuple[str, ...]


# ---- traffic ----

_SIZES = (5, 9, 18, 24, 33, 8, 5)  # GB: 8B Q4 to 32B Q8


def _fleet(rnd: random.Random, *, offloaded: bool) -> dict[str, Model]:
    """Seven models of usual sizes; load times as warm on an H200, some several times longer."""
    factor = (1, 1, 3, 6) if offloaded else (1,)
    costs = ((size * 0.15 + 1) * rnd.choice(factor) for size in _SIZES)
    return {chr(97 + n): Model(s, c) for n, (s, c) in enumerate(zip(_SIZES, costs, strict=True))}


def _popular(seed: int, *, offloaded: bool) -> Traffic:
    """Some are asked for more often (Zipf), several times in a row."""
    rnd = random.Random(seed)
    models = _fleet(rnd, offloaded=offloaded)
    names = rnd.sample(list(models), len(models))
    asked = [names[0]]
    while len(asked) < 600:
        again = rnd.random() < 0.7
        asked.append(asked[-1] if again else rnd.choices(names, [1 / n for n in range(1, 8)])[0])
    kind = "some load slowly" if offloaded else "load time by size"
    return Traffic(f"popular and rare ones, {kind}", 48, models, tuple(asked))


def _phases(seed: int, *, offloaded: bool) -> Traffic:
    """A task uses two or three of them for a while; then another task does."""
    rnd = random.Random(seed)
    models = _fleet(rnd, offloaded=offloaded)
    asked: list[str] = []
    for _ in range(25):
        used = rnd.sample(list(models), rnd.choice([2, 3]))
        asked += rnd.choices(used, k=rnd.randint(10, 40))
    kind = "some load slowly" if offloaded else "load time by size"
    return Traffic(f"one task after another, {kind}", 48, models, tuple(asked))


def _agents(seed: int) -> Traffic:
    """A coder with a small model for titles, embeddings now and then, a look at a picture."""
    rnd = random.Random(seed)
    models = {"coder": Model(24, 4.6), "moe": Model(20, 12), "small": Model(5, 1.8)}
    models |= {"embed": Model(2, 1.3), "vision": Model(14, 3.1)}
    asked: list[str] = []
    for _ in range(60):
        main = rnd.choices(["coder", "moe"], [3, 1])[0]
        for _ in range(rnd.randint(3, 15)):
            asked += [main] + ["small"] * (rnd.random() < 0.3) + ["embed"] * (rnd.random() < 0.1)
        asked += ["vision", main] if rnd.random() < 0.2 else []
    return Traffic("agents and their side jobs", 30, models, tuple(asked))


def _by_hand() -> Iterator[Traffic]:
    for factor in (3, 9):
        models = {"s": Model(5, 5 * factor), "a": Model(5, 5), "b": Model(5, 5)}
        name = f"a slow one once ({factor} times), then two by turns"
        yield Traffic(name, 10, models, ("s", *"ab" * 60))
    equals = {"a": Model(5, 5.0), "b": Model(5, 5.004), "c": Model(5, 4.997)}
    yield Traffic("equals, one asked for every other time", 10, equals, tuple("abac" * 50))
    loop = {name: Model(5, 5) for name in "abcd"}
    yield Traffic("four in a circle, three fit", 15, loop, tuple("abcd" * 60))
    unequal = {name: Model(5, 3 * 2**n) for n, name in enumerate("abcd")}
    yield Traffic("the same, load times 3 to 24 s", 15, unequal, tuple("abcd" * 60))


def made_up() -> list[Traffic]:
    drawn = [_popular(seed, offloaded=slow) for slow in (False, True) for seed in range(4)]
    drawn += [_phases(seed, offloaded=slow) for slow in (False, True) for seed in range(4)]
    return [*_by_hand(), *drawn, *map(_agents, range(4))]


def recorded(path: Path, capacity: int, models: Mapping[str, Model]) -> Traffic:
    """The requests of a daemon's log, of models that are described."""
    found = re.findall(r" model=(\S+)", path.read_text())
    return Traffic(path.name, capacity, models, tuple(name for name in found if name in models))


# ---- rules ----


@dataclass(slots=True)
class Resident:
    model: Model
    cost: float  # as measured
    used: int  # number of the request
    floor: float = 0.0


def least_recent(resident: Resident, now: int) -> float:
    return resident.used


def by_price(resident: Resident, now: int) -> tuple[float, int]:
    """As Paddock did before."""
    return (resident.cost / resident.model.size, resident.used)


def space_time(resident: Resident, now: int) -> float:
    """Space-time product (Smith 1981): the largest and longest unused, for its cost."""
    return -(now - resident.used) * resident.model.size / resident.cost


def greedy_dual(resident: Resident, now: int) -> float:
    """GreedyDual-Size as published: the least difference decides."""
    return resident.floor + resident.cost / resident.model.size


Rule = Callable[[Resident, int], float | tuple[float, int]]


@dataclass(slots=True)
class Cache:
    """Loads what is asked for; who leaves is the least by its rule."""

    traffic: Traffic
    rule: Rule
    noise: random.Random
    seconds: float = 0.0
    inflation: float = 0.0
    residents: dict[str, Resident] = field(default_factory=dict)

    def run(self) -> float:
        for now, name in enumerate(self.traffic.asked):
            if name not in self.residents:
                self._load(name, now)
            self.residents[name].used, self.residents[name].floor = now, self.inflation
        return self.seconds

    def _load(self, name: str, now: int) -> None:
        model = self.traffic.models[name]
        least = sorted(self.residents, key=lambda other: self.rule(self.residents[other], now))
        leaving: list[str] = []
        while not self._fits(model, leaving):
            leaving.append(least[len(leaving)])
        for other in reversed(leaving.copy()):  # the dearest first: may it stay after all?
            if self._fits(model, [some for some in leaving if some != other]):
                leaving.remove(other)
        for other in leaving:
            self.inflation = max(self.inflation, greedy_dual(self.residents.pop(other), now))
        self.seconds += model.cost
        self.residents[name] = Resident(model, measured(model, self.noise), now)

    def _fits(self, model: Model, leaving: list[str]) -> bool:
        staying = self.residents.keys() - set(leaving)
        size = sum(self.residents[name].model.size for name in staying)
        return size + model.size <= self.traffic.capacity


def measured(model: Model, noise: random.Random) -> float:
    return model.cost * noise.uniform(1 - NOISE, 1 + NOISE)


def paddock(traffic: Traffic, noise: random.Random) -> float:
    """The real scheduler; each load takes as long as would be measured."""
    scheduler, now, seconds = Scheduler(), 0.0, 0.0
    specs = (Spec(ProfileId(n), {GPU: m.size}) for n, m in traffic.models.items())
    scheduler.handle(Configured(tuple(specs)), now)
    scheduler.handle(Measured(Room({GPU: traffic.capacity})), now)
    for number, name in enumerate(traffic.asked):
        now += APART
        effects = scheduler.handle(Asked(Ticket(number), ProfileId(name)), now)
        while effects:
            effect = effects.pop(0)
            if isinstance(effect, Stop):
                effects += scheduler.handle(Exited(effect.instance, ENDED), now)
                effects += scheduler.handle(MemoryFreed(effect.instance), now)
            elif isinstance(effect, Spawn):
                seconds += traffic.models[name].cost
                now += measured(traffic.models[name], noise)
                effects += scheduler.handle(BecameReady(effect.instance), now)
        scheduler.handle(Left(Ticket(number)), now)
    return seconds


def best(traffic: Traffic) -> float:
    """The least seconds of loading that any choice could need."""
    spent: dict[frozenset[str], float] = {frozenset(): 0.0}
    known: dict[tuple[frozenset[str], str], list[frozenset[str]]] = {}
    for name in traffic.asked:
        after: dict[frozenset[str], float] = {}
        for kept, seconds in spent.items():
            if (kept, name) not in known:
                known[kept, name] = list(_largest(traffic, kept, name))
            price = seconds + (0.0 if name in kept else traffic.models[name].cost)
            for remaining in known[kept, name]:
                after[remaining] = min(after.get(remaining, price), price)
        spent = after
    return min(spent.values())


def _largest(traffic: Traffic, kept: frozenset[str], name: str) -> Iterator[frozenset[str]]:
    """What can stay beside it, none of them part of another."""
    found: list[frozenset[str]] = []
    others = sorted(kept - {name})
    for count in range(len(others), -1, -1):
        for some in combinations(others, count):
            remaining = frozenset({*some, name})
            size = sum(traffic.models[other].size for other in remaining)
            if size <= traffic.capacity and not any(remaining < larger for larger in found):
                found.append(remaining)
    yield from found


RULES: dict[str, Callable[[Traffic, random.Random], float]] = {
    "LRU": lambda traffic, noise: Cache(traffic, least_recent, noise).run(),
    "before": lambda traffic, noise: Cache(traffic, by_price, noise).run(),
    "space-time": lambda traffic, noise: Cache(traffic, space_time, noise).run(),
    "GD-Size": lambda traffic, noise: Cache(traffic, greedy_dual, noise).run(),
    "Paddock": paddock,
}


def ratios(traffic: Traffic) -> dict[str, float]:
    least = best(traffic)
    return {
        name: mean(rule(traffic, random.Random(seed)) for seed in SEEDS) / least
        for name, rule in RULES.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recorded", type=Path)
    parser.add_argument("--capacity", type=int, default=24000)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=MIB,SECONDS")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.recorded:
        pairs = (text.partition("=")[::2] for text in args.model)
        numbers = {name: text.split(",") for name, text in pairs}
        models = {name: Model(int(size), float(cost)) for name, (size, cost) in numbers.items()}
        found = [recorded(args.recorded, args.capacity, models)]
    else:
        found = made_up()
    rows: dict[str, list[dict[str, float]]] = {}
    for traffic in found:
        rows.setdefault(traffic.name, []).append(ratios(traffic))
    print(json.dumps(rows, indent=1) if args.json else _table(rows))


def _table(rows: Mapping[str, list[dict[str, float]]]) -> str:
    lines = ["| seconds of loading over the best | " + " | ".join(RULES) + " |"]
    lines.append("|---|" + "---:|" * len(RULES))
    for name, drawn in rows.items():
        lines.append(_row(name, (mean(row[rule] for row in drawn) for rule in RULES)))
    every = [row for drawn in rows.values() for row in drawn]
    middle = (exp(mean(log(row[rule]) for row in every)) for rule in RULES)
    lines.append(_row("geometric mean of all", middle))
    lines.append(_row("worst", (max(row[rule] for row in every) for rule in RULES)))
    return "\n".join(lines)


def _row(name: str, numbers: Iterator[float]) -> str:
    return f"| {name} | " + " | ".join(f"{number:.2f}" for number in numbers) + " |"


if __name__ == "__main__":
    main()
