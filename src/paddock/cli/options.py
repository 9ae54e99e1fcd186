"""The options that several verbs share, and what they are turned into.

Nothing heavy is imported here: every verb pays for it, `paddock --help` too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL

if TYPE_CHECKING:
    from paddock.api.client import Client

_COMPLETION_SECONDS = 0.5  # a Tab that takes longer feels broken


def profile_names(incomplete: str) -> list[str]:
    """The profiles that a running daemon knows, for the shell's Tab; nothing when none answers."""
    from paddock.api.client import Client
    from paddock.errors import PaddockError

    url, key = os.environ.get("PADDOCK_URL", DEFAULT_URL), os.environ.get("PADDOCK_API_KEY")
    try:
        found = Client(url, key, timeout=_COMPLETION_SECONDS).models()
    except PaddockError:
        return []
    return [profile.id for profile in found if profile.id.startswith(incomplete)]


def client_names(incomplete: str) -> list[str]:
    """The clients that can be connected, for the shell's Tab."""
    from paddock.clients.known import CLIENTS

    return [name for name in CLIENTS if name.startswith(incomplete)]


def key_names(incomplete: str) -> list[str]:
    """The named keys of the usual place, for the shell's Tab."""
    from paddock.config.keys import read_keys
    from paddock.config.paths import keys_file, paths
    from paddock.errors import PaddockError

    try:
        found = read_keys(keys_file(paths(None, None, None, os.environ).state_dir))
    except PaddockError:
        return []
    return [key.name for key in found if key.name.startswith(incomplete)]


KeyName = Annotated[str, typer.Argument(help="The name of a new key.", show_default=False)]
KnownKey = Annotated[
    str, typer.Argument(help="The key's name.", autocompletion=key_names, show_default=False)
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="PADDOCK_URL",
        metavar="URL",
        help="Where the daemon answers; where paddock.toml has it listen, unless said.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="PADDOCK_API_KEY",
        metavar="KEY",
        show_default=False,
        help="API key, where the daemon asks for one; the variable keeps it out of `ps`.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the API's own JSON, for programs.")]
Model = Annotated[
    str, typer.Argument(help="A profile's name or alias.", autocompletion=profile_names)
]
MaybeModel = Annotated[
    str | None,
    typer.Argument(
        help="A profile's name or alias.", autocompletion=profile_names, show_default=False
    ),
]


def from_here(path: Path | None) -> Path | None:
    """A path of the command line starts from the working folder, whatever the file says of its own."""
    from paddock.config.model_files import at_home

    return Path(at_home(str(path))).absolute() if path else None


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        show_default=False,
        help="models.conf; default: $XDG_CONFIG_HOME/paddock/models.conf.",
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        show_default=False,
        help="Paddock's own settings; default: paddock.toml beside models.conf.",
    ),
]
ModelsDir = Annotated[
    Path | None,
    typer.Option(
        "--models-dir",
        metavar="DIR",
        show_default=False,
        callback=from_here,
        help="Where relative paths of models begin; default: models/ beside models.conf.",
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        show_default=False,
        help="Logs and history; default: $XDG_STATE_HOME/paddock.",
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        "--listen",
        metavar="HOST:PORT",
        show_default=False,
        help="Address to serve; default: 127.0.0.1:8080.",
    ),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME|PATH",
        show_default=False,
        help="`native`, `embedded`, or the path of a llama-server; default: the first found.",
    ),
]
EngineArgument = Annotated[str, typer.Argument(help="The engine's name.", show_default=False)]
EngineNote = Annotated[str, typer.Option("--note", help="Why it is there.")]
Issue = Annotated[str, typer.Option("--url", help="The upstream issue that it waits for.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        show_default=False,
        help="The file to write; default: $XDG_CONFIG_HOME/paddock/models.conf.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace a file that is there; it is kept as FILE.bak.")
]
ForModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        show_default=False,
        help="The profile to talk to; default: the one used last, or the only one.",
        autocompletion=profile_names,
    ),
]
NoStart = Annotated[
    bool,
    typer.Option("--no-start", help="Do not start a daemon where none answers; fail instead."),
]
MaybeFolder = Annotated[
    Path | None, typer.Argument(help="The folder; default: the usual one.", show_default=False)
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Serve other machines without asking for a key."),
]


def connect(url: str, key: str | None) -> Client:
    """The API client of a verb."""
    from paddock.api.client import Client

    return Client(url, key)
