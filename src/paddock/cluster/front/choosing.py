"""Which node a request is sent to: the facts of all nodes for the policy, and what becomes of its choices.

Decided is in `cluster/policy`, which is pure; here it gets what is known, and the time.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING

from paddock.api.events import (
    AnyEvent,
    InstanceChanged,
    InstanceEnded,
    SwitchEnded,
    SwitchProgress,
    YieldChanged,
)
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.stable import NodeStable, NodeWish
from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import Bill, HomeChoice, HomeOption, Wanted
from paddock.cluster.policy.choose import choose
from paddock.cluster.policy.facts import ModelName, NodeName
from paddock.cluster.policy.reading import node_facts

if TYPE_CHECKING:
    from paddock.http.reply_usage import ReplyUsage

_BYTES_OF_A_TOKEN = 4  # roughly
_FRESH = 0.25  # seconds for which facts are good whatever is said of single requests meanwhile
_SEEN = 60.0  # seconds for which the page cache is believed to hold what it held
_UP = frozenset({"ready", "busy"})
# After these a node's facts are others, whenever they were read.
_TURNS = (InstanceChanged, InstanceEnded, SwitchEnded, YieldChanged)


class HomeChooser:
    """Asks the policy, and notes for it what is done."""

    def __init__(self, stable: NodeStable) -> None:
        self.books = ClusterBooks()
        self._stable = stable
        self._wanted: dict[int, Wanted] = {}  # of requests that are sent, or about to be
        self._read: dict[
            str, tuple[NodeLink, float]
        ] = {}  # whose facts are in the books, since when
        self._stale: set[str] = set()  # nodes that have said something since
        self._failed: dict[tuple[str, str], float] = {}  # when a load failed, by node and profile
        self._asleep: set[str] = set()
        stable.reader = self

    def choose(
        self, wish: NodeWish, ticket: int, *, whose: str, size: int, tried: Sequence[str]
    ) -> HomeChoice:
        """Where a request should go now: `whose` it is, of so many bytes, after it was tried on these nodes.

        Where there is no choice, and nothing to be loaded, the books need not know: nearly always with
        models that have one home.
        """
        if len(wish.homes) == 1 and not tried:
            [node] = wish.homes
            if self.is_up(node, wish):
                return _only(node)
        wanted = Wanted(
            ModelName(wish.profile),
            NodeName(wish.node) if wish.node else None,
            conversation=whose,
            prompt_tokens=size // _BYTES_OF_A_TOKEN,
            without=frozenset(map(NodeName, tried)),
        )
        choice = self._chosen(wish, wanted)
        if choice.node is not None:
            self._wanted[ticket] = wanted
        return choice

    def preview(self, wish: NodeWish, *, without: Sequence[str] = ()) -> HomeChoice:
        """The same, of nobody's request."""
        node = NodeName(wish.node) if wish.node else None
        tried = frozenset(map(NodeName, without))
        return self._chosen(wish, Wanted(ModelName(wish.profile), node, without=tried))

    def _chosen(self, wish: NodeWish, wanted: Wanted) -> HomeChoice:
        homes = [name for name in wish.homes if name not in wanted.without]
        if not homes and not self._asleep:
            return HomeChoice(None, f"no node that answers has {wish.model}")
        if len(homes) == 1 and self.is_up(homes[0], wish):
            return _only(homes[0])
        self._refresh()
        wanted = self._for_sleepers(wish, wanted) if not homes else wanted
        choice = choose(wanted, self.books, monotonic())
        if choice.option is None or choice.node in homes or choice.option.is_asleep:
            return choice
        return HomeChoice(None, f"no node that answers has {wish.model}")

    def is_up(self, node: str, wish: NodeWish) -> bool:
        """Whether it is ready there."""
        view, profile = self._stable.links[node].view, wish.homes[node].profile
        if view is None:
            return False
        return any(i.phase in _UP and i.profile == profile for i in view.instances.values())

    # ---- what becomes of it ----

    def sent(self, ticket: int, choice: HomeChoice) -> None:
        """The request goes to the chosen node."""
        if (wanted := self._wanted.get(ticket)) is not None:
            self.books.sent(ticket, wanted, choice, monotonic())

    def warmed(self, ticket: int, choice: HomeChoice) -> Wanted | None:
        """The further home is going to be loaded for others like this request, which is what it wanted."""
        if (wanted := self._wanted.get(ticket)) is not None:
            self.books.warmed(wanted, choice, monotonic())
        return wanted

    def began(self, ticket: int) -> None:
        """The first of its answer is here."""
        self.books.began(ticket, monotonic())

    def ended(self, ticket: int, usage: "ReplyUsage") -> None:
        """It is over there, however it ended."""
        if self._wanted.pop(ticket, None) is not None:
            tokens = usage.read()
            answer = tokens.answer if tokens else None
            self.books.ended(ticket, monotonic(), answer_tokens=answer)

    def fell_asleep(self, node: str, wake_seconds: float) -> None:
        """It answers so long after it was woken, with what it had."""
        self._refresh()
        self._asleep.add(node)
        self.books.fell_asleep(NodeName(node), wake_seconds)

    def _for_sleepers(self, wish: NodeWish, wanted: Wanted) -> Wanted:
        """By its id, which no node that answers has said."""
        links = (self._stable.links[name] for name in self._asleep if name in self._stable.links)
        found = (link.directory.find(wish.model) for link in links)
        called = next(filter(None, found), None)
        return replace(wanted, model=ModelName(called.profile)) if called else wanted

    # ---- facts ----

    def heard(self, link: NodeLink, event: AnyEvent) -> None:
        """A node says something that may matter."""
        if isinstance(event, SwitchEnded) and event.outcome == "failed":
            self._failed[link.name, event.profile] = monotonic()
        if isinstance(event, _TURNS):
            self._read.pop(link.name, None)
        elif not isinstance(event, SwitchProgress):
            self._stale.add(link.name)

    def looked_at(self, link: NodeLink) -> None:
        """What a load there would be was asked just now."""
        self._read.pop(link.name, None)

    def changed(self) -> None:
        """A node came, was lost, or fell silent."""
        self._read.clear()

    def _refresh(self) -> None:
        """Read what is not in the books yet."""
        now = monotonic()
        for name in map(str, list(self.books.nodes)):
            link = self._stable.links.get(name)
            if link is not None and (link.is_asleep or name in self._asleep):
                if link.is_usable:
                    self._asleep.discard(name)
                continue
            if link is None or not link.is_usable:
                self.books.lost(NodeName(name))
                self._read.pop(name, None)
        for name, link in self._stable.links.items():
            known = self._read.get(name)
            is_good = (
                known and known[0] is link and (name not in self._stale or now - known[1] < _FRESH)
            )
            if link.is_usable and not is_good:
                self._take(link, now)

    def _take(self, link: NodeLink, now: float) -> None:
        view = link.view
        assert view is not None, "one that is usable is followed"
        self._read[link.name] = link, now
        self._stale.discard(link.name)
        facts = node_facts(
            link.name,
            profiles=view.models,
            instances=view.instances.values(),
            devices=view.devices,
            plans=link.plans,
            ours=Counter(use.served.profile for use in link.uses),
            read_at=now,
            wall=datetime.now(UTC).timestamp(),
            previews={
                profile: preview
                for profile, (at, preview) in link.previews.items()
                if preview is not None and now - at < _SEEN
            },
            failed_at={
                profile: at for (node, profile), at in self._failed.items() if node == link.name
            },
        )
        self.books.seen(facts)


@lru_cache(maxsize=256)
def _only(node: str) -> HomeChoice:
    """There is no other, and it has the model loaded."""
    return HomeChoice(HomeOption(NodeName(node), Bill(), "ready"), f"ready on {node}")
