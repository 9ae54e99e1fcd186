"""What a request wants, and what comes out: a home, what it costs there by its terms, and why in words."""

from dataclasses import dataclass, field
from typing import Literal

from paddock.cluster.policy.facts import ModelName, NodeName
from paddock.core.model import Demand
from paddock.figures.units import seconds


@dataclass(frozen=True, slots=True)
class ClusterRules:
    """The numbers of the policy, in seconds unless said otherwise."""

    # A load beside a live copy must be better by this part and by `least`, and comes at most once in
    # `tenure` times its own time: estimates are about a quarter off, and a model must not go to and fro.
    margin: float = 0.25
    least: float = 1.0
    tenure: float = 3.0
    # Of one that was last used so long ago every second is expected to be wanted again before long.
    horizon: float = 600.0
    promise_factor: float = 2.0  # how much longer than reckoned a promised load is waited for
    promise_seconds: float = 30.0
    # A node that shows nothing of a promised load so long after the order does not load it.
    arrival: float = 5.0
    stranger_tokens: int = 300  # an answer to a request that others sent
    prompt_speed: float = 400.0  # tokens/s, where nobody has measured the model on any node
    generation_speed: float = 20.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request, as far as it matters for where it goes."""

    model: ModelName
    node: NodeName | None = None  # `model@node`: it goes there or nowhere
    conversation: str = ""  # its requests share the beginning of their prompts; "": unknown
    prompt_tokens: int = 0  # of the whole prompt, roughly: bytes / 4
    answer_tokens: int = 300  # expected: a mean of earlier ones, at most its own limit
    without: frozenset[NodeName] = frozenset()  # nodes on which it was tried before


@dataclass(frozen=True, slots=True)
class Bill:
    """What serving a request at one home takes, in seconds. Their sum is what is compared."""

    wake: float = 0.0  # until the node answers
    load: float = 0.0  # until the model is ready: its load, and others before it on those devices
    wait: float = 0.0  # for the tokens of the requests before it
    read: float = 0.0  # for the prompt, less what that home has read of this conversation
    answer: float = 0.0  # for the tokens of the answer
    evict: float = 0.0  # of others: what those who leave for it will take to be brought back
    way: float = 0.0  # to the node

    @property
    def total(self) -> float:
        return self.until_ready + self.read + self.answer + self.evict

    @property
    def until_ready(self) -> float:
        """Seconds until its prompt begins to be read."""
        return self.wake + self.load + self.wait + self.way


@dataclass(frozen=True, slots=True)
class HomeOption:
    """One home and what it would cost there."""

    node: NodeName
    bill: Bill
    state: Literal["ready", "coming", "absent"]
    is_asleep: bool = False
    behind: int = 0  # tokens of requests before it
    read: int = 0  # tokens of its prompt that this home has read
    # Of one that must be loaded:
    demand: Demand = field(default_factory=dict)
    leavers: tuple[ModelName, ...] = ()  # who would leave for it
    cached: float = 0.0  # the part of its files in the page cache
    is_beside: bool = False  # it would be a further live copy
    trouble: str = ""  # why that is not expected to work

    @property
    def needs_load(self) -> bool:
        return self.state == "absent"

    @property
    def words(self) -> str:
        """For people: `ready on box2, 1.2 s behind 300 tokens`, `on box1 it would load for 9.0 s`."""
        parts = [self._standing, *self._notes()]
        return ", ".join(part for part in parts if part)

    @property
    def _standing(self) -> str:
        if self.trouble:
            return f"on {self.node} it is not expected to load ({self.trouble})"
        if self.is_asleep:
            return f"{self.node} is asleep and would answer in {seconds(self.bill.wake)}"
        if self.state == "ready":
            return f"ready on {self.node}"
        if self.state == "coming":
            return f"loading on {self.node}, ready in {seconds(self.bill.load)}"
        return f"on {self.node} it would load for {seconds(self.bill.load)}"

    def _notes(self) -> list[str]:
        return [
            f"{seconds(self.bill.wait)} behind {self.behind:,} tokens" if self.behind else "",
            f"{self.read:,} tokens of the prompt are read there" if self.read else "",
            "its file is cached" if self.needs_load and self.cached >= _MOSTLY else "",
            self._leaving,
        ]

    @property
    def _leaving(self) -> str:
        if not self.leavers:
            return ""
        verb = "leaves" if len(self.leavers) == 1 else "leave"
        cost = f" ({seconds(self.bill.evict)} to be expected for that)" if self.bill.evict else ""
        return f"{' and '.join(self.leavers)} {verb} for it{cost}"


_MOSTLY = 0.9  # as of a load's record: its files count as cached


@dataclass(frozen=True, slots=True)
class HomeChoice:
    """Where the request goes, what else is to be done, and why."""

    option: HomeOption | None  # None: nobody can serve it; `reason` says why
    reason: str  # `ready on box2, 1.2 s behind 300 tokens; on box1 it would load for 9.0 s`
    # Those that were weighed to the end, the cheapest first. A load that cannot win is not.
    others: tuple[HomeOption, ...] = ()
    warm: HomeOption | None = None  # a further home to be loaded for those who come after it

    @property
    def node(self) -> NodeName | None:
        return self.option.node if self.option else None

    @property
    def wake(self) -> NodeName | None:
        """The node that must be woken before the request goes there."""
        return self.option.node if self.option and self.option.is_asleep else None
