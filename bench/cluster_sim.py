"""Nodes that serve a day of traffic, simulated: each loads, evicts and answers as a daemon does, one request
after the other for each model. Who chooses the node is a `Rule`; all rules see the same traffic.
"""

import random
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count
from time import perf_counter, thread_time
from typing import Protocol

from cluster_traffic import GPU, Scene, SimNode, Turn

from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import Wanted
from paddock.cluster.policy.choose import choose
from paddock.cluster.policy.facts import ModelCopy, ModelHome, ModelName, NodeFacts, NodeName
from paddock.core.eviction import Resident, leavers
from paddock.core.model import InstanceId, Room

REPORTED_AFTER = 0.2  # seconds until the front knows of a change


@dataclass(slots=True)
class Sent:
    ticket: int
    turn: Turn
    at: float
    node: NodeName
    following: list[Turn]


@dataclass(slots=True)
class Loaded:
    """One instance: coming until it is ready, then serving one after the other, then leaving."""

    model: ModelName
    home: ModelHome
    number: int
    is_ready: bool = False
    is_leaving: bool = False  # after those that it has
    waiting: deque[Sent] = field(default_factory=deque)
    serving: Sent | None = None
    read: dict[str, int] = field(default_factory=dict)  # tokens by conversation
    used: float = 0.0

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.serving is None and not self.waiting


class Rule(Protocol):
    """Who chooses. All but `choose` is news for it."""

    def choose(self, ticket: int, turn: Turn, now: float) -> NodeName: ...
    def began(self, ticket: int, now: float) -> None: ...
    def ended(self, ticket: int, now: float, tokens: int) -> None: ...
    def reported(self, facts: NodeFacts) -> None: ...


