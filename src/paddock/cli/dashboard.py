"""`paddock` alone: the terminal dashboard, over a daemon that is started if none answers."""

from __future__ import annotations

import sys
from pathlib import Path

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Config, Key, Url, connect
from paddock.errors import PaddockError

EXAMPLE = "Example: paddock dashboard --url http://127.0.0.1:8080"


def dashboard(url: Url = DEFAULT_URL, key: Key = None, config: Config = None) -> None:
    """Open the dashboard. `paddock` alone does the same.

    It is only a client: open several, over SSH, and close them at will; no model is touched by that.
    Where no daemon answers at the usual address, one is started in the background.
    """
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise PaddockError(
            "the dashboard needs a terminal", hint="`paddock status --watch` prints lines instead"
        )
    client = connect(url, key)
    if not client.health():
        _start(url, config)
    from paddock.tui.app import PaddockApp
    from paddock.tui.feed import Feed

    PaddockApp(client, lambda tell: Feed(connect(url, key), tell)).run()


def _start(url: str, config: Path | None) -> None:
    """A daemon in the background; at another address somebody else must have meant one."""
    from paddock.cli.start import start

    if url != DEFAULT_URL:
        raise PaddockError(f"no daemon answers at {url}", hint="start it there, or leave out --url")
    start(config=config)
