"""`paddock dashboard`, and `paddock` alone: the terminal dashboard."""

from __future__ import annotations

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Config, Key, Url

EXAMPLE = "Example: paddock dashboard --url http://127.0.0.1:8080"


def dashboard(url: Url = DEFAULT_URL, key: Key = None, config: Config = None) -> None:
    """Open the dashboard. `paddock` alone does the same.

    It is only a client: open several, over SSH, and close them at will; no model is touched by that. Where no daemon answers at the usual address, one is started in the background.
    """
    from paddock.cli.output.dashboard import open_dashboard

    open_dashboard(url, key, config, is_compact=False)
