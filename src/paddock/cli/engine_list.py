"""`paddock engine list` and `show`: what engines there are, what they are, and what is known of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paddock.cli.options import Config, Json, SettingsFile
from paddock.cli.terminal import paint, print_json, print_table

if TYPE_CHECKING:
    from paddock.cli.files import Files
    from paddock.engine.trial_store import Trial

Name = Annotated[str, typer.Argument(help="The engine's name.", show_default=False)]


def list_engines(
    config: Config = None, settings: SettingsFile = None, as_json: Json = False
) -> None:
    """List the engines of paddock.toml, and those that need no name there.

    `*` marks the default. What an engine waits for is shown, so that a patched build is not forgotten.
    """
    from paddock.cli.files import open_files

    files = open_files(config, settings)
    found = [portrait(files, name) for name in names(files)]
    if as_json:
        print_json(found)
        return
    rows = [
        [
            "*" if one["default"] else "",
            one["name"],
            one["version"] or paint(one["error"], "red"),
            _tried(one["tried"]),
            "; ".join([*one["patches"], one["note"]] if one["note"] else one["patches"]),
            one["url"],
        ]
        for one in found
    ]
    print_table(["", "ENGINE", "VERSION", "TRIED", "NOTE", "WAITS FOR"], rows)


def show(
    name: Name, config: Config = None, settings: SettingsFile = None, as_json: Json = False
) -> None:
    """Show one engine: its version, the devices that it sees, what it always gets, how its trial went."""
    from paddock.cli.files import open_files
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
        "tried": _tried(found["tried"]) or "never",
    }
    print_table(
        ["", ""], [[paint(key, "dim"), str(value)] for key, value in lines.items() if value]
    )
    for failure in found["tried"]["failures"] if found["tried"] else ():
        print(f"    {failure}")


def names(files: Files) -> list[str]:
    """Those of paddock.toml, the default, and what is installed without being named there."""
    from paddock.config.engines import BUILT_IN
    from paddock.errors import EngineError

    found = dict.fromkeys([*files.settings.engines, *filter(None, [files.settings.engine])])
    for name in BUILT_IN:
        try:
            files.engines.find(name)
        except EngineError:
            continue
        found[name] = None
    return list(found)


def portrait(files: Files, name: str) -> dict[str, Any]:
    """All that is known of an engine without asking for its devices; `error` where it is unusable."""
    from paddock.config.engines import EngineSpec
    from paddock.engine.trial_store import open_trial_store
    from paddock.errors import EngineError

    spec = files.engines.spec(name) or EngineSpec()
    known: dict[str, Any] = {
        "name": name, "default": name == files.settings.engine, "error": "", "version": "",
        "build": None, "kind": "", "command": [], "flags_known": 0, "tried": None,
        "env": spec.env, "flags": spec.flags, "patches": list(spec.patches), "note": spec.note,
        "url": spec.url,
    }  # fmt: skip
    try:
        engine = files.engines.find(name)
    except EngineError as error:
        return known | {"error": error.message}
    return known | {
        "version": engine.version,
        "build": engine.build,
        "kind": engine.kind,
        "command": list(engine.command),
        "flags_known": len(engine.flags.specs),
        "tried": _as_data(open_trial_store(files.paths.state_dir).trial_of(engine)),
    }


def _as_data(trial: Trial | None) -> Any:
    import msgspec

    return msgspec.to_builtins(trial) if trial else None


def _tried(trial: dict[str, Any] | None) -> str:
    if not trial:
        return ""
    day = trial["tried_at"][:10]
    result = paint("passed", "green") if trial["passed"] else paint("failed", "red")
    against = f" against {trial['against']}" if trial["against"] else ""
    return f"{result} {day}{against}, {trial['cases']} models"
