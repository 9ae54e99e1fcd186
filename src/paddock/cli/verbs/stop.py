"""`paddock stop`: end the daemon, and with it every model, or not."""

import os
from typing import Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Key, StateDir, Url, connect
from paddock.errors import BadRequest

EXAMPLE = "Example: paddock stop --keep"
Keep = Annotated[
    bool,
    typer.Option("--keep", help="Leave the loaded models running; the next daemon adopts them."),
]


def stop(
    url: Url = DEFAULT_URL, key: Key = None, state_dir: StateDir = None, keep: Keep = False
) -> None:
    """Stop the daemon and its models.

    The one at the address; where none answers at the usual one, or with --state-dir, the one that runs on the state folder, wherever it listens. Does nothing, and says so, where there is none.
    """
    from paddock.cli.background.process import shut_down, stopped_on
    from paddock.cli.offline.where import usual_url
    from paddock.config.paths import paths

    client = connect(url, key)
    if state_dir is None and client.health():
        pid = shut_down(client, keep=keep)
        print(f"stopped (pid {pid})" + ("; its models go on running" if keep else ""))
        return
    folder = paths(None, None, state_dir, os.environ).state_dir
    if keep and state_dir:
        raise BadRequest("--keep is asked of a daemon at its address", hint="name that with --url")
    is_usual = state_dir is not None or client.url == usual_url(os.environ)
    if is_usual and not keep and (stopped := stopped_on(folder)):
        print(f"stopped (pid {stopped})")
    elif state_dir:
        print(f"no daemon runs on {folder}: nothing to stop")
    else:
        print(f"no daemon answers at {client.url}: nothing to stop")
