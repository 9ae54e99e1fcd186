"""`paddock connect`: a client program set up for good, and that undone; alone: the list of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Config, ForModel, Json, Key, NoStart, Url, client_names
from paddock.cli.output.terminal import complain, paint, print_json, print_table

if TYPE_CHECKING:
    from paddock.clients.setting import ClientProgram, ClientSettings
    from paddock.clients.writing import Change, WrittenFiles

EXAMPLE = "Example: paddock connect codex --model qwen-coder --dry-run"
MaybeClient = Annotated[
    str | None,
    typer.Argument(
        metavar="[CLIENT]",
        help="Without one: a list of all.",
        autocompletion=client_names,
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be written.")]
Undo = Annotated[
    bool, typer.Option("--undo", help="Put back what was there before, byte for byte.")
]
_VERSION_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Row:
    """One client in the list."""

    name: str
    title: str
    program: str  # its path, empty where it is not here
    version: str
    state: str
    install: str


def connect(
    client: MaybeClient = None,
    model: ForModel = None,
    dry_run: DryRun = False,
    undo: Undo = False,
    config: Config = None,
    no_start: NoStart = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Point a client at Paddock: all profiles with their contexts, long patience, one model for its side jobs.

    Files of the client's own are touched only where it knows no other way; then only our entry is written, and the version from before is kept. Where no daemon runs, one is started in the background first. `paddock run` starts a client without writing anything. For programs that read the usual variables: eval "$(paddock connect openai)".
    """
    if client is None:
        return _show_all(as_json=as_json)
    from paddock.cli.background.child import exit_on_signals
    from paddock.cli.output.starting import daemon_at
    from paddock.clients.known import client_named

    chosen = client_named(client)
    if undo:
        return _undo(chosen)
    exit_on_signals()  # so that a daemon that is being started goes
    url = daemon_at(url, key, config, may_start=not no_start)
    setting = _setting(chosen, url, key, model)
    return _told(chosen, setting) if dry_run else _done(chosen, setting, as_json=as_json)


def _setting(client: ClientProgram, url: str, key: str | None, model: str | None) -> ClientSettings:
    from paddock.cli.online.offer import offer_of
    from paddock.clients.setting import ClientFolders

    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    own = config / "paddock" / "clients" / client.name
    offer = offer_of(url, key, model, has_picker=client.has_picker)
    setting = client.connect(offer, ClientFolders(own=own, home=home, config=config))
    tight = client.tight(offer.main)
    return replace(setting, notes=(*setting.notes, tight)) if tight else setting


def _ledger() -> WrittenFiles:
    from paddock.clients.writing import WrittenFiles
    from paddock.config.paths import paths

    return WrittenFiles(paths(None, None, None, os.environ).state_dir)


# ---- doing ----


def _told(client: ClientProgram, setting: ClientSettings) -> None:
    from paddock.clients.setting import exports
    from paddock.clients.writing import changes

    for change in changes(setting):
        print(change.diff or f"{change.path}: as it is", end="" if change.diff else "\n")
    print("\n".join(exports(setting.env)))


def _done(client: ClientProgram, setting: ClientSettings, *, as_json: bool) -> None:
    from paddock.clients.setting import exports
    from paddock.clients.writing import changes

    wanted = changes(setting)
    written = _ledger().write(client.name, wanted) if wanted else []
    if as_json:
        written_json = {"client": client.name, "written": [str(change.path) for change in written]}
        return print_json(
            written_json | {"usage": setting.usage, "notes": setting.notes, "env": setting.env}
        )
    for line in exports(setting.env):
        print(line)
    _tell(client, setting, wanted, written)
    return None


def _tell(
    client: ClientProgram, setting: ClientSettings, wanted: list[Change], written: list[Change]
) -> None:
    for change in written:
        complain(
            f"wrote {change.path}" + (" (its version from before is kept)" * bool(change.before))
        )
    if wanted and not written:
        complain(f"{client.title} was connected already, and nothing has changed")
    if setting.usage:
        complain(f"{client.title} is ready:")
    for line in setting.usage:
        print(f"  {line}")
    for note in setting.notes:
        complain(f"note: {note}")
    if written:
        complain(f"`paddock connect {client.name} --undo` puts everything back")


def _undo(client: ClientProgram) -> None:
    for path in _ledger().undo(client.name):
        complain(f"as before: {path}")


# ---- the list ----


def _show_all(*, as_json: bool) -> None:
    from paddock.clients.known import CLIENTS

    ledger = _ledger()
    programs = [client for client in CLIENTS.values() if client.program]
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(lambda client: _row(client, ledger), programs))
    if as_json:
        return print_json([asdict(row) for row in rows])
    print_table(
        ("CLIENT", "INSTALLED", "STATE", "HOW TO GET IT"),
        [
            (row.name, row.version or "here" * bool(row.program), _state(row), _install(row))
            for row in rows
        ],
    )
    complain(
        "`paddock run CLIENT` starts one with everything set; `paddock connect CLIENT` sets it up"
    )
    complain('for other programs: eval "$(paddock connect openai)", or anthropic')
    return None


def _row(client: ClientProgram, ledger: WrittenFiles) -> Row:
    path = shutil.which(client.program) or ""
    version = _version(path) if path else ""
    return Row(client.name, client.title, path, version, ledger.state(client.name), client.install)


def _version(program: str) -> str:
    """What it says of itself; nothing where it says that in its own way, or takes too long."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = (done.stdout.decode(errors="replace").strip().splitlines() or [""])[0].split()
    return next((word for word in words if word[:1].isdigit()), "")


def _state(row: Row) -> str:
    colours = {"connected": "green", "changed": "yellow"}
    return paint(row.state, colours[row.state], sys.stdout) if row.state else ""


def _install(row: Row) -> str:
    return "" if row.program else paint(row.install, "dim")
