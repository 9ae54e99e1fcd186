"""`paddock` alone: the terminal dashboard, over a daemon that is started if none answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Config, Key, Url, connect
from paddock.errors import PaddockError

EXAMPLE = "Example: paddock dashboard --url http://127.0.0.1:8080"


TOP_EXAMPLE = "Example: paddock top"


def dashboard(url: Url = DEFAULT_URL, key: Key = None, config: Config = None) -> None:
    """Open the dashboard. `paddock` alone does the same.

    It is only a client: open several, over SSH, and close them at will; no model is touched by that.
    Where no daemon answers at the usual address, one is started in the background.
    """
    _open(url, key, config, is_compact=False)


def top(url: Url = DEFAULT_URL, key: Key = None, config: Config = None) -> None:
    """The dashboard in one compact screen."""
    _open(url, key, config, is_compact=True)


def _open(url: str, key: str | None, config: Path | None, *, is_compact: bool) -> None:
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise PaddockError(
            "the dashboard needs a terminal", hint="`paddock status --watch` prints lines instead"
        )
    client = connect(url, key)
    if not client.health():
        _start(url, config)
    from paddock.tui.app import PaddockApp
    from paddock.tui.feed import Feed

    app = PaddockApp(client, lambda tell: Feed(connect(url, key), tell), is_compact=is_compact)
    app.run()


def _start(url: str, config: Path | None) -> None:
    """A daemon in the background; at another address somebody else must have meant one."""
    from paddock.cli.files import open_files
    from paddock.cli.start import start
    from paddock.cli.where import usual_url

    if url not in (DEFAULT_URL, usual_url(os.environ)):
        raise PaddockError(f"no daemon answers at {url}", hint="start it there, or leave out --url")
    found = open_files(config).paths.config
    if not found.exists():
        _offer(found)
    start(config=config)


def _offer(config: Path) -> None:
    """Make the first models.conf with the newcomer, who has none."""
    from paddock.cli.init import draft_for, write

    print(f"There is no {config} yet. It says which models there are.")
    print("Paddock can write one from a folder of GGUF files; you can change it afterwards.")
    answer = typer.prompt("Folder (empty: leave)", default="", show_default=False)
    if not answer.strip():
        raise PaddockError(
            f"there is no {config}",
            hint="`paddock init FOLDER` writes one, `paddock demo` needs none",
        )
    draft = draft_for(Path(answer.strip()).expanduser(), output=config)
    write(draft)
    print(f"wrote {config}: {len(draft.found)} models")
