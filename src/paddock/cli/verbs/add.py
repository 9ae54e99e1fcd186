"""`paddock add`: one more profile at the end of models.conf."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paddock.cli.options import Config, EngineName, Json, ModelsDir, SettingsFile

EXAMPLE = "Example: paddock add ~/models/Qwen3-8B-Q4_K_M.gguf --dry-run"
ModelFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A GGUF file; of several shards, any.")
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        show_default=False,
        help="The profile's name; default: as `paddock init` would call it.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show it, and write nothing.")]


def add(
    file: ModelFile,
    name: Name = None,
    dry_run: DryRun = False,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    as_json: Json = False,
) -> None:
    """Add a profile for one GGUF file at the end of models.conf, as `paddock init` would write it.

    Its context follows this machine's GPUs, its projector is found beside it, and what the file says of itself becomes comments. The plan shows where it would lie; nothing is loaded. All else in models.conf stays as it is. Nothing is written where `paddock check` would refuse it: exit status 1. A running daemon takes the profile up by itself.
    """
    from paddock.cli.offline.addition import addition_of_file, append
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.addition_report import print_addition, print_addition_as_json
    from paddock.cli.output.steps import steps_shown

    files = open_files(config, settings, models_dir, engine)
    addition = addition_of_file(file, files, name=name, progress=steps_shown())
    plans = addition.plans()
    if not dry_run:
        append(addition)
    show = print_addition_as_json if as_json else print_addition
    show(addition, plans, is_written=not dry_run)
