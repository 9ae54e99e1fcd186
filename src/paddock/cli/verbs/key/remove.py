"""`paddock key remove`: a key that is good for nothing any more."""

from __future__ import annotations

from paddock.cli.options import Config, KnownKey, SettingsFile, StateDir
from paddock.cli.output.terminal import complain

EXAMPLE = "Example: paddock key remove anna"


def remove(
    name: KnownKey,
    config: Config = None,
    settings: SettingsFile = None,
    state_dir: StateDir = None,
) -> None:
    """Take a key away. A running daemon refuses it from then on; what it is answering is finished.

    What was used with it stays in `paddock usage`.
    """
    from paddock.cli.offline.keys import open_keys
    from paddock.config.keys import remove_key

    keys = open_keys(config, settings, state_dir)
    remove_key(keys.file, name)
    print(f"removed {name!r} from {keys.file}")
    for word in keys.words_after_removing():
        complain(word)
