"""What the homes of a model say of a load there, read when a load is to be weighed: above all, what the page cache holds.

That changes with every file that somebody reads, and no event says so. So it is read when it matters, from the homes of
the model alone, and counts for some seconds.
"""

import asyncio
import logging
from time import monotonic
from urllib.parse import quote

import msgspec

from paddock.api.activity import Preview
from paddock.cluster.front.asking import ask
from paddock.cluster.front.choosing import HomeChooser
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.stable import NodeStable, NodeWish
from paddock.errors import NodeLost

_log = logging.getLogger(__name__)
_GOOD = 5.0  # seconds for which a look counts
_PATIENCE = 0.5  # seconds: a disk may hang, and a load is weighed without, too


class HomeLooks:
    """Looks at the homes of models, each once at a time."""

    def __init__(self, stable: NodeStable, chooser: HomeChooser) -> None:
        self._stable, self._chooser = stable, chooser
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}

    def is_due(self, wish: NodeWish) -> bool:
        """Whether a load may be decided on by what is not known: there is a choice, and it is ready nowhere."""
        homes = wish.homes
        if len(homes) < 2 or any(self._chooser.is_up(node, wish) for node in homes):
            return False
        return any(self._is_old(node, called.profile) for node, called in homes.items())

    async def look(self, wish: NodeWish) -> None:
        """Ask them, where it is due. Those that do not answer at once are weighed by what is known."""
        if not self.is_due(wish):
            return
        looks = [
            self._shared(node, called.profile)
            for node, called in wish.homes.items()
            if self._is_old(node, called.profile)
        ]
        await asyncio.wait(looks)

    def _is_old(self, node: str, profile: str) -> bool:
        link = self._stable.links.get(node)
        known = link.previews.get(profile) if link else None
        return link is not None and (known is None or monotonic() - known[0] > _GOOD)

    def _shared(self, node: str, profile: str) -> "asyncio.Task[None]":
        key = node, profile
        if (task := self._under_way.get(key)) is None:
            task = asyncio.ensure_future(self._one(self._stable.links[node], profile))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return task

    async def _one(self, link: NodeLink, profile: str) -> None:
        preview: Preview | None = None
        try:
            said = await ask(link, "GET", f"/preview/{quote(profile)}", patience=_PATIENCE)
            if said.status < 400:
                preview = msgspec.json.decode(said.body, type=Preview)
        except (NodeLost, msgspec.DecodeError) as error:
            _log.info("node %s says nothing of a load of %s: %s", link.name, profile, error)
        link.previews[profile] = monotonic(), preview  # no answer counts as well, for as long
        self._chooser.looked_at(link)
