"""`paddock logs`: what llama-server wrote, or the daemon."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Key, Url, connect, profile_names
from paddock.cli.output.terminal import for_terminal

if TYPE_CHECKING:
    from paddock.api.client import Client

EXAMPLE = "Example: paddock logs glm-flash-q4 -f"
Name = Annotated[
    str | None,
    typer.Argument(
        help="A profile, an instance as `paddock status --json` names it, or `daemon`; default: the current one.",
        autocompletion=profile_names,
        show_default=False,
    ),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")]
Lines = Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")]

Everything = Annotated[
    bool,
    typer.Option(
        "--all",
        "-a",
        help="All runs of the model that are kept, separated by a line; without a name, of all models. "
        "With -f it goes on with the next one.",
    ),
]


def logs(
    url: Url = DEFAULT_URL,
    name: Name = None,
    key: Key = None,
    follow: Follow = False,
    lines: Lines = 100,
    everything: Everything = False,
) -> None:
    """Print the last lines of a model's log, or of the daemon's own.

    Logs of instances that have ended stay readable.
    """
    client = connect(url, key)
    if not everything:
        name = name or _current(client)
    pieces = client.logs(name, lines, follow=follow, every_run=everything)
    if sys.stdout.isatty():
        for text in for_terminal(pieces):
            print(text, end="", flush=True)
        return
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _current(client: Client) -> str:
    from paddock.errors import NotLoaded

    found = client.status()
    names = [instance.profile for instance in found.instances]
    if found.current and (found.current in names or not names):
        return found.current
    if names:
        return names[0]
    raise NotLoaded("nothing is loaded", hint="name the model whose log you want: `paddock list`")
