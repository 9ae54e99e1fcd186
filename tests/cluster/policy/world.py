"""An honest world around the policy: nodes that do what a choice says and report it late or not at all.

Each assertion says in a few words which promise was broken; the tests with planted bugs look for these words.
A node loads what it was ordered, in order, each when those who leave for it have finished and left.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from paddock.cluster.policy import choose as deciding
from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import HomeChoice, HomeOption, Wanted
from paddock.cluster.policy.facts import (
    CopyState,
    ModelCopy,
    ModelHome,
    ModelName,
    NodeFacts,
    NodeName,
)
from paddock.core.eviction import Resident, leavers
from paddock.core.model import Demand, DeviceId, InstanceId, Room

GPU = DeviceId("gpu")
PATIENCE = 20.0  # seconds after which a load has begun and ended, and a node is read again


@dataclass(slots=True)
class Running:
    """A model on a node: ordered, loading or ready."""

    model: ModelName
    demand: Demand
    since: float
    state: str = "ordered"
    instance: str = ""
    leavers: tuple[ModelName, ...] = ()  # who leaves for it
    tickets: set[int] = field(default_factory=set)
    is_leaving: bool = False  # after its requests


@dataclass(slots=True)
class Machine:
    """One node in truth. `running`: in the order in which they were ordered."""

    name: NodeName
    room: Room
    homes: Mapping[ModelName, ModelHome]
    running: list[Running] = field(default_factory=list)
    loads: int = 0

    def of(self, model: ModelName) -> Running | None:
        """The newest of this model that stays."""
        found = [r for r in self.running if r.model == model and not r.is_leaving]
        return found[-1] if found else None

    def staying(self) -> list[Running]:
        return [running for running in self.running if not running.is_leaving]

    def promised_mib(self) -> int:
        return sum(running.demand.get(GPU, 0) for running in self.staying())

    def facts(self, now: float, *, shows_leaving: bool) -> NodeFacts:
        copies: dict[ModelName, ModelCopy] = {}
        for running in self.running:
            is_shown_leaving = running.is_leaving and shows_leaving
            if running.model not in copies or copies[running.model].state == "ending":
                copies[running.model] = ModelCopy(
                    "ending" if is_shown_leaving else _shown(running),
                    running.instance,
                    running.demand,
                )
        return NodeFacts(self.name, now, self.homes, copies, self.room)


def _shown(running: Running) -> CopyState:
    return "ready" if running.state == "ready" else "coming"


def _is_ready(copy: ModelCopy | None) -> bool:
    return copy is not None and copy.state == "ready"


class ClusterWorld:
    """`is_uniform`: each model is as fast and as quick to load on all nodes."""

    def __init__(
        self, machines: Iterable[Machine], *, shows_leaving: bool, is_uniform: bool
    ) -> None:
        self.now = 0.0
        self.machines = {machine.name: machine for machine in machines}
        self.books = ClusterBooks()
        self.shows_leaving, self.is_uniform = shows_leaving, is_uniform
        self.is_sound = True
        self.lost: set[NodeName] = set()
        self.requests: dict[int, tuple[NodeName, Wanted]] = {}
        self._looks: dict[NodeName, NodeFacts] = {}
        self._tickets = 0
        self._beside: dict[ModelName, float] = {}
        self._context: dict[tuple[ModelName, str], tuple[NodeName, str]] = {}
        for name in self.machines:
            self.look(name)
            self.hear(name)

    # ---- what happens ----

    def ask(self, wanted: Wanted) -> HomeChoice:
        self.is_sound = False
        choice = deciding.choose(wanted, self.books, self.now)
        self.promise(choice == deciding.choose(wanted, self.books, self.now), "choosing acts")
        nodes = self.books.nodes.items()
        ready = {n for n, f in nodes if _is_ready(f.copies.get(wanted.model))}
        self.promise(set(self.books.ready_on(wanted.model)) == ready, "lost count of ready ones")
        if choice.option is None:
            self.promise(not self._could_serve(wanted), "nobody was asked")
        else:
            self._judge(wanted, choice, choice.option)
            self._tickets += 1
            self.books.sent(self._tickets, wanted, choice, self.now)
            self._arrive(self._tickets, wanted, choice.option)
        if choice.warm is not None:
            self._note_beside(wanted.model, choice.warm)
            self.books.warmed(wanted, choice, self.now)
            self._order(self.machines[choice.warm.node], wanted.model, choice.warm.leavers)
        for machine in self.machines.values():
            fits = machine.promised_mib() <= machine.room.capacity[GPU]
            self.promise(fits, "memory over-committed")
        self.is_sound = True
        return choice

    def look(self, name: NodeName) -> None:
        """A node says how it stands; the front has not read it yet."""
        self._looks[name] = self.machines[name].facts(self.now, shows_leaving=self.shows_leaving)

    def hear(self, name: NodeName) -> None:
        """The front reads what the node said last."""
        if name in self._looks:
            self.lost.discard(name)
            self.books.seen(self._looks.pop(name))

    def lose(self, name: NodeName) -> None:
        """Nobody can reach it; it goes on by itself."""
        self._looks.pop(name, None)
        self.lost.add(name)
        self.books.lost(name)
        for ticket in [t for t, (node, _) in self.requests.items() if node == name]:
            self.finish(ticket, served=False)

    def die(self, name: NodeName) -> None:
        self.lose(name)
        self.machines[name].running.clear()

    def finish(self, ticket: int, *, served: bool = True) -> None:
        name, wanted = self.requests.pop(ticket)
        running = next(r for r in self.machines[name].running if ticket in r.tickets)
        running.tickets.discard(ticket)
        if not served or running.state != "ready":
            return self.books.ended(ticket, self.now)
        self.books.began(ticket, self.now)
        self.books.ended(ticket, self.now, answer_tokens=wanted.answer_tokens)
        if wanted.conversation:
            self._context[wanted.model, wanted.conversation] = (name, running.instance)
        return None

    def proceed(self, machine: Machine) -> None:
        """Who leaves and has finished is gone; the first that is ordered loads if it can; a load ends."""
        loading = [r for r in machine.running if r.state == "loading"]
        if loading:
            loading[0].state = "ready"
        for running in machine.running.copy():
            if running.is_leaving and not running.tickets and running.state != "ordered":
                machine.running.remove(running)
        ordered = [r for r in machine.running if r.state == "ordered"]
        if ordered and not loading:
            self._begin(machine, ordered[0])

    def leave(self, machine: Machine, model: ModelName) -> None:
        """It is unloaded by the node itself, if nobody uses it."""
        running = machine.of(model)
        if running and running.state == "ready" and not running.tickets:
            machine.running.remove(running)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for machine in self.machines.values():
            while late := [r for r in machine.running if self._is_late(r)]:
                for ticket in [t for r in machine.running for t in r.tickets if r.state == "ready"]:
                    self.finish(ticket)
                self.proceed(machine)
                if late[0].state == "ready":
                    late[0].since = self.now
        for name, facts in list(self.books.nodes.items()):
            if self.now - facts.read_at > PATIENCE:
                self.look(name)
                self.hear(name)

    def _is_late(self, running: Running) -> bool:
        return running.state != "ready" and self.now - running.since > PATIENCE

    # ---- what is ordered ----

    def _arrive(self, ticket: int, wanted: Wanted, option: HomeOption) -> None:
        machine = self.machines[option.node]
        running = machine.of(wanted.model)
        if running is None:
            leaving: tuple[ModelName, ...] | None = option.leavers
            if option.trouble or not option.needs_load:
                # it has left meanwhile, or has no room by its plan: the node decides by itself
                leaving = self._own_leavers(machine, wanted.model)
            if leaving is None:
                return self.books.ended(ticket, self.now)  # refused
            running = self._order(machine, wanted.model, leaving)
        running.tickets.add(ticket)
        self.requests[ticket] = (option.node, wanted)
        return None

    def _order(self, machine: Machine, model: ModelName, leaving: tuple[ModelName, ...]) -> Running:
        if found := machine.of(model):
            return found
        for leaver in leaving:
            if staying := machine.of(leaver):
                self.promise(not machine.homes[leaver].pin, "a pinned one left")
                staying.is_leaving = True
        need = machine.homes[model].need(machine.room)
        machine.running.append(Running(model, need, self.now, leavers=leaving))
        return machine.running[-1]

    def _own_leavers(self, machine: Machine, model: ModelName) -> tuple[ModelName, ...] | None:
        staying = machine.staying()
        pinned = [r.demand for r in staying if machine.homes[r.model].pin]
        residents = [
            Resident(InstanceId(r.model), r.demand, bool(r.tickets), False, 0, False, 1.0, 0.0)
            for r in staying
            if not machine.homes[r.model].pin
        ]
        found = leavers(machine.homes[model].need(machine.room), residents, pinned, machine.room)
        return None if found is None else tuple(ModelName(str(r.instance)) for r in found)

    def _begin(self, machine: Machine, running: Running) -> None:
        """It loads once those before it in its way have gone."""
        older = machine.running[: machine.running.index(running)]
        if any(r.is_leaving for r in older):
            return
        beside = sum(r.demand[GPU] for r in machine.running if r.state != "ordered")
        fits = beside + running.demand[GPU] <= machine.room.capacity[GPU]
        self.promise(fits, "no room at its load")
        machine.loads += 1
        running.state, running.instance = "loading", f"{machine.name}/{machine.loads}"

    # ---- what was promised ----

    def _judge(self, wanted: Wanted, choice: HomeChoice, option: HomeOption) -> None:
        self.promise(option.node not in self.lost, "sent to a lost node")
        self.promise(option.node not in wanted.without, "sent where it was tried")
        self.promise(wanted.node in (None, option.node), "sent elsewhere than it insists")
        self.promise(wanted.model in self.machines[option.node].homes, "sent where nobody has it")
        if option.needs_load and self._known_to_live(wanted):
            self._note_beside(wanted.model, option)
        if not self.is_uniform:
            return
        idle = list(self._idle_and_known(wanted))
        self.promise(not (idle and option.needs_load), "a ready home is not used")
        replicas = max(m.homes[wanted.model].replicas for m in self._homes(wanted))
        live = self._known_to_live(wanted)
        self.promise(not (option.needs_load and len(live) >= replicas), "moved for nothing")
        place, instance = self._context.get((wanted.model, wanted.conversation), ("", ""))
        if any(m.name == place and r.instance == instance for m, r in idle):
            self.promise(option.node == place, "left its context")

    def _note_beside(self, model: ModelName, option: HomeOption) -> None:
        """A further copy of a live model is loaded: not again for a while."""
        last = self._beside.get(model, float("-inf"))
        least = min(m.homes[model].loading for m in self.machines.values() if model in m.homes)
        self.promise(self.now - last >= self.books.rules.tenure * least, "to and fro")
        self._beside[model] = self.now

    def _homes(self, wanted: Wanted) -> Iterator[Machine]:
        """The machines that may serve it, as far as the front can know."""
        for machine in self.machines.values():
            is_allowed = wanted.node in (None, machine.name) and machine.name not in wanted.without
            if is_allowed and machine.name not in self.lost and wanted.model in machine.homes:
                yield machine

    def _could_serve(self, wanted: Wanted) -> bool:
        return any(True for _ in self._homes(wanted))

    def _known_to_live(self, wanted: Wanted) -> list[Machine]:
        """Where the model is or comes, and the front has read that or ordered it itself."""
        return [m for m in self._homes(wanted) if (r := m.of(wanted.model)) and self._knows(m, r)]

    def _knows(self, machine: Machine, running: Running) -> bool:
        facts = self.books.nodes.get(machine.name)
        copy = facts.copies.get(running.model) if facts else None
        is_alone = all(not r.is_leaving or r.model != running.model for r in machine.running)
        return copy is not None and copy.instance == running.instance and is_alone

    def _idle_and_known(self, wanted: Wanted) -> Iterator[tuple[Machine, Running]]:
        for machine in self._known_to_live(wanted):
            running = machine.of(wanted.model)
            if running and running.state == "ready" and not running.tickets:
                copy = self.books.nodes[machine.name].copies[wanted.model]
                if copy.state == "ready":
                    yield machine, running

    def promise(self, kept: bool, words: str) -> None:
        assert kept, f"{words} (at {self.now})"

    def calm(self, models: Iterable[ModelName]) -> None:
        """Nobody is in a hurry: what fits together is loaded once and stays where it is."""
        for name in self.machines:
            self.look(name)
            self.hear(name)
        first = [self._asked_in_peace(model) for model in models]
        if any(option is None or option.leavers or option.trouble for option in first):
            return  # not all fit beside each other
        again = [self._asked_in_peace(model) for model in models]
        self.promise(not any(o and o.needs_load for o in again), "loaded again for nothing")

    def _asked_in_peace(self, model: ModelName) -> HomeOption | None:
        self.pass_time(2 * PATIENCE)
        option = self.ask(Wanted(model, prompt_tokens=10, answer_tokens=10)).option
        self.pass_time(2 * PATIENCE)
        for ticket in list(self.requests):
            self.finish(ticket)
        for name in self.books.nodes:
            self.look(name)
            self.hear(name)
        return option
