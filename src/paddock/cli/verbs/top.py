"""`paddock top`: the dashboard in one compact screen."""

from __future__ import annotations

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Config, Key, Url

EXAMPLE = "Example: paddock top"


def top(url: Url = DEFAULT_URL, key: Key = None, config: Config = None) -> None:
    """The dashboard in one compact screen."""
    from paddock.cli.output.dashboard import open_dashboard

    open_dashboard(url, key, config, is_compact=True)
