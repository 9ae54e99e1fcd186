"""What every handler of the front needs."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from paddock.api.activity import Totals
from paddock.api.types import SwitchRequest
from paddock.cluster.front.asking import ask
from paddock.cluster.front.choosing import HomeChooser
from paddock.cluster.front.counts import NodeCounts
from paddock.cluster.front.homes_looked_at import HomeLooks
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.sleeping import Sleep
from paddock.cluster.front.stable import NodeStable, names_of
from paddock.cluster.policy.choice import HomeChoice
from paddock.config.settings import Settings
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.keyring import Holder
from paddock.errors import BadRequest, NodesAway, NoSuchThing, PaddockError
from paddock.http.auth import HOLDER, Guard
from paddock.http.front import Route
from paddock.http.receiving import Receiver

_log = logging.getLogger(__name__)


class Waiting(Protocol):
    """A request that no node has yet."""

    def cancel(self, why: str) -> None:
        """End it, for its client too."""


@dataclass(slots=True)
class StableFront:
    """One address in front of many nodes."""

    settings: Settings
    guard: Guard
    receiver: Receiver
    routes: tuple[Route, ...]
    stable: NodeStable
    chooser: HomeChooser
    looks: HomeLooks
    sleep: Sleep
    metrics: Metrics
    listen: list[str]
    counts: NodeCounts = field(default_factory=NodeCounts)
    followers: set["asyncio.Task[Any]"] = field(default_factory=set)  # ended at shutdown
    # calls of tools by their client's session and their id, so that they can be cancelled
    calls: "dict[tuple[str, str | int], asyncio.Task[Any]]" = field(default_factory=dict)
    waiting: dict[int, Waiting] = field(default_factory=dict)  # requests that no node has yet
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    def shut_down(self) -> None:
        """It is to end; the nodes go on."""
        self._end.set()

    async def ended(self) -> None:
        """Return when it is to end."""
        await self._end.wait()

    def sent(self, ticket: int, choice: HomeChoice) -> None:
        """A request goes where this says; a further home that it wants is loaded meanwhile."""
        self.chooser.sent(ticket, choice)
        warm = choice.warm
        if warm is not None and (wanted := self.chooser.warmed(ticket, choice)):
            task = asyncio.ensure_future(self._warm(self.stable.links[warm.node], wanted.model))
            self.followers.add(task)
            task.add_done_callback(self.followers.discard)

    async def _warm(self, link: NodeLink, model: str) -> None:
        try:
            await ask(link, "POST", "/switch", SwitchRequest(model=model, wait=False))
        except PaddockError as error:
            _log.info("node %s was not warmed for %s: %s", link.name, model, error)

    # ---- nodes that a request means ----

    def link(self, name: str) -> NodeLink:
        """The node of this name. Raises NoSuchThing, or NodesAway where it does not answer."""
        link = self.stable.links.get(name)
        if link is None:
            known = names_of(self.stable.links.values())
            raise NoSuchThing(f"there is no node {name!r}", hint=f"there are: {known}")
        if not link.is_usable:
            raise NodesAway(f"node {name} does not answer", hint="paddock status shows the nodes")
        return link

    def the_node(self, request: web.Request) -> NodeLink:
        """The one that `?node=` names, else the only one there is. Raises BadRequest as well as `link`."""
        if name := request.query.get("node"):
            return self.link(name)
        links = list(self.stable.links.values())
        if len(links) == 1:
            return self.link(links[0].name)
        raise BadRequest(
            "this is one node's affair: say which one",
            hint=f"with ?node=NAME; there are: {names_of(links)}",
        )

    def nodes(self, request: web.Request) -> list[NodeLink]:
        """The one that `?node=` names, else all that answer. Raises NodesAway where there are none."""
        if name := request.query.get("node"):
            return [self.link(name)]
        if found := self.stable.usable():
            return found
        raise NodesAway("no node answers", hint="paddock status shows the nodes")

    def home(
        self, name: str, holder: Holder | None = None, *, without: Sequence[str] = ()
    ) -> tuple[NodeLink, str]:
        """The node where something is to be done with this model, and its name there.

        `without`: nodes where that was tried. Raises UnknownModel, or NodesAway where it is on nodes alone that do not answer.
        """
        wish = self.stable.wish(name, holder)
        choice = self.chooser.preview(wish, without=without)
        if choice.node is not None:
            return self.stable.links[choice.node], wish.model
        if homes := self.stable.was_home(wish):
            raise NodesAway(f"{wish.model} is on {', '.join(homes)} alone, which does not answer")
        raise self.stable.unknown(name, holder)


def make_metrics(stable: NodeStable) -> Metrics:
    """Counters of the front's own requests, with gauges of all nodes."""
    return Metrics(stable, Totals())


def holder_of(request: web.Request) -> Holder | None:
    """Whose key the request came with."""
    return request.get(HOLDER)
