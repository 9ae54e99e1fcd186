"""`paddock engine rollback`: the engine that was the default before is the default again."""

from __future__ import annotations

from paddock.cli.options import Config, SettingsFile

EXAMPLE = "Example: paddock engine rollback"


def rollback(config: Config = None, settings: SettingsFile = None) -> None:
    """Go back to the engine that was the default before."""
    from paddock.cli.offline.engines import defaults, reload_daemon
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.engines import print_default

    files = open_files(config, settings)
    print_default(defaults(files).restore(), reload_daemon(files))
