"""`paddock engine promote`: an engine that has passed its test becomes the default."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.cli.options import Config, EngineArgument, SettingsFile

EXAMPLE = "Example: paddock engine test next && paddock engine promote next"
Force = Annotated[
    bool, typer.Option("--force", help="Promote it although no test of it has passed.")
]


def promote(
    name: EngineArgument, force: Force = False, config: Config = None, settings: SettingsFile = None
) -> None:
    """Make an engine the default, if its newest test has passed.

    A build that was replaced since counts as not tested. `paddock engine rollback` goes back.
    """
    from paddock.cli.offline.engines import defaults, reload_daemon
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.engines import print_default

    files = open_files(config, settings)
    if defaults(files).promote(name, force=force):
        print_default(name, reload_daemon(files))
    else:
        print(f"{name} is the default already")
