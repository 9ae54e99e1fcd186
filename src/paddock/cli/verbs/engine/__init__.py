"""`paddock engine …`: the engines by name, tried before they are trusted. One file for each verb.

To add a verb: a file with a function and an EXAMPLE, a line below, and its section in docs/cli.md.
"""

from __future__ import annotations

import typer

from paddock.cli.verbs.engine import add, build, default, promote, remove, rollback, show, test
from paddock.cli.verbs.engine import list as listing

app = typer.Typer(
    name="engine",
    help="Engines by name: list, add, build, try, promote, and go back.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb, name, epilog in (
    (listing.list_engines, "list", listing.EXAMPLE),
    (show.show, "show", show.EXAMPLE),
    (add.add, "add", add.EXAMPLE),
    (remove.remove, "remove", remove.EXAMPLE),
    (default.default, "default", default.EXAMPLE),
    (build.build, "build", build.EXAMPLE),
    (test.try_engine, "test", test.EXAMPLE),
    (promote.promote, "promote", promote.EXAMPLE),
    (rollback.rollback, "rollback", rollback.EXAMPLE),
):
    app.command(name, epilog=epilog)(verb)
