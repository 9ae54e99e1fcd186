"""`paddock restart`: a new daemon in the place of the old one, without dropping a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Key, Url, connect
from paddock.errors import PaddockError
from paddock.figures.units import count

if TYPE_CHECKING:
    from paddock.api.types import Status

EXAMPLE = "Example: pip install --upgrade paddock-llm && paddock restart"


def restart(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Restart the daemon, not its models.

    The new one has the old one's command line, and adopts the models that run on meanwhile. Clients that connect meanwhile wait for it.
    """
    from paddock.cli.background.process import shut_down, spawn, wait_healthy
    from paddock.handover import SocketTaker

    client = connect(url, key)
    found = client.status()
    command, folder = _command(found)
    state_dir = Path(found.state_dir)
    with SocketTaker(state_dir) as taker:
        old = shut_down(client, keep=True)
        process = spawn(command, state_dir, cwd=folder, sockets=taker.take())
    wait_healthy(process, client, state_dir)
    kept = len(client.status().instances)
    print(f"restarted at {client.url}: pid {old} → {process.pid}, {count(kept, 'model')} adopted")


def _command(found: Status) -> tuple[list[str], Path]:
    """The argv and the folder of a running daemon, from the kernel."""
    process = Path("/proc") / str(found.pid)
    try:
        if process.stat().st_uid != os.getuid():  # whoever has the port may answer what he likes
            raise PermissionError(f"{process} is another user's")
        command = [
            os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")[:-1]
        ]
        folder = (process / "cwd").readlink()
    except OSError as error:
        raise PaddockError(
            f"the daemon (pid {found.pid}) is not a process of yours on this machine",
            hint="restart it where it runs",
        ) from error
    if "serve" not in command or not found.state_dir:
        raise PaddockError(
            f"pid {found.pid} was not started as `paddock serve`",
            hint="restart it the way it was started",
        )
    return command, folder
