"""A stable of real daemons in this process, with a front before them; the nodes are listed by hand."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from paddock.cluster.front.app import fronting
from paddock.cluster.front.front import StableFront
from paddock.cluster.front.node_link import NodeTimes
from paddock.cluster.node import Node
from paddock.config.keys import NamedKey, add_key, digest_of
from paddock.config.paths import keys_file
from paddock.config.settings import Settings
from tests.cluster.proxy import Way, way_to
from tests.yard import Yard, places, yard

KEY = "the-front's-own"
# Looks that come sooner, so that no test waits for them.
QUICK = NodeTimes(look=0.1, idle_look=0.3, probe=0.5, given_up=1.5, patience=2.0)


class Listed:
    """A membership that a test changes by hand."""

    def __init__(self, nodes: Sequence[Node] = ()) -> None:
        self._nodes = list(nodes)
        self._news = asyncio.Event()

    @property
    def nodes(self) -> Sequence[Node]:
        self._news.clear()
        return list(self._nodes)

    async def changed(self) -> None:
        await self._news.wait()

    def put(self, *nodes: Node) -> None:
        """These are all from now on."""
        self._nodes = list(nodes)
        self._news.set()


@dataclass
class StableYard(Yard):
    """A front, its nodes, and a client of the front."""

    front: StableFront | None = None
    membership: Listed = field(default_factory=Listed)
    nodes: dict[str, Yard] = field(default_factory=dict)
    ways: dict[str, Way] = field(default_factory=dict)

    async def until_up(self, *names: str) -> None:
        """Until exactly these nodes answer."""
        assert self.front is not None
        async with asyncio.timeout(30):
            while sorted(link.name for link in self.front.stable.usable()) != sorted(names):
                await self.front.stable.wait_changed()


def node(name: str, url: str, key: str = "", **more: Any) -> Node:
    return Node(name=name, state="up", url=url, key=key, **more)


@asynccontextmanager
async def front_of(
    root: Path,
    nodes: Sequence[Node],
    *,
    times: NodeTimes = QUICK,
    nights: Mapping[str, Any] | None = None,
    own_keys: Sequence[NamedKey] = (),
    **chosen: Any,
) -> AsyncIterator[StableYard]:
    """A front before these nodes, once all of them answer that can."""
    root.mkdir(exist_ok=True)
    paths = places(root / "front", "")
    paths.state_dir.mkdir(exist_ok=True)
    for key in own_keys:
        add_key(keys_file(paths.state_dir), key)
    settings = Settings(**{"listen": "127.0.0.1:0", **chosen})
    membership = Listed(nodes)
    async with (
        fronting(paths, settings, membership, nights=nights or {}, times=times) as front,
        aiohttp.ClientSession() as http,
    ):
        yield StableYard(
            f"http://{front.listen[0]}", http, paths, front=front, membership=membership
        )


@asynccontextmanager
async def stable_of(
    root: Path,
    confs: Mapping[str, str],
    *,
    is_keyed: bool = False,
    of_nodes: Mapping[str, Any] | None = None,
    **chosen: Any,
) -> AsyncIterator[StableYard]:
    """A daemon for each of these models.conf, by its node's name, and a front before them.

    `of_nodes`: settings of the daemons. The front reaches each by a way that can be cut.
    """
    async with AsyncExitStack() as stack:
        yards, ways, nodes = {}, {}, []
        for name, conf in confs.items():
            paths = places(root / name, conf)
            if is_keyed:
                paths.state_dir.mkdir(exist_ok=True)
                own = NamedKey(name="front", scope="node", digest=digest_of(KEY))
                add_key(keys_file(paths.state_dir), own)
            yards[name] = await stack.enter_async_context(yard(paths, **(of_nodes or {})))
            ways[name] = await stack.enter_async_context(way_to(yards[name].url))
            nodes.append(node(name, ways[name].url, KEY if is_keyed else ""))
        home = await stack.enter_async_context(front_of(root, nodes, **chosen))
        home.nodes, home.ways = yards, ways
        await home.until_up(*confs)
        yield home


def seen(value: Any, kind: Any) -> Any:
    """A reply's JSON as the wire type that it should be."""
    return msgspec.convert(value, kind)
