"""The front of a stable as a process of its own, before the nodes that its arguments name: `NAME=URL …`."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from paddock.cluster.front.app import fronting
from paddock.cluster.node import Node
from paddock.config.settings import Paths, Settings
from paddock.daemon import collector, heap


class Fixed:
    """A membership that never changes."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes

    async def changed(self) -> None:
        await asyncio.Event().wait()


async def main(folder: Path, listen: str, nodes: Sequence[Node]) -> None:
    paths = Paths(
        config=folder / "models.conf",
        settings=folder / "paddock.toml",
        models_dir=folder,
        state_dir=folder / "front",
        runtime_dir=folder / "front",
    )
    paths.state_dir.mkdir(exist_ok=True)
    heap.share()
    async with fronting(paths, Settings(listen=listen), Fixed(nodes)) as front:
        collector.calm()
        await front.ended()


if __name__ == "__main__":
    pairs = [word.split("=", 1) for word in sys.argv[3:]]
    known = [Node(name=name, state="up", url=url) for name, url in pairs]
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2], known))
