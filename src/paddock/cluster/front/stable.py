"""All nodes together: who is there, what each has, and what is published of it.

It is the source of `/status` and of the bus behind `/events`, and says which nodes have a model.
"""

import asyncio
import logging
import os
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

import paddock
from paddock.api.activity import RequestInfo
from paddock.api.events import (
    Activity,
    AnyEvent,
    ConfigChanged,
    InstanceChanged,
    ProfileEvent,
    QueueChanged,
    Snapshot,
    YieldChanged,
)
from paddock.api.nodes import NodeInfo
from paddock.api.types import Status
from paddock.cluster.front import merge
from paddock.cluster.front.directory import Called
from paddock.cluster.front.merge import Part
from paddock.cluster.front.names import placed, split
from paddock.cluster.front.node_link import NodeLink, NodeTimes
from paddock.cluster.node import Membership, Node
from paddock.daemon.activity.bus import Bus
from paddock.daemon.keyring import Holder
from paddock.errors import UnknownModel
from paddock.near import nearest

if TYPE_CHECKING:
    from ssl import SSLContext

_log = logging.getLogger(__name__)
_WISHES = 1000  # names that are remembered: clients may ask for anything
_READING = 0.25  # seconds in which the readings of all nodes become one


class FactsReader(Protocol):
    """Whoever reads facts of the nodes: the chooser."""

    def heard(self, link: NodeLink, event: AnyEvent) -> None: ...
    def changed(self) -> None: ...


class NodeWish(NamedTuple):
    """A model as it was asked for."""

    model: str  # as its nodes know it
    node: str | None  # that it insists on
    homes: dict[str, Called]  # what it is on each node that has it and answers

    @property
    def profile(self) -> str:
        """Its id, on the first of them."""
        return next(iter(self.homes.values())).profile if self.homes else self.model