class Node:
    """A daemon. It loads one model at a time; who leaves finishes first, and takes nothing new."""

    def __init__(self, simulation: "Simulation", node: SimNode) -> None:
        self._simulation, self._node = simulation, node
        self.room = Room({GPU: node.gpu_mib})
        self.homes = simulation.scene.homes[node.name]
        self.loaded: dict[ModelName, Loaded] = {}
        self._leaving: list[Loaded] = []
        self._orders: OrderedDict[ModelName, list[Sent]] = OrderedDict()
        self._loading: ModelName | None = None
        self._cached: OrderedDict[ModelName, int] = OrderedDict()  # files in the page cache

    def take(self, sent: Sent) -> None:
        loaded = self.loaded.get(sent.turn.model)
        if loaded is None:
            self._orders.setdefault(sent.turn.model, []).append(sent)
            self._load_next()
            return
        loaded.waiting.append(sent)
        self._serve(loaded)

    def warm(self, model: ModelName) -> None:
        if model not in self.loaded:
            self._orders.setdefault(model, [])
            self._load_next()

    def _load_next(self) -> None:
        """Begin the first load that is ordered, if nothing loads; else have those leave that must."""
        if self._loading is not None or not self._orders:
            return
        model, waiting = next(iter(self._orders.items()))
        need = self.homes[model].need(self.room)
        beside = [loaded.home.demand for loaded in self._leaving]
        if not self._leaving:
            leaving = leavers(
                need, list(map(self._resident, self.loaded.values())), beside, self.room
            )
            for resident in leaving or ():
                self._let_go(self.loaded.pop(ModelName(str(resident.instance))))
        if self._leaving:
            return  # it goes on when they have finished
        del self._orders[model]
        self._loading = model
        loaded = Loaded(model, self.homes[model], self._simulation.number())
        loaded.waiting.extend(waiting)
        self.loaded[model] = loaded
        self._simulation.loads += 1
        seconds = self._load_seconds(model)
        self._simulation.load_seconds += seconds
        self._simulation.after(seconds, lambda: self._ready(loaded))
        self.report()

    def _resident(self, loaded: Loaded) -> Resident:
        return Resident(
            InstanceId(loaded.model),
            loaded.home.demand,
            busy=not loaded.is_idle,
            outdated=False,
            priority=0,
            kept=False,
            cost=loaded.home.loading,
            last_used=loaded.used,
        )

    def _let_go(self, loaded: Loaded) -> None:
        loaded.is_leaving = True
        if not loaded.is_idle:
            self._leaving.append(loaded)
        self.report()

    def _load_seconds(self, model: ModelName) -> float:
        home = self.homes[model]
        is_cached = model in self._cached
        self._cached[model] = home.size_mib
        self._cached.move_to_end(model)
        while sum(self._cached.values()) > self._node.cache_mib:
            self._cached.popitem(last=False)
        return (home.warm_load_seconds if is_cached else home.load_seconds) or 0.0

    def _ready(self, loaded: Loaded) -> None:
        loaded.is_ready, self._loading = True, None
        loaded.used = self._simulation.now
        self._serve(loaded)
        self._load_next()
        self.report()

    def _serve(self, loaded: Loaded) -> None:
        if not loaded.is_ready or loaded.serving or not loaded.waiting:
            return
        sent = loaded.serving = loaded.waiting.popleft()
        turn, home = sent.turn, loaded.home
        known = min(loaded.read.get(turn.conversation, 0), turn.prompt)
        reading = (turn.prompt - known) / (home.prompt_speed or 1)
        self._simulation.after(reading, lambda: self._simulation.began(sent))
        answering = turn.answer / (home.generation_speed or 1)
        self._simulation.after(reading + answering, lambda: self._ended(loaded, sent))

    def _ended(self, loaded: Loaded, sent: Sent) -> None:
        loaded.serving, loaded.used = None, self._simulation.now
        loaded.read[sent.turn.conversation] = sent.turn.prompt + sent.turn.answer
        self._simulation.ended(sent)
        self._serve(loaded)
        if loaded.is_leaving and loaded.is_idle:
            self._leaving.remove(loaded)
            self._load_next()

    def report(self) -> None:
        self._simulation.after(REPORTED_AFTER, lambda: self._simulation.rule.reported(self.facts()))

    def facts(self) -> NodeFacts:
        copies = {m: self._copy(loaded) for m, loaded in self.loaded.items()}
        for model in self._orders:
            copies[model] = ModelCopy("coming", "", self.homes[model].demand)
        now, cached = self._simulation.now, self._cached
        homes = {m: self._with_cache(m, home) for m, home in self.homes.items()} if cached else {}
        return NodeFacts(self._node.name, now, homes or self.homes, copies, self.room)

    def _with_cache(self, model: ModelName, home: ModelHome) -> ModelHome:
        return (
            self._simulation.warm_homes[self._node.name][model] if model in self._cached else home
        )

    def _copy(self, loaded: Loaded) -> ModelCopy:
        state = "ready" if loaded.is_ready else "coming"
        return ModelCopy(state, str(loaded.number), loaded.home.demand, last_used=loaded.used)


class Simulation:
    """A day of one scene under one rule."""

    def __init__(self, scene: Scene, make: Callable[["Simulation"], Rule]) -> None:
        self.scene, self.now = scene, 0.0
        self.loads, self.load_seconds = 0, 0.0
        self.firsts: list[float] = []  # seconds to the first token of each request
        self.totals: list[float] = []
        self.asked: list[tuple[float, ModelName]] = []
        self._numbers, self._tickets = count(1), count(1)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self.warm_homes = _warm(scene)
        self.nodes = {node.name: Node(self, node) for node in scene.nodes}
        self.rule = make(self)
        for node in self.nodes.values():
            self.rule.reported(node.facts())

    def number(self) -> int:
        return next(self._numbers)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        heappush(self._events, (self.now + seconds, next(self._tickets), act))

    def run(self) -> float:
        """Let the day pass; seconds that it took here."""
        begin = perf_counter()
        for at, turns in self.scene.talks:
            self.after(at, lambda turns=turns: self._ask(turns))  # type: ignore[misc]
        while self._events:
            self.now, _, act = heappop(self._events)
            act()
        return perf_counter() - begin

    def _ask(self, turns: list[Turn]) -> None:
        ticket, turn = self.number(), turns[0]
        self.asked.append((self.now, turn.model))
        node = self.rule.choose(ticket, turn, self.now)
        self.nodes[node].take(Sent(ticket, turn, self.now, node, turns[1:]))

    def began(self, sent: Sent) -> None:
        self.firsts.append(self.now - sent.at)
        self.rule.began(sent.ticket, self.now)

    def ended(self, sent: Sent) -> None:
        self.totals.append(self.now - sent.at)
        self.rule.ended(sent.ticket, self.now, sent.turn.answer)
        if sent.following:
            self.after(sent.following[0].pause, lambda: self._ask(sent.following))


