"""`paddock list`: the profiles, with what they do just now where a daemon answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import (
    Config,
    EngineName,
    Json,
    Key,
    ModelsDir,
    SettingsFile,
    Url,
    connect,
)
from paddock.cli.output.terminal import (
    NO_PROFILES,
    complain,
    print_json,
    print_table,
    state,
    verdict,
)
from paddock.figures.units import mib, seconds, speed

if TYPE_CHECKING:
    from paddock.api.types import ProfileInfo

EXAMPLE = "Example: paddock list --all"
All = Annotated[bool, typer.Option("--all", "-a", help="Hidden profiles as well.")]


def list_models(
    url: Url = DEFAULT_URL,
    key: Key = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    show_all: All = False,
    as_json: Json = False,
) -> None:
    """List the profiles and their states, each followed by its variants.

    The daemon's, or those of models.conf when none answers or --config names one.
    """
    found = _live(url, key) if config is None else None
    if found is None:
        found = _from_file(config, settings, models_dir, engine)
    kept = [profile for profile in found if show_all or not profile.hidden]
    if as_json:
        print_json(kept)
        return
    if not kept:
        complain("all profiles are hidden; --all shows them" if found else NO_PROFILES)
        return
    _print([profile for profile in kept if not profile.bench])
    if bench := [profile for profile in kept if profile.bench]:
        print("\nbenchmark profiles")
        _print(bench)


def _live(url: str, key: str | None) -> list[ProfileInfo] | None:
    from paddock.errors import DaemonUnreachable

    try:
        return connect(url, key).models()
    except DaemonUnreachable as error:
        complain(f"{error.message}; this list is from models.conf alone")
        return None


def _from_file(
    config: Path | None, settings: Path | None, models_dir: Path | None, engine: str | None
) -> list[ProfileInfo]:
    from paddock.cli.offline.files import open_files
    from paddock.config.describe import described, described_variant

    found = []
    stable = open_files(config, settings, models_dir, engine).stable()
    for profile in stable.profiles.values():
        base, variants = described(profile), stable.variants_of(profile.id)
        base.variants = [variant.id for variant in variants]
        found += [base, *(described_variant(base, variant) for variant in variants)]
    return found


def _print(profiles: list[ProfileInfo]) -> None:
    headers = [
        "MODEL",
        "STATE",
        "VERDICT",
        "SPEED",
        "CONTEXT",
        "SIZE",
        "LOADS IN",
        "ALIASES",
        "TITLE",
    ]
    print_table(headers, [_row(profile) for profile in profiles])


def _row(profile: ProfileInfo) -> list[str]:
    if profile.variant_of:  # what its instance does stands in its profile's row
        title = f"{profile.title} (variant of {profile.variant_of})".lstrip()
        return [profile.id, *[""] * 6, ", ".join(profile.aliases), title]
    return [
        profile.id,
        state(profile.state) + (" (stale)" if profile.stale else ""),
        verdict(profile.verdict),
        _speed(profile),
        str(profile.ctx_size or ""),
        mib(profile.size_mib),
        seconds(profile.last_load_seconds),
        ", ".join(profile.aliases),
        profile.title,
    ]


def _speed(profile: ProfileInfo) -> str:
    """As measured; before that, as the file promises."""
    measured = profile.speed.generation if profile.speed else None
    return speed(measured) or profile.speed_text
