"""`paddock key …`: named API keys. One file for each verb.

To add a verb: a file with a function and an EXAMPLE, a line below, and its section in docs/cli.md.
"""

from __future__ import annotations

import typer

from paddock.cli.verbs.key import add, remove
from paddock.cli.verbs.key import list as listing

app = typer.Typer(
    name="key",
    help="API keys by name, each with what it may do and how much: add, list, remove.",
    epilog="A running daemon takes over a change at once. What each key has used: paddock usage",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb, name, epilog in (
    (add.add, "add", add.EXAMPLE),
    (listing.list_keys, "list", listing.EXAMPLE),
    (remove.remove, "remove", remove.EXAMPLE),
):
    app.command(name, epilog=epilog)(verb)
