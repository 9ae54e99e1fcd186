"""`paddock key list`: which keys there are, and what each is good for."""

from __future__ import annotations

from paddock.cli.options import Config, Json, SettingsFile, StateDir
from paddock.cli.output.terminal import date_and_time, print_json, print_table

EXAMPLE = "Example: paddock key list"
_HEADERS = ("KEY", "SCOPE", "MODELS", "AT A TIME", "TOKENS A DAY", "UNKNOWN MODEL", "ADDED")


def list_keys(
    config: Config = None,
    settings: SettingsFile = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """List the named keys. No secret is shown, as none is kept.

    Those of api-keys and management-keys in paddock.toml have no names, and are only counted.
    """
    from paddock.cli.offline.keys import open_keys

    found = open_keys(config, settings, state_dir)
    if as_json:
        print_json([found.shown(key) for key in found.named])
        return
    rows = [
        [
            key.name,
            key.scope,
            ", ".join(key.models) or "all",
            str(key.concurrency or ""),
            f"{key.tokens_per_day:,}" if key.tokens_per_day else "",
            key.unknown_model,
            date_and_time(key.added) if key.added else "",
        ]
        for key in found.named
    ]
    if rows:
        print_table(_HEADERS, rows)
    else:
        print("there is no named key; `paddock key add NAME` makes one")
    for line in found.of_settings():
        print(line)
