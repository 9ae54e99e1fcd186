"""What a request wants, and what comes out: a home, what it costs there by its terms, and why in words."""

from dataclasses import dataclass

from paddock.cluster.policy.facts import ModelName, NodeName


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
class Option:
    """One home and what it would cost there."""

    node: NodeName
    bill: Bill
    needs_load: bool = False
    leavers: tuple[ModelName, ...] = ()  # who would leave for it there
    words: str = ""  # for people: `ready, 1.2 s behind 300 tokens`, `loads for 9.0 s`


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the request goes, what else is to be done, and why."""

    option: Option | None  # None: nobody can serve it; `reason` says why
    reason: str  # `ready on box2, 1.2 s behind 300 tokens; on box1 it would load for 9.0 s`
    others: tuple[
        Option, ...
    ] = ()  # that were weighed, the cheapest first: a bound for some, see `choose`
    wake: NodeName | None = None  # a node to be woken, before the request goes there
    warm: Option | None = None  # a further home to be loaded for those who come after it

    @property
    def node(self) -> NodeName | None:
        return self.option.node if self.option else None
