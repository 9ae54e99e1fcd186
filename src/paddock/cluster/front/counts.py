"""What became of requests at each node, for Prometheus."""

from paddock.daemon.activity.tallies import Counts


class NodeCounts:
    """Counters by node."""

    def __init__(self) -> None:
        self._lost = Counts(
            "paddock_node_losses", "Requests whose node was lost before they were over.", ("node",)
        )
        self._moved = Counts(
            "paddock_node_moves", "Requests that went on to another node, by the first.", ("node",)
        )
        self.families = (self._lost, self._moved)

    def lost(self, node: str) -> None:
        """A request's node was lost, or gave it up."""
        self._lost.add((node,))

    def moved(self, node: str) -> None:
        """A request goes on to another node."""
        self._moved.add((node,))
