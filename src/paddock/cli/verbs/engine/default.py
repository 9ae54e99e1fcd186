"""`paddock engine default`: the engine of all profiles that name none."""

from __future__ import annotations

from paddock.cli.options import Config, EngineArgument, SettingsFile

EXAMPLE = "Example: paddock engine default stable"


def default(name: EngineArgument, config: Config = None, settings: SettingsFile = None) -> None:
    """Choose the engine of all profiles that name none.

    `paddock engine promote` does the same, but only for an engine that has passed its test.
    """
    from paddock.cli.offline.engines import defaults, reload_daemon
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.engines import print_default

    files = open_files(config, settings)
    if defaults(files).choose(name):
        print_default(name, reload_daemon(files))
    else:
        print(f"{name} is the default already")
