"""`paddock node …`: the machines of a stable of many. One file for each verb.

To add one: a file with its function and `EXAMPLE`, and a row in the table below.
"""

from __future__ import annotations

import typer

from paddock.cli.verbs.node import join, keep, leave, lend, up
from paddock.cli.verbs.node import list as listing

app = typer.Typer(
    name="node",
    help="Several machines behind one address: join, list, leave.",
    epilog="The front: paddock serve --cluster auto. It needs the extra: pip install 'paddock-llm\\[cluster]'",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb, name, epilog in (
    (join.join, "join", join.EXAMPLE),
    (listing.list_nodes, "list", listing.EXAMPLE),
    (leave.leave, "leave", leave.EXAMPLE),
):
    app.command(name, epilog=epilog)(verb)
app.command("up", hidden=True)(up.up)
app.command("keep", hidden=True)(keep.keep)
app.command("lend", hidden=True)(lend.lend)
