"""`paddock remove`: a profile leaves models.conf, and its files if that is wanted."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paddock.cli.options import Config, Json, Model, ModelsDir, SettingsFile, StateDir
from paddock.errors import BadRequest, ConfigError, StateUnwritable

EXAMPLE = "Example: paddock remove qwen-coder --files --dry-run"
WithFiles = Annotated[
    bool, typer.Option("--files", help="Delete its files too, as far as nobody else uses them.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go and what stays.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def remove(
    model: Model,
    with_files: WithFiles = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Take a profile out of models.conf; with --files delete its files, and say what that frees.

    A file stays where another profile or a running program uses it, and where it lies neither in the models folder nor in the hub's cache. In that cache the content goes with its last name. All else in models.conf stays as it is; a running daemon takes that up by itself.
    """
    from paddock.cli.offline.files import open_files
    from paddock.cli.offline.removing import Leaving
    from paddock.cli.output.removal_report import removal_as_json, removal_lines
    from paddock.cli.output.terminal import print_json

    if as_json and not (yes or dry_run):
        raise BadRequest("--json asks nobody", hint="add --yes or --dry-run")
    leaving = Leaving.of(model, open_files(config, settings, models_dir, state_dir=state_dir))
    if not as_json:
        print("\n".join(removal_lines(leaving, with_files=with_files)))
    if not dry_run:
        _agree(leaving.section, is_agreed=yes)
        leaving.write()
        problems = leaving.removal.delete() if with_files and leaving.removal else []
        if problems:
            raise StateUnwritable("not all files could be deleted", detail=tuple(problems))
    if as_json:
        print_json(removal_as_json(leaving, with_files=with_files, written=not dry_run))
    elif not dry_run:
        print(f"removed [{leaving.section}] from {leaving.files.paths.config}")


def _agree(section: str, *, is_agreed: bool) -> None:
    """Returns if the answer is yes."""
    if is_agreed:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("nothing was removed: nobody could be asked", hint="--yes removes it")
    if not typer.confirm(f"\nRemove [{section}]?"):
        raise ConfigError("nothing was removed")
