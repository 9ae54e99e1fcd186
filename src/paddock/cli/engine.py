"""`paddock engine …`: the engines by name, tried before they are trusted."""

from __future__ import annotations

import typer

from paddock.cli import engine_build, engine_choice, engine_list, engine_trial

app = typer.Typer(
    name="engine",
    help="Engines by name: list, add, build, try, promote, and go back.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb, name, epilog in (
    (engine_list.list_engines, "list", "Example: paddock engine list"),
    (engine_list.show, "show", "Example: paddock engine show next"),
    (engine_choice.add, "add", engine_choice.ADD_EXAMPLE),
    (engine_choice.remove, "remove", "Example: paddock engine remove old"),
    (engine_choice.default, "default", "Example: paddock engine default stable"),
    (engine_build.build, "build", engine_build.EXAMPLE),
    (engine_trial.try_engine, "test", engine_trial.EXAMPLE),
    (
        engine_trial.promote,
        "promote",
        "Example: paddock engine test next && paddock engine promote next",
    ),
    (engine_choice.rollback, "rollback", "Example: paddock engine rollback"),
):
    app.command(name, epilog=epilog)(verb)
