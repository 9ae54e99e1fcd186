"""The dashboard on this terminal, over a daemon that is started if none answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from paddock.api.address import DEFAULT_URL
from paddock.api.client import Client
from paddock.errors import PaddockError
from paddock.figures.units import count


def open_dashboard(url: str, key: str | None, config: Path | None, *, is_compact: bool) -> None:
    """Until it is left. Raises PaddockError without a terminal, or where no daemon can be started."""
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise PaddockError(
            "the dashboard needs a terminal", hint="`paddock status --watch` prints lines instead"
        )
    client = Client(url, key)
    if not client.health():
        _start(url, config)
    from paddock.tui.app import PaddockApp
    from paddock.tui.feed import Feed

    app = PaddockApp(client, Feed(Client(url, key)), is_compact=is_compact)
    app.run()


def _start(url: str, config: Path | None) -> None:
    """A daemon in the background; at another address somebody else must have meant one."""
    from paddock.cli.background.start import Order, ensure_running
    from paddock.cli.offline.files import open_files
    from paddock.cli.offline.where import usual_url

    if url not in (DEFAULT_URL, usual_url(os.environ)):
        raise PaddockError(f"no daemon answers at {url}", hint="start it there, or leave out --url")
    found = open_files(config).paths.config
    if not found.exists():
        _offer(found)
    print(ensure_running(Order(config=config)))


def _offer(config: Path) -> None:
    """Make the first models.conf with the newcomer, who has none."""
    from paddock.cli.offline.draft import draft_for, write

    print(f"There is no {config} yet. This file lists your models.")
    print("Paddock can write one from a folder of GGUF files; you can change it afterwards.")
    answer = typer.prompt("Folder (empty: leave)", default="", show_default=False)
    if not answer.strip():
        raise PaddockError(
            f"there is no {config}",
            hint="`paddock init FOLDER` writes one, `paddock demo` needs none",
        )
    draft = draft_for(Path(answer.strip()).expanduser(), output=config)
    write(draft)
    print(f"wrote {config}: {count(len(draft.found), 'model')}")
