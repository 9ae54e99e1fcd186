"""`paddock node keep`: the process in the background that `paddock node join` starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Option("--file", help="What `paddock node join` wrote down.")]


def keep(file: File) -> None:
    """Keep this machine in its cluster, until SIGTERM."""
    from paddock.cli.background.log_lines import log_to_stderr
    from paddock.cluster.membership.joined import VARIABLE, joined
    from paddock.cluster.membership.keeper import JoinKeeper
    from paddock.errors import ConfigError

    log_to_stderr(verbose=False)
    machine = joined({**os.environ, VARIABLE: str(file)})
    if machine is None:
        raise ConfigError(f"there is no {file}", hint="`paddock node join` writes it")
    JoinKeeper(machine).run()
