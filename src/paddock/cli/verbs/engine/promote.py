"""`paddock engine promote`: an engine that has passed its test becomes the default."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.cli.options import Config, EngineArgument, SettingsFile
from paddock.errors import EngineError

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
    from paddock.cli.offline.engines import make_default, reload_daemon
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.engines import print_default
    from paddock.engine.trial_store import open_trial_store

    files = open_files(config, settings)
    trial = open_trial_store(files.paths.state_dir).trial_of(files.engines.find(name))
    if not force and (trial is None or not trial.passed):
        what = "was not tested" if trial is None else "did not pass its test"
        raise EngineError(
            f"{name} {what}",
            hint=f"`paddock engine test {name}` first; --force makes it the default all the same",
            detail=tuple(trial.failures) if trial else (),
        )
    if make_default(files, name):
        print_default(name, reload_daemon(files))
    else:
        print(f"{name} is the default already")
