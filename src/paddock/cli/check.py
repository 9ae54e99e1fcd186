"""`paddock check`: every problem of models.conf, before anything is stopped for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.options import Config, EngineName, Json, ModelsDir, SettingsFile
from paddock.cli.terminal import paint, print_json

if TYPE_CHECKING:
    from paddock.config.profile import Problem

EXAMPLE = "Example: paddock check ~/models/models.conf && paddock restart"
File = Annotated[
    Path | None, typer.Argument(help="models.conf; default: the usual one.", show_default=False)
]


def check(
    file: File = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    as_json: Json = False,
) -> None:
    """Find every problem in models.conf.

    Needs no daemon. Flags are compared with those of the installed engine. Exit status 1 on errors.
    """
    from paddock.cli.files import open_files

    files = open_files(file or config, settings, models_dir, engine)
    stable, problems = files.read()
    is_good = stable is not None and not any(problem.fails_check for problem in problems)
    if as_json:
        print_json({"file": str(files.paths.config), "ok": is_good, "problems": problems})
    else:
        _print(problems)
        print(_verdict(files.paths.config, len(stable.profiles) if stable else None, problems))
    if not is_good:
        sys.exit(1)


def _print(problems: Sequence[Problem]) -> None:
    for problem in problems:
        colour = "red" if problem.fails_check else "yellow"
        print(f"{paint(f'{problem.severity}:', colour)} {problem}")


def _verdict(file: Path, profiles: int | None, problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    counts = [_count(profiles, "profile")] if profiles is not None else []
    counts += [_count(errors, "error"), _count(len(problems) - errors, "warning")]
    return f"{file}: {', '.join(counts)}"


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"
