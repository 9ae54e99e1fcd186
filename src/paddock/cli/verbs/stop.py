"""`paddock stop`: end the daemon, and with it every model, or not."""

from typing import Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Key, Url, connect

EXAMPLE = "Example: paddock stop --keep"
Keep = Annotated[
    bool,
    typer.Option("--keep", help="Leave the loaded models running; the next daemon adopts them."),
]


def stop(url: Url = DEFAULT_URL, key: Key = None, keep: Keep = False) -> None:
    """Stop the daemon and its models.

    Does nothing, and says so, when none answers.
    """
    from paddock.cli.background.process import shut_down

    client = connect(url, key)
    if not client.health():
        print(f"no daemon answers at {client.url}: nothing to stop")
        return
    pid = shut_down(client, keep=keep)
    print(f"stopped (pid {pid})" + ("; its models go on running" if keep else ""))
