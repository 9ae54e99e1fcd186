"""What the usual way of a request has to know of one that began on the short way (`direct.py`)."""

from typing import Protocol

from paddock.cluster.front.node_link import NodeLink
from paddock.http.accounting import Account
from paddock.llama.reply import Reply


class BegunRequest(Protocol):
    """A request that a node was asked, and how far its reply has come."""

    link: NodeLink  # the node
    reply: Reply
    ticket: int
    account: Account
    is_begun: bool  # the head of the reply is out
    is_over: bool  # all of it is out
    has_answered: bool  # some of an answer was said
    refused: bytes  # what the node said in place of one; its client has not heard it
    last: bytes  # what was relayed last
    lost: str  # why its node is given up; empty: it is not

    @property
    def headers(self) -> dict[str, str]:
        """The client's as a node gets them, without the front's key."""
