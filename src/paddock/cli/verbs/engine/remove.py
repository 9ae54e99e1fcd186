"""`paddock engine remove`: an engine's entry leaves paddock.toml."""

from __future__ import annotations

from paddock.cli.options import Config, EngineArgument, SettingsFile
from paddock.errors import EngineError

EXAMPLE = "Example: paddock engine remove old"


def remove(name: EngineArgument, config: Config = None, settings: SettingsFile = None) -> None:
    """Take an engine out of paddock.toml. Its files stay."""
    from paddock.cli.offline.engines import users
    from paddock.cli.offline.files import open_files
    from paddock.config.settings_edit import remove_engine

    files = open_files(config, settings)
    if found := users(files, name):
        raise EngineError(
            f"{', '.join(found)} in {files.paths.config} name the engine {name!r}",
            hint="change them to another engine first",
        )
    remove_engine(files.paths.settings, name)
    print(f"removed {name} from {files.paths.settings}")
