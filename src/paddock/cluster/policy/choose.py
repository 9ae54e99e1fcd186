"""The decision: of all homes of a model, the one where a request costs least."""

from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import Choice, Wanted


def choose(wanted: Wanted, books: ClusterBooks, now: float) -> Choice:
    """Where the request should go as of `now`. Changes nothing: `books.sent` notes what was done.

    The same for a preview, which says it and sends nothing.
    """
    return Choice(None, f"no node has {wanted.model}")
