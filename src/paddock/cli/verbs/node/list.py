"""`paddock node list`: the machines that the front knows."""

from __future__ import annotations

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.terminal import harmless, paint, print_json, print_table

EXAMPLE = "Example: paddock node list --json | jq '.[].state'"
_COLOURS = {
    "up": "green",
    "starting": "yellow",
    "asleep": "cyan",
    "silent": "yellow",
    "lost": "red",
    "left-out": "red",
}


def list_nodes(url: Url = DEFAULT_URL, key: Key = None, as_json: Json = False) -> None:
    """List the machines of the stable, as its front knows them.

    One that is left out says why, with both versions where these differ.
    """
    found = connect(url, key).status().nodes
    if as_json:
        print_json(found)
        return
    if not found:
        print(
            "no front of several machines answers there, or it knows no machine yet: `paddock node join` makes one part of it"
        )
        return
    rows = [
        [
            node.name,
            paint(node.state, _COLOURS.get(node.state, "dim")),
            node.url,
            node.version,
            ", ".join(f"{k}={v}" for k, v in node.labels.items()),
            harmless(node.reason),
        ]
        for node in found
    ]
    print_table(["NODE", "STATE", "DAEMON", "PADDOCK", "LABELS", "WHY"], rows)
