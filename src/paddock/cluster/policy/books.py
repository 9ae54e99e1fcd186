"""What the front knows and has done: facts of nodes, requests under way, promises, who has read what where."""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from paddock.cluster.policy.choice import ClusterRules, HomeChoice, HomeOption, Wanted
from paddock.cluster.policy.facts import ModelCopy, ModelName, NodeFacts, NodeName
from paddock.cluster.policy.work import NOTHING, HomeWork, SentRequest
from paddock.core.model import Demand

_CONVERSATIONS = 20_000  # whose last homes are remembered: a few MiB
_HOMES_EACH = 4  # of one conversation: more than it can have gone through lately
_LONG_AGO = float("-inf")


@dataclass(frozen=True, slots=True)
class LoadPromise:
    """A load that a node was sent for and may not have reported yet."""

    demand: Demand
    leavers: tuple[ModelName, ...]  # who leaves for it
    at: float
    ready_at: float  # as it was reckoned
    until: float  # after that it counts for nothing: the node did something else


@dataclass(frozen=True, slots=True)
class HeldContext:
    """What one home has read of one conversation."""

    tokens: int
    instance: str  # that read it; "": whichever is there
    at: float


Conversation = tuple[ModelName, str]


@dataclass(slots=True)
class ClusterBooks:
    """All that `choose` decides by. The front owns the one that there is, and calls this for what happens."""

    rules: ClusterRules = field(default_factory=ClusterRules)
    nodes: dict[NodeName, NodeFacts] = field(default_factory=dict)
    away: dict[NodeName, NodeFacts] = field(default_factory=dict)  # lost ones, as last seen
    # In the order in which they were made: a later one may undo what an earlier one brought.
    promises: dict[NodeName, dict[ModelName, LoadPromise]] = field(default_factory=dict)
    spread_at: dict[ModelName, float] = field(default_factory=dict)  # loaded beside a live copy
    _requests: dict[int, SentRequest] = field(default_factory=dict)
    _work: dict[tuple[NodeName, ModelName], HomeWork] = field(default_factory=dict)
    _read: OrderedDict[Conversation, dict[NodeName, HeldContext]] = field(
        default_factory=OrderedDict
    )
    _ready: dict[ModelName, set[NodeName]] = field(default_factory=dict)
    _newest: dict[tuple[NodeName, ModelName], HeldContext] = field(default_factory=dict)

    # ---- what happens ----

    def seen(self, facts: NodeFacts) -> None:
        """Note what was read of a node; it counts as answering from now on."""
        self._put(facts)
        known = self.promises.get(facts.name, {})
        self.promises[facts.name] = {
            model: promise
            for model, promise in known.items()
            if not self._is_settled(model, promise, facts)
        }

    def lost(self, node: NodeName) -> None:
        """It does not answer: it counts as none until it is seen again.

        What it had read is remembered: it may come back with the same instances.
        """
        if node in self.nodes:
            self._forget_ready(node)
            self.away[node] = self.nodes.pop(node)
        self.promises.pop(node, None)

    def fell_asleep(self, node: NodeName, wake_seconds: float) -> None:
        """It was let sleep, and answers so long after it was woken: with what it had, and nothing loaded."""
        facts = self.nodes.get(node) or self.away.get(node)
        if facts is not None:
            self.promises.pop(node, None)
            self._put(replace(facts, copies={}, asleep=True, wake_seconds=wake_seconds))

    def sent(self, ticket: int, wanted: Wanted, choice: HomeChoice, now: float) -> None:
        """Note that the request goes to the chosen home; what must be loaded for it is promised."""
        if choice.option is None:
            return
        node = choice.option.node
        fresh = wanted.prompt_tokens - self.tokens_read(wanted, node)
        sent = self._requests[ticket] = SentRequest(wanted, node, fresh)
        self._work.setdefault((node, wanted.model), HomeWork()).add(ticket, sent)
        if choice.option.needs_load:
            self._promise(wanted.model, choice.option, now)

    def warmed(self, wanted: Wanted, choice: HomeChoice, now: float) -> None:
        """Note that the further home of `choice.warm` was ordered to load."""
        if choice.warm is not None:
            self._promise(wanted.model, choice.warm, now)

    def began(self, ticket: int, now: float) -> None:
        """Note the first byte of its answer: its prompt is read."""
        sent = self._requests.get(ticket)
        if sent is None or sent.began_at is not None:
            return
        begun = self._requests[ticket] = replace(sent, began_at=now)
        self._work[sent.node, sent.wanted.model].begin(ticket, begun)
        self._hold(sent, sent.wanted.prompt_tokens, now)

    def ended(self, ticket: int, now: float, *, answer_tokens: int | None = None) -> None:
        """Note its end, with the length of its answer where it was served. Unknown tickets are ignored."""
        sent = self._requests.pop(ticket, None)
        if sent is None:
            return
        work = self._work[sent.node, sent.wanted.model]
        work.remove(ticket)
        if not work:
            del self._work[sent.node, sent.wanted.model]
        if answer_tokens is not None:
            self._hold(sent, sent.wanted.prompt_tokens + answer_tokens, now)

    # ---- what is asked ----

    def work(self, node: NodeName, model: ModelName) -> HomeWork:
        """What this home has from us to do."""
        return self._work.get((node, model), NOTHING)

    def outstanding_tokens(self) -> Iterator[tuple[NodeName, ModelName, int]]:
        """Of each home with requests under way: tokens of prompts and answers that were sent for, for people."""
        for (node, model), work in self._work.items():
            yield node, model, work.tokens()

    def tokens_read(self, wanted: Wanted, node: NodeName) -> int:
        """Tokens of this prompt that the home there need not read, as far as is known."""
        if not wanted.conversation:
            return 0
        held = self._read.get((wanted.model, wanted.conversation), {}).get(node)
        if held is None or not self._is_there(held, wanted.model, node):
            return 0
        return min(held.tokens, wanted.prompt_tokens)

    def ready_on(self, model: ModelName) -> Collection[NodeName]:
        """The nodes that report it ready."""
        return self._ready.get(model, ())

    def newest_context(self, node: NodeName, model: ModelName) -> HeldContext | None:
        """What that home read last: of whom it would be taken if the model left."""
        return self._newest.get((node, model))

    def standing(self, facts: NodeFacts, now: float) -> dict[ModelName, ModelCopy]:
        """What lies or will lie on the node: as reported, and changed by what was promised since, in order.

        Who leaves for a promise is not in it any more, so that no memory counts twice.
        """
        promises = self.promises.get(facts.name)
        copies = {m: c for m, c in facts.copies.items() if c.state != "ending"}
        for model, promise in (promises or {}).items():
            if promise.until >= now:
                for leaver in promise.leavers:
                    copies.pop(leaver, None)
                ready_in = max(promise.ready_at - facts.read_at, 0.0)
                copies[model] = ModelCopy("coming", "", promise.demand, ready_in)
        return copies

    # ---- inside ----

    def _put(self, facts: NodeFacts) -> None:
        self._forget_ready(facts.name)
        self.away.pop(facts.name, None)
        self.nodes[facts.name] = facts
        for model, copy in facts.copies.items():
            if copy.state == "ready":
                self._ready.setdefault(model, set()).add(facts.name)

    def _forget_ready(self, node: NodeName) -> None:
        for model in self.nodes[node].copies if node in self.nodes else ():
            names = self._ready.get(model, set())
            names.discard(node)
            if not names:
                self._ready.pop(model, None)

    def _promise(self, model: ModelName, option: HomeOption, now: float) -> None:
        """It counts as coming from now on, also where it was to leave for an earlier promise: then it comes back."""
        earlier = self.promises.get(option.node, {})
        promises = {m: _without_leaver(p, model) for m, p in earlier.items() if m != model}
        ready_in = option.bill.wake + option.bill.load
        promises[model] = LoadPromise(
            option.demand,
            option.leavers,
            at=now,
            ready_at=now + ready_in,
            until=now + self.rules.promise_factor * ready_in + self.rules.promise_seconds,
        )
        self.promises[option.node] = promises
        if option.is_beside:
            self.spread_at[model] = now

    def _hold(self, sent: SentRequest, tokens: int, now: float) -> None:
        wanted, node = sent.wanted, sent.node
        copy = self.nodes[node].copies.get(wanted.model) if node in self.nodes else None
        held = HeldContext(tokens, copy.instance if copy else "", now)
        self._newest[node, wanted.model] = held
        if not wanted.conversation:
            return
        key = (wanted.model, wanted.conversation)
        homes = self._read.pop(key, {})
        homes.pop(node, None)
        homes[node] = held
        if len(homes) > _HOMES_EACH:
            del homes[next(iter(homes))]
        self._read[key] = homes
        if len(self._read) > _CONVERSATIONS:
            self._read.popitem(last=False)

    def _is_there(self, held: HeldContext, model: ModelName, node: NodeName) -> bool:
        """Whether the instance that read it is there still, or what it read was kept."""
        facts = self.nodes.get(node)
        if facts is None:
            return False
        copy, home = facts.copies.get(model), facts.homes.get(model)
        if home is not None and home.keeps_context:
            return True
        return copy is not None and held.instance in ("", copy.instance)

    def _is_settled(self, model: ModelName, promise: LoadPromise, facts: NodeFacts) -> bool:
        """Whether the facts have what was promised, or show that it does not come."""
        copy = facts.copies.get(model)
        if copy is None or copy.state == "ending":
            return facts.read_at > min(promise.at + self.rules.arrival, promise.until)
        left = (facts.copies.get(leaver) for leaver in promise.leavers)
        is_alone = all(one is None or one.state == "ending" for one in left)
        return facts.read_at > promise.at and (copy.state == "ready" or is_alone)


def _without_leaver(promise: LoadPromise, model: ModelName) -> LoadPromise:
    if model not in promise.leavers:
        return promise
    return replace(promise, leavers=tuple(m for m in promise.leavers if m != model))
