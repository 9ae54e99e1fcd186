"""`paddock show`: one profile, its file's facts and its command line with the origin of each flag."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paddock import excerpt
from paddock.api.address import DEFAULT_URL
from paddock.cli.options import (
    Config,
    EngineName,
    Json,
    Key,
    Model,
    ModelsDir,
    SettingsFile,
    Url,
    connect,
)
from paddock.cli.output.fact_sheet import print_facts, print_typed
from paddock.cli.output.terminal import paint, print_json, print_table, state

if TYPE_CHECKING:
    from paddock.api.types import ProfileInfo
    from paddock.config.profile import NamedModel, Profile
    from paddock.config.variant import Variant
    from paddock.engine.engine import Engine

_SHOWN = 120  # letters of one setting
EXAMPLE = "Example: paddock show glm-flash-q4 --argv"
Argv = Annotated[
    bool, typer.Option("--argv", help="Print the command in one line, to be run by hand.")
]


def show(
    model: Model,
    url: Url = DEFAULT_URL,
    key: Key = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    argv: Argv = False,
    as_json: Json = False,
) -> None:
    """Show a profile: the facts of its model file, and its command line with each flag's origin.

    What was typed about the model is shown apart from what its file says. What the daemon itself adds when it starts one (its socket and its log's form) is left out.
    """
    from paddock.cli.offline.files import open_files
    from paddock.placement.fact_lines import facts_of

    live_file, live = _live(url, key, model)
    files = open_files(config or live_file, settings, models_dir, engine)
    named = files.named(model)
    profile = named.profile
    runner = files.engines.find(profile.engine)
    if argv:
        print(shlex.join([*runner.command, *profile.argv]))
        return
    facts, problem = facts_of(profile, files.paths.state_dir)
    if as_json:
        made = _as_json(profile, runner) | {"facts": facts, "facts_problem": problem}
        print_json(made | _variant_as_json(named))
        return
    if named.variant:
        _print_variant(named.variant, files.paths.config)
    _print_head(profile, runner, live, files.paths.config)
    if live:
        _print_modes(url, key, profile)
    print()
    print_facts(profile, facts, problem)
    print_typed(profile, facts)
    _print_flags(profile)


def _live(url: str, key: str | None, model: str) -> tuple[Path | None, ProfileInfo | None]:
    """The file that a daemon uses, if one answers and the file is here, and the profile's state."""
    from paddock.errors import PaddockError

    client = connect(url, key)
    try:
        path = Path(client.status().config.path)
        found = next((p for p in client.models() if model in (p.id, *p.aliases)), None)
    except PaddockError:
        return None, None
    return (path if path.is_file() else None), found


def _print_head(profile: Profile, runner: Engine, live: ProfileInfo | None, file: Path) -> None:
    title = f", {profile.title}" if profile.title else ""
    now = f", {state(live.state)}" if live else ""
    print(f"{paint(profile.id, 'bold')}{title}{now}")
    print(f"{file}, line {profile.line}; {runner.name} {runner.version}")
    if live and live.stale:
        print(
            paint("the running instance was started from an earlier version of the file", "yellow")
        )
    print(f"fit: {_fit(profile)}")
    print(f"start: {_START[profile.overlap]} (overlap = {profile.overlap})")
    print(f"weights: {_weights(profile)}")
    if profile.rpc_nodes:
        print(f"spread: {_spread(profile)}")


def _print_modes(url: str, key: str | None, profile: Profile) -> None:
    """What the daemon chooses instead of llama-server's own load mode, by the loads that it knows."""
    from paddock.errors import PaddockError

    with suppress(PaddockError):
        for mode in connect(url, key).history(profile.id, 1).load_modes:
            print(f"  {mode.page_cache} loads get load-mode = {mode.mode}: {mode.why}")


_START = {
    "auto": "while those that leave for it still end",
    "off": "when those that leave for it are gone",
}


def _print_variant(variant: Variant, file: Path) -> None:
    title = f", {variant.title}" if variant.title else ""
    print(f"{paint(variant.id, 'bold')}{title}, a variant of {variant.base}")
    print(f"{file}, line {variant.line}; its requests differ by")
    rows = [[key, _in_one_line(value)] for key, value in variant.settings.items()]
    print_table(["SETTING", "VALUE"], rows or [["nothing", ""]])
    print()


def _in_one_line(value: object) -> str:
    """In one line."""
    return excerpt.line(value if isinstance(value, str) else json.dumps(value), _SHOWN)


def _variant_as_json(named: NamedModel) -> dict[str, Any]:
    variant = named.variant
    if variant is None:
        return {}
    return {"variant": {"id": variant.id, "line": variant.line, "settings": variant.settings}}


def _fit(profile: Profile) -> str:
    """Who says where it lies."""
    from paddock.placement.replay import is_placed_by_hand

    if is_placed_by_hand(profile):
        return "left to the flags below"
    if profile.replay_fit == "off":
        return "at every load (replay-fit = off)"
    return "once, in its plan; loads get the result as flags while the plan is valid (replay-fit = auto)"


def _weights(profile: Profile) -> str:
    """How they come from the disk, and how much of them need not."""
    from paddock.config.describe import weight_files
    from paddock.figures.units import mib
    from paddock.host.seen_files import look

    flag = profile.flag("--load-mode")
    own = f"as llama-server's own load-mode = auto says (load-mode-choice = {profile.load_mode_choice})"
    mode = f"load-mode = {flag.values[0]}" if flag else own
    seen = look(weight_files(profile))
    if not seen.mib:
        return mode
    held = "unknown" if seen.cached_mib is None else mib(seen.cached_mib)
    return f"{mode}; {held} of {mib(seen.mib)} in the page cache ({seen.file_system})"


def _spread(profile: Profile) -> str:
    """Over which machines, and what that costs, as far as the file says."""
    from paddock.config.lenders import RPC

    names = ", ".join(profile.rpc_nodes)
    flag = profile.flag(RPC)
    where = f"{names} lend their devices at {flag.values[0]}" if flag else f"{names} must lend their devices: nobody has said that all do"  # fmt: skip
    return f"{where}; what goes there is not encrypted: weights at every load, some KiB for every token (`paddock plan` says how much)"


def _print_flags(profile: Profile) -> None:
    from paddock.config import explain

    rows = [
        [row.flag, shlex.join(row.values), row.origin, "; ".join(row.overridden)]
        for row in explain.show(profile)
    ]
    print_table(["FLAG", "VALUE", "FROM", "INSTEAD OF"], rows)


def _as_json(profile: Profile, runner: Engine) -> dict[str, Any]:
    return {
        "id": profile.id,
        "engine": runner.name,
        "engine_version": runner.version,
        "argv": [*runner.command, *profile.argv],
        "flags": profile.flags,
        "load_mode_choice": profile.load_mode_choice,
        "replay_fit": profile.replay_fit,
        "overlap": profile.overlap,
        "comments": profile.comments,
    }
