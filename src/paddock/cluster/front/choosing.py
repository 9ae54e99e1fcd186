"""Which node a request is sent to: the facts of all nodes for the policy, and what became of its choices.

Decided is in `cluster/policy`, which is pure; here it gets what is known, and the time.
"""

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.stable import Stable, Wish
from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import Bill, Choice, Option, Wanted
from paddock.cluster.policy.facts import ModelName, NodeName

if TYPE_CHECKING:
    from paddock.http.reply_usage import ReplyUsage

_BYTES_OF_A_TOKEN = 4  # roughly


class Chooser:
    """Asks the policy, and notes for it what is done."""

    def __init__(self, stable: Stable) -> None:
        self.books = ClusterBooks()
        self._stable = stable
        self._wanted: dict[int, Wanted] = {}  # of requests under way

    def choose(
        self, wish: Wish, ticket: int, *, whose: str, size: int, tried: Sequence[str]
    ) -> Choice:
        """Where a request should go now: `whose` it is, of so many bytes, after it was tried on these nodes."""
        wanted = Wanted(
            ModelName(wish.profile),
            NodeName(wish.node) if wish.node else None,
            conversation=whose,
            prompt_tokens=size // _BYTES_OF_A_TOKEN,
            without=frozenset(map(NodeName, tried)),
        )
        choice = self.preview(wish, wanted)
        if choice.node is not None:
            self._wanted[ticket] = wanted
        return choice

    def preview(self, wish: Wish, wanted: Wanted | None = None) -> Choice:
        """The same, of nobody's request."""
        wanted = wanted or Wanted(ModelName(wish.profile))
        homes = [name for name in wish.homes if name not in wanted.without]
        if not homes:
            return Choice(None, f"no node that answers has {wish.model}")
        if len(homes) == 1:
            words = f"{homes[0]} is its only home"
            return Choice(Option(NodeName(homes[0]), Bill(), words=words), words)
        return self._weighed(wish, homes)

    def _weighed(self, wish: Wish, homes: Sequence[str]) -> Choice:
        best = min(homes, key=lambda name: self._standing(self._stable.links[name], wish))
        words = f"{best} is ready, or has least to do"
        return Choice(Option(NodeName(best), Bill(), words=words), words)

    def _standing(self, link: NodeLink, wish: Wish) -> tuple[bool, int]:
        row = link.view.model(wish.homes[link.name].profile) if link.view else None
        is_up = row is not None and row.state in {"ready", "busy"}
        return not is_up, len(link.uses)

    def sent(self, ticket: int, wish: Wish, choice: Choice) -> None:
        """The request goes to the chosen node."""
        if (wanted := self._wanted.get(ticket)) is not None:
            self.books.sent(ticket, wanted, choice, monotonic())

    def began(self, ticket: int) -> None:
        """The first of its answer is here."""
        self.books.began(ticket, monotonic())

    def ended(self, ticket: int, usage: "ReplyUsage") -> None:
        """It is over there, however it ended."""
        if self._wanted.pop(ticket, None) is not None:
            tokens = usage.read()
            answer = tokens.answer if tokens else None
            self.books.ended(ticket, monotonic(), answer_tokens=answer)
