"""Wire types of a stable of many machines: which nodes there are."""

from typing import Literal

import msgspec

NodeCondition = Literal[
    "starting",
    "up",
    "silent",  # it was up, and does not answer just now
    "lost",
    "asleep",
    "left-out",  # it cannot be used; `reason` says why
]


class NodeInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One machine of the stable, as its front sees it."""

    name: str
    state: NodeCondition
    reason: str = ""  # why it is not up
    url: str = ""
    version: str = ""  # of Paddock there
    python: str = ""
    labels: dict[str, str] = {}
    mac: str = ""  # of the card that wakes it, where the settings name one

    def in_words(self) -> str:
        """`node attic is lost: its reply broke off`."""
        return f"node {self.name} is {self.state}" + (f": {self.reason}" if self.reason else "")


class NodesAnswer(msgspec.Struct, kw_only=True):
    """All nodes that the front knows, by name."""

    nodes: list[NodeInfo]
