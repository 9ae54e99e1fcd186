"""Nodes that sleep while nobody needs them: which do, when each may, and how one is woken for a request."""

from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from paddock.cluster.front.choosing import HomeChooser
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.stable import NodeStable
from paddock.cluster.wake import Nights, Sleepers, Waker
from paddock.figures.units import unix


class NodeNights(Nights, Protocol):
    """What the settings say of one node: `[cluster.nodes.NAME]`."""

    @property
    def wake_seconds(self) -> float: ...


class Sleep:
    """Knows what the nodes do, and what their sleep means for requests."""

    def __init__(
        self, stable: NodeStable, chooser: HomeChooser, nights: Mapping[str, NodeNights]
    ) -> None:
        self._stable, self._chooser, self._nights = stable, chooser, nights
        self._waker = Waker(nights)
        self._began = monotonic()

    async def run(self) -> None:
        """Let nodes sleep that are idle, until cancelled; it ends at once where none is to."""
        await Sleepers(self._nights, self).run()

    def wake(self, node: str) -> float:
        """Have it answer again, for a request; seconds until it should."""
        if (link := self._stable.links.get(node)) is not None:
            link.is_asleep = False
            self._stable.changed(link)
        self._waker.wake(node)
        nights = self._nights.get(node)
        return nights.wake_seconds if nights else 0.0

    # ---- `Stillness` ----

    def idle_for(self, node: str) -> float | None:
        """Seconds for which nobody has used it, this front or others; None: somebody does, or nobody knows."""
        link = self._stable.links.get(node)
        if link is None or not link.is_usable or link.uses or link.view is None:
            return None
        view = link.view
        if view.requests or any(view.waiting.values()) or _is_served(link):
            return None
        used = (unix(row.last_used) for row in view.models if row.last_used)
        last = max((at for at in used if at is not None), default=None)
        known = monotonic() - max(self._began, link.used_at, link.made_at)
        return known if last is None else min(known, datetime.now(UTC).timestamp() - last)

    def falls_asleep(self, node: str) -> None:
        """From now on nothing is sent to it but after it was woken."""
        link = self._stable.links[node]
        self._chooser.fell_asleep(node, self._nights[node].wake_seconds)  # with what it has now
        link.is_asleep = True
        self._stable.changed(link)

    def stays_awake(self, node: str) -> None:
        """It could not be let sleep: it is as it was."""
        if (link := self._stable.links.get(node)) is not None:
            link.is_asleep = False
            self._stable.changed(link)


def _is_served(link: NodeLink) -> bool:
    """Whether an instance there loads or serves somebody."""
    view = link.view
    return view is not None and any(i.leases or i.progress for i in view.instances.values())
