"""What the front and its agent say to each other: a line of JSON for each message."""

import msgspec

from paddock.cluster.node import Node


class NodeReport(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a machine says of itself (`paddock node up`)."""

    # `starting`, `up`, `left-out`, or `away`: its daemon ended, and is being started again
    state: str = "starting"
    reason: str = ""
    url: str = ""
    pid: int = 0
    version: str = ""
    python: str = ""
    name: str = ""  # as `paddock node join` was given
    mac: str = ""
    lends: str = ""  # HOST:PORT at which others may use its devices by RPC
    reserves: bool = False  # whether GPUs are reserved with Ray there
    local_key: str = ""  # for the actor there, which passes it on to nobody
    held_file: str = ""  # for the actor: where it writes which GPUs jobs of Ray hold


class FrontsWish(msgspec.Struct, kw_only=True):
    """What a front wants of each machine. Passes through Ray: no secret in it."""

    version: str
    python: str
    key_name: str
    key_digest: str  # of the front's key
    front_address: str = ""  # of the front's machine in the cluster
    lenders: dict[str, str] = {}  # HOST:PORT of the machines that lend their devices, by name


class Begin(msgspec.Struct, kw_only=True):
    """The first line to the agent. When its input ends, it ends."""

    address: str  # of the head, or `auto`
    want: FrontsWish
    own_address: str = ""  # of this machine, where that was said
    labels: dict[str, str] = {}
    known: list[Node] = []  # from an earlier time


class Nodes(msgspec.Struct, kw_only=True, tag="nodes"):
    """All machines that are known, whenever something about one has changed."""

    nodes: list[Node]


class Trouble(msgspec.Struct, kw_only=True, tag="trouble"):
    """Why it cannot say which machines there are."""

    code: str
    message: str
    hint: str = ""


Line = Nodes | Trouble