def _warm(scene: Scene) -> dict[NodeName, dict[ModelName, ModelHome]]:
    return {
        node: {model: replace(home, cached=1.0) for model, home in homes.items()}
        for node, homes in scene.homes.items()
    }


# ---- rules ----


class Paddock:
    """The policy itself."""

    def __init__(self, simulation: Simulation) -> None:
        self.books, self._simulation = ClusterBooks(), simulation
        self.seconds: list[float] = []  # that each decision took

    def choose(self, ticket: int, turn: Turn, now: float) -> NodeName:
        wanted = Wanted(
            turn.model, conversation=turn.conversation, prompt_tokens=turn.prompt, answer_tokens=350
        )
        begin = thread_time()
        choice = choose(wanted, self.books, now)
        self.seconds.append(thread_time() - begin)
        self.books.sent(ticket, wanted, choice, now)
        if choice.warm is not None:
            self.books.warmed(wanted, choice, now)
            self._simulation.nodes[choice.warm.node].warm(turn.model)
        assert choice.node is not None
        return choice.node

    def began(self, ticket: int, now: float) -> None:
        self.books.began(ticket, now)

    def ended(self, ticket: int, now: float, tokens: int) -> None:
        self.books.ended(ticket, now, answer_tokens=tokens)

    def reported(self, facts: NodeFacts) -> None:
        self.books.seen(facts)


class _Simple:
    """What the simpler rules know: who has what, and what each node was sent."""

    def __init__(self, simulation: Simulation) -> None:
        self.homes = simulation.scene.nodes_of
        self.rnd = random.Random(1)
        self.ready: dict[NodeName, set[ModelName]] = {}
        self.tokens: dict[NodeName, int] = dict.fromkeys(simulation.nodes, 0)
        self._sent: dict[int, tuple[NodeName, int]] = {}

    def choose(self, ticket: int, turn: Turn, now: float) -> NodeName:
        node = self.pick(turn)
        self._sent[ticket] = (node, turn.prompt - turn.earlier + 350)
        self.tokens[node] += self._sent[ticket][1]
        return node

    def pick(self, turn: Turn) -> NodeName:
        raise NotImplementedError

    def least(self, nodes: list[NodeName]) -> NodeName:
        return min(nodes, key=lambda node: (self.tokens[node], self.rnd.random()))

    def began(self, ticket: int, now: float) -> None:
        pass

    def ended(self, ticket: int, now: float, tokens: int) -> None:
        node, sent = self._sent.pop(ticket)
        self.tokens[node] -= sent

    def reported(self, facts: NodeFacts) -> None:
        self.ready[facts.name] = set(facts.copies)


class AtRandom(_Simple):
    def pick(self, turn: Turn) -> NodeName:
        return self.rnd.choice(self.homes[turn.model])


class LeastLoaded(_Simple):
    """The node that has the fewest tokens to do."""

    def pick(self, turn: Turn) -> NodeName:
        return self.least(self.homes[turn.model])


class ReadyFirst(_Simple):
    """The least loaded of those that have it loaded; else of all."""

    def pick(self, turn: Turn) -> NodeName:
        ready = [node for node in self.homes[turn.model] if turn.model in self.ready[node]]
        return self.least(ready or self.homes[turn.model])


class AlwaysSticky(ReadyFirst):
    """A conversation stays where it began, whatever happens; one that begins goes where it is ready."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation)
        self._place: dict[str, NodeName] = {}

    def pick(self, turn: Turn) -> NodeName:
        if turn.conversation not in self._place:
            self._place[turn.conversation] = super().pick(turn)
        return self._place[turn.conversation]


RULES: dict[str, Callable[[Simulation], Rule]] = {
    "random": AtRandom,
    "least loaded": LeastLoaded,
    "ready first": ReadyFirst,
    "always sticky": AlwaysSticky,
    "Paddock": Paddock,
}