class NodeStable:
    """Keeps a link to each node of a membership."""

    def __init__(
        self,
        membership: Membership,
        *,
        listen: list[str],
        state_dir: str,
        times: NodeTimes,
        tls: "SSLContext | None" = None,
    ) -> None:
        """`tls`: whom nodes are believed to be; None: as the system's authorities say, and TLS is not asked for."""
        self.links: dict[str, NodeLink] = {}
        self.bus = Bus(self)
        self.waiting: dict[int, RequestInfo] = {}  # requests that no node has yet, by their number
        self.times = times
        self.reader: FactsReader | None = None
        self._membership, self._listen, self._state_dir = membership, listen, state_dir
        self._tls = tls
        self._numbers: dict[str, int] = {}
        self._wishes: dict[str, NodeWish] = {}  # as looked up since a node came or went
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._reading: asyncio.TimerHandle | None = None
        self._started = datetime.now(UTC).isoformat(timespec="seconds")

    async def run(self) -> None:
        """Follow the membership until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                changed = asyncio.ensure_future(self._membership.changed())
                try:
                    self._reconcile(group)
                    await changed
                finally:
                    changed.cancel()

    def _reconcile(self, group: asyncio.TaskGroup) -> None:
        """A link for each node with an address, and for no other."""
        wanted = {node.name: node for node in self._membership.nodes}
        for name, link in list(self.links.items()):
            node = wanted.get(name)
            if node is None or _way(node) != _way(link.node):
                self._tasks.pop(name).cancel()
                del self.links[name]
            else:
                link.node = node
        for name, node in wanted.items():
            if node.url and node.state != "left-out" and name not in self.links:
                number = self._numbers.setdefault(name, len(self._numbers) + 1)
                link = self.links[name] = NodeLink(node, number, self, self.times, tls=self._tls)
                self._tasks[name] = group.create_task(self._keep(link))
        self.changed()

    async def _keep(self, link: NodeLink) -> None:
        """Follow it; what breaks for one node breaks for no other."""
        while True:
            try:
                await link.run()
            except Exception:  # noqa: BLE001  # one node must not cost the others
                _log.exception("following node %s broke; it begins anew", link.name)
            await asyncio.sleep(self.times.longest_pause)

    # ---- who has what ----

    def wish(self, name: str, holder: Holder | None = None, *, as_it_is: bool = False) -> NodeWish:
        """The nodes that have this model, by any of its names, of what this key may ask.

        `as_it_is`: the instance itself, which a key for a variant alone may not.
        """
        if holder is None or not holder.is_restricted:  # nearly always
            if (known := self._wishes.get(name)) is None:
                known = self._looked_up(name, None, as_it_is=False)
                if len(self._wishes) < _WISHES:
                    self._wishes[name] = known
            return known
        return self._looked_up(name, holder, as_it_is=as_it_is)

    def _looked_up(self, name: str, holder: Holder | None, *, as_it_is: bool) -> NodeWish:
        if homes := self._homes(name, None, holder, as_it_is=as_it_is):
            return NodeWish(name, None, homes)
        model, node = split(name, self.links)
        found = self._homes(model, node, holder, as_it_is=as_it_is) if node else {}
        return NodeWish(model, node, found)

    def _homes(
        self, model: str, node: str | None, holder: Holder | None, *, as_it_is: bool
    ) -> dict[str, Called]:
        found = {}
        for name, link in self.links.items():
            if (node is None or node == name) and link.is_usable:
                called = link.directory.find(model)
                if called is None or not called.is_for(holder):
                    continue
                if not as_it_is or called.is_open_to(holder):
                    found[name] = called
        return found

    def may_come(self, wish: NodeWish, holder: Holder | None) -> bool:
        """Whether a node that does not answer just now may have it."""
        links = [link for link in self.links.values() if wish.node in (None, link.name)]
        return any(not link.is_usable and self._may_have(link, wish, holder) for link in links)

    def _may_have(self, link: NodeLink, wish: NodeWish, holder: Holder | None) -> bool:
        if not link.was_met:  # it may have anything, but need not be there at all
            return monotonic() - link.made_at < self.times.patience
        called = link.directory.find(wish.model)
        return called is not None and called.is_for(holder)

    def was_home(self, wish: NodeWish) -> list[str]:
        """The nodes that had it when they were last heard."""
        found = (n for n, link in self.links.items() if wish.node in (None, n))
        return [name for name in found if self.links[name].directory.find(wish.model)]

    def unknown(self, name: str, holder: Holder | None) -> UnknownModel:
        """The refusal of a name that nothing has."""
        known = [
            other
            for link in self.links.values()
            for other in link.directory
            if (called := link.directory.find(other)) and called.is_for(holder)
        ]
        near = nearest(name, known)
        hint = f"did you mean {near!r}?" if near else "GET /v1/models lists them"
        return UnknownModel(f"no node has a model {name!r}", hint=hint)

    def current(self) -> str | None:
        """What a request without a model gets."""
        return merge.current(self.parts())

    def usable(self) -> list[NodeLink]:
        """The nodes that answer, by name."""
        return [link for link in self._sorted() if link.is_usable]

    def _sorted(self) -> Iterator[NodeLink]:
        return (self.links[name] for name in sorted(self.links))

    async def wait_changed(self) -> None:
        """Return when a node has come, was lost, or answers again."""
        await self._news.wait()

    # ---- what is seen of it ----

    def parts(self) -> list[Part]:
        """What each node that is followed says."""
        return [
            Part(link.name, link.number, link.view)
            for link in self._sorted()
            if link.view is not None
        ]

    def nodes(self) -> list[NodeInfo]:
        """Every node that is known, by name."""
        return [self._node_info(node) for node in sorted(self._membership.nodes, key=_name)]

    def _node_info(self, node: Node) -> NodeInfo:
        link = self.links.get(node.name)
        info = NodeInfo(
            name=node.name,
            state=node.state,
            reason=node.reason,
            url=node.url,
            version=node.version,
            python=node.python,
            labels=node.labels,
            mac=node.mac,
        )
        if link is not None and link.view is not None:
            info.state = "silent" if link.is_silent else "up"
            info.version = info.version or link.view.version
        elif link is not None and node.state == "up":
            info.state, info.reason = "lost", node.reason or link.trouble
        return info

    def status(self) -> Status:
        """As a daemon's, of all nodes together."""
        parts = self.parts()
        views = [part.view for part in parts]
        return Status(
            version=paddock.__version__,
            pid=os.getpid(),
            started_at=self._started,
            current=merge.current(parts),
            instances=[
                info
                for part in parts
                for info in placed(list(part.view.instances.values()), part.node)
            ],
            queue=merge.waiting(parts),
            devices=[placed(device, part.node) for part in parts for device in part.view.devices],
            config=merge.config(parts),
            engine=", ".join(dict.fromkeys(view.engine for view in views if view.engine)),
            state_dir=self._state_dir,
            listen=self._listen,
            requests=[*self.waiting.values(), *merge.requests(parts)],
            totals=merge.totals(parts),
            yielded=merge.yielded(parts),
            faults=[placed(fault, part.node) for part in parts for fault in part.view.faults],
            nodes=self.nodes(),
        )

    def snapshot(self) -> Snapshot:
        """As a daemon's."""
        parts = self.parts()
        return Snapshot(
            status=self.status(), profiles=merge.profiles(parts), variants=merge.variants(parts)
        )

    # ---- what the links report ----

    def changed(self, link: NodeLink | None = None) -> None:
        """A node came or went: more is other than events say."""
        self._wishes = {}
        if self.reader is not None:
            self.reader.changed()
        self.bus.begin_anew()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def heard(self, link: NodeLink, event: AnyEvent) -> None:
        """Publish what a node says, as the stable says it."""
        if self.reader is not None:
            self.reader.heard(link, event)
        match event:
            case Snapshot():
                self.changed(link)
            case Activity():
                if self.bus.is_watched and self._reading is None:
                    loop = asyncio.get_running_loop()
                    self._reading = loop.call_later(_READING, self._publish_reading)
            case YieldChanged():
                self.bus.publish(YieldChanged(yielded=merge.yielded(self.parts())))
            case ConfigChanged():
                placed_event = placed(event, link.name)
                placed_event.config = merge.config(self.parts())
                self.bus.publish(placed_event)
            case _:
                self.bus.publish(self._standing(link, event))

    def _standing(self, link: NodeLink, event: AnyEvent) -> AnyEvent:
        """It, with how its profile stands on all nodes."""
        seen = placed(event, link.name)
        if seen is event:  # it belongs to the view
            seen = type(event)(**{f: getattr(event, f) for f in event.__struct_fields__})
        if not isinstance(seen, ProfileEvent):
            return seen
        parts = self.parts()
        seen.now, seen.current = merge.now(parts, seen.profile), merge.current(parts)
        if seen.now is not None and seen.now.state == "busy":  # that ends without an event
            seen.now.state = "ready"
        if isinstance(seen, InstanceChanged) and seen.now is not None:
            seen.state = seen.now.state
        if isinstance(seen, QueueChanged):
            seen.waiting = merge.waiting(parts).get(seen.profile, 0)
        return seen

    def _publish_reading(self) -> None:
        self._reading = None
        reading = merge.activity(self.parts())
        reading.requests = [*self.waiting.values(), *reading.requests]
        self.bus.publish_volatile(reading)


def _way(node: Node) -> tuple[str, str, bool]:
    """What a link to it is made of."""
    return node.url, node.key, node.state == "left-out"


def _name(node: Node) -> str:
    return node.name


def names_of(links: Collection[NodeLink]) -> str:
    """For people."""
    return ", ".join(link.name for link in links) or "none"
