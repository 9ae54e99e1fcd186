"""`paddock node up`: for the actor on this machine alone; a line of JSON in, one out."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

Address = Annotated[str, typer.Option("--address", help="Of this machine in the cluster.")]


def up(address: Address) -> None:
    """Have the daemon of this machine run, for the front whose wants come in by stdin."""
    import msgspec

    from paddock.cli.background.node_daemon import brought_up
    from paddock.cluster.membership.lines import FrontsWish

    want = msgspec.json.decode(sys.stdin.buffer.read(), type=FrontsWish)
    print(msgspec.json.encode(brought_up(want, address)).decode())
