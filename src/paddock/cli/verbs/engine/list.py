"""`paddock engine list`: what engines there are, and how their trials went."""

from __future__ import annotations

from paddock.cli.options import Config, Json, SettingsFile
from paddock.cli.output.terminal import paint, print_json, print_table

EXAMPLE = "Example: paddock engine list"


def list_engines(
    config: Config = None, settings: SettingsFile = None, as_json: Json = False
) -> None:
    """List the engines of paddock.toml, and those that need no name there.

    `*` marks the default. What an engine waits for is shown, so that a patched build is not forgotten.
    """
    from paddock.cli.offline.engines import defaults, portrait
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.engines import trial_words

    files = open_files(config, settings)
    found = [portrait(files, name) for name in defaults(files).names()]
    if as_json:
        print_json(found)
        return
    rows = [
        [
            "*" if one["default"] else "",
            one["name"],
            one["version"] or paint(one["error"], "red"),
            trial_words(one["tried"]),
            "; ".join([*one["patches"], one["note"]] if one["note"] else one["patches"]),
            one["url"],
        ]
        for one in found
    ]
    print_table(["", "ENGINE", "VERSION", "TRIED", "NOTE", "WAITS FOR"], rows)
