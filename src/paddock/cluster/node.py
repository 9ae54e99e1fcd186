"""What a node is, and where the front learns which there are."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

NodeState = Literal[
    "starting",  # the cluster has the machine, and its daemon is being started
    "up",  # its daemon answered when it was last asked
    "lost",  # it was up, and does not answer, or its machine has left the cluster
    "asleep",  # it was let sleep, and can be woken
    "left-out",  # it can not be used; `reason` says why
]


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One machine of the stable."""

    name: str  # what stands behind the @ of `model@node`, and before the / of `node/CUDA0`
    state: NodeState
    reason: str = ""  # why it is not up, for people: both versions where they differ
    url: str = ""  # of its daemon; empty until that is known
    address: str = ""  # of the machine in the cluster; no name is bound to it for ever
    key: str = ""  # what the front shows to that daemon; never a client's, and shown to nobody
    version: str = ""  # of Paddock there
    python: str = ""
    labels: dict[str, str] = {}  # Ray's labels of the machine
    mac: str = ""  # of the card that wakes it, where the settings name one


class Membership(Protocol):
    """Which nodes there are. It may be slow to know of a loss; the front finds that out by itself."""

    @property
    def nodes(self) -> Sequence[Node]:
        """All that are known, by name, those that cannot be used too."""
        ...

    async def changed(self) -> None:
        """Return when `nodes` has become another one since it was last read."""
        ...
