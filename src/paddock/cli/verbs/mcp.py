"""`paddock mcp`: the daemon's tools for an agent that starts its servers itself, over stdin and stdout."""

from __future__ import annotations

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Key, Url

EXAMPLE = "Example: claude mcp add paddock -- paddock mcp"


def mcp(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Serve the Model Context Protocol on stdin and stdout, for agents; a daemon need not run yet.

    Agents start it themselves. Those that speak HTTP may use the daemon's address with /mcp instead.
    """
    import sys

    from paddock.cli.online.mcp_bridge import Bridge

    Bridge(url, key, sys.stdout.buffer).run(sys.stdin.buffer)
