"""The dashboard on this terminal, over a daemon that is started if none answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from paddock.api.address import DEFAULT_URL
from paddock.api.client import Client
from paddock.cli.offline.where import usual_url
from paddock.errors import PaddockError
from paddock.figures.units import count


def open_dashboard(url: str, key: str | None, config: Path | None, *, is_compact: bool) -> None:
    """Until it is left. Raises PaddockError without a terminal, or where no daemon can be started."""
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise PaddockError(
            "the dashboard needs a terminal", hint="`paddock status --watch` prints lines instead"
        )
    url = _running(url, key, config)
    from paddock.tui.app import PaddockApp
    from paddock.tui.feed import Feed

    app = PaddockApp(Client(url, key), Feed(Client(url, key)), is_compact=is_compact)
    app.run()


def _running(url: str, key: str | None, config: Path | None) -> str:
    """Where a daemon answers; one is started if need be, at another address only by somebody else."""
    from paddock.cli.background.start import Order
    from paddock.cli.output.starting import daemon_at

    if not Client(url, key).health():
        found = Order(config=config).files().paths.config
        if url in (DEFAULT_URL, usual_url(os.environ)) and not found.exists():
            _offer(found)
    where = daemon_at(url, key, config, may_start=True)
    if not Client(where, key).health():
        raise PaddockError(f"no daemon answers at {url}", hint="start it there, or leave out --url")
    return where


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
