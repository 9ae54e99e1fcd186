"""`paddock run`: a client started with everything set, and nothing written into its own files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.background.child import exit_on_signals, waited_for
from paddock.cli.options import Config, ForModel, Key, NoStart, Url, client_names
from paddock.cli.output.terminal import complain
from paddock.errors import NoSuchThing
from paddock.figures.units import count
from paddock.private import keep_private
from paddock.scratch import scratch, sweep

if TYPE_CHECKING:
    from paddock.clients.offer import Offer
    from paddock.clients.setting import ClientProgram, ClientSettings, Run, RunPrivately

EXAMPLE = "Example: paddock run claude-code --model qwen-coder -- --continue"
ClientName = Annotated[
    str,
    typer.Argument(
        metavar="CLIENT", help="`paddock connect` lists them.", autocompletion=client_names
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[--] ARGS", help="What follows is the client's own.", show_default=False
    ),
]

Private = Annotated[
    bool,
    typer.Option(
        "--private",
        help="For claude-code alone: in a folder of its own, apart from the usual one, with nothing that leaves this machine.",
    ),
]


def run(
    client: ClientName,
    args: Arguments = None,
    model: ForModel = None,
    private: Private = False,
    config: Config = None,
    no_start: NoStart = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Start a client on one of the models, with its real context, long patience and one model for all its jobs.

    Without --model, claude-code gets all models, and its picker (`/model`) chooses among them. Any other client gets the model that was used last, or the only one.

    Where no daemon runs, one is started in the background first, and goes on when the client has ended.

    The client's own files are not touched: it gets its settings by environment variables, by arguments, or in a file that is removed when it ends. With `openai` or `anthropic` any command runs with the usual variables: `paddock run openai -- python script.py`.
    """
    from paddock.cli.online.offer import offer_of
    from paddock.cli.output.starting import daemon_at
    from paddock.clients.known import client_named

    chosen = client_named(client)
    words = command(chosen, args or [])
    starter = _starter(chosen, private=private)
    exit_on_signals()  # so that a daemon that is being started goes, and later what lies aside
    url = daemon_at(url, key, config, may_start=not no_start)
    offer = offer_of(url, key, model, has_picker=chosen.has_picker)
    complain(f"{chosen.title} on {_models(offer)} at {offer.url}")
    if tight := chosen.tight(offer.main):
        complain(f"note: {tight}")
    sys.exit(started(starter, offer, words))


def _models(offer: Offer) -> str:
    """The one that was chosen, or that there is a choice."""
    if offer.is_chosen:
        return offer.main.id
    return f"{offer.main.id} first, of {count(len(offer.cards), 'model')} (/model shows them)"


def _starter(client: ClientProgram, *, private: bool) -> Run:
    """How its settings are made. NoSuchThing where it cannot be had privately."""
    assert client.run is not None, "`command` has seen to it"
    if not private:
        return client.run
    if client.private is None:
        raise NoSuchThing(
            f"Paddock does not know how to keep {client.title} to itself",
            hint="--private is for claude-code",
        )
    return partial(_privately, client.name, client.private)


def _privately(name: str, private: RunPrivately, offer: Offer, folder: Path) -> ClientSettings:
    """In its own folder within the state folder, which is made here."""
    from paddock.clients.setting import PrivatePlace
    from paddock.config.paths import paths

    state = paths(None, None, None, os.environ).state_dir
    place = state / "private" / name
    for one in (state, place.parent, place):
        keep_private(one)
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    setting = private(offer, folder, PrivatePlace(place, direct))
    complain(f"its own folder: {place}")
    for missing in (one for one in setting.needs if shutil.which(one) is None):
        complain(
            f"note: without {missing} what it runs is in no sandbox, and can reach the network"
        )
    return setting


def command(client: ClientProgram, args: Sequence[str]) -> list[str]:
    """The program and the user's arguments. NoSuchThing where it cannot be started."""
    if client.run is None:
        hint = f"`paddock connect {client.name}` connects it"
        raise NoSuchThing(f"{client.title} cannot get all settings for one run", hint=hint)
    words = [client.program, *args] if client.program else list(args)
    if not words:
        hint = f"paddock run {client.name} -- python script.py"
        raise NoSuchThing("which command?", hint=hint)
    if shutil.which(words[0]) is None:
        hint = f"install it: {client.install}" if client.install else ""
        raise NoSuchThing(f"there is no program {words[0]!r} here", hint=hint)
    return words


def started(run: Run, offer: Offer, words: Sequence[str]) -> int:
    """Run it to its end; its exit status. Files that it needs lie in a folder of its own meanwhile."""
    from paddock.clients.writing import put_aside

    exit_on_signals()  # else what lies aside, keys among it, would stay
    sweep(_runtime())  # of those that were killed
    with scratch("run", place=_runtime()) as folder:
        setting = run(offer, folder)
        for path in put_aside(setting):
            path.chmod(0o600)
        program, *args = words
        return waited_for([program, *setting.args, *args], dict(setting.env))


def _runtime() -> Path | None:
    """Memory of this user alone, where the system has such a place."""
    folder = os.environ.get("XDG_RUNTIME_DIR")
    return Path(folder) if folder and Path(folder).is_dir() else None
