"""`paddock engine show`: one engine, its version, its devices and its trial."""

from __future__ import annotations

import os

from paddock.cli.options import Config, EngineArgument, Json, SettingsFile
from paddock.cli.output.terminal import paint, print_json, print_table

EXAMPLE = "Example: paddock engine show next"


def show(
    name: EngineArgument,
    config: Config = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Show one engine: its version, the devices that it sees, what it always gets, how its trial went."""
    from paddock.cli.offline.engines import portrait
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.engines import trial_words
    from paddock.engine.probe import devices

    files = open_files(config, settings)
    engine = files.engines.find(name)
    found = portrait(files, name) | {"devices": devices(engine, environ=os.environ)}
    if as_json:
        print_json(found)
        return
    print(f"{paint(name, 'bold')}{', the default' if found['default'] else ''}")
    lines = {
        "version": found["version"],
        "build": found["build"],
        "command": " ".join(found["command"]),
        "devices": "; ".join(found["devices"]) or "none beside the CPU",
        "flags": f"{found['flags_known']} known",
        "always gets": " ".join(found["flags"]),
        "environment": " ".join(f"{key}={value}" for key, value in found["env"].items()),
        "patches": ", ".join(found["patches"]),
        "note": found["note"],
        "waits for": found["url"],
        "tried": trial_words(found["tried"]) or "never",
    }
    print_table(
        ["", ""], [[paint(key, "dim"), str(value)] for key, value in lines.items() if value]
    )
    for failure in found["tried"]["failures"] if found["tried"] else ():
        print(f"    {failure}")
