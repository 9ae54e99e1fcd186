"""What the front knows and has done: facts of nodes, requests under way, promises, who has read what where."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paddock.cluster.policy.choice import Choice, Wanted
from paddock.cluster.policy.facts import NodeFacts, NodeName


@dataclass(slots=True)
class ClusterBooks:
    """All that `choose` decides by. The front owns the one that there is, and calls this for what happens."""

    nodes: dict[NodeName, NodeFacts] = field(default_factory=dict)

    def seen(self, facts: NodeFacts) -> None:
        """Note what was read of a node; it counts as answering from now on."""
        self.nodes[facts.name] = facts

    def lost(self, node: NodeName) -> None:
        """It does not answer: it counts as none until it is seen again."""
        self.nodes.pop(node, None)

    def sent(self, ticket: int, wanted: Wanted, choice: Choice, now: float) -> None:
        """Note that the request goes to the chosen home; what must be loaded for it is promised."""

    def warmed(self, wanted: Wanted, choice: Choice, now: float) -> None:
        """Note that the further home of `choice.warm` was told to load."""

    def began(self, ticket: int, now: float) -> None:
        """Note the first byte of its answer: its prompt is read."""

    def ended(self, ticket: int, now: float, *, answer_tokens: int | None = None) -> None:
        """Note its end, with the length of its answer where it was served. Unknown tickets are ignored."""

    def outstanding_tokens(self) -> Mapping[tuple[NodeName, str], int]:
        """Of requests under way, prompts that are not read and answers that are not given, by home."""
        return {}
