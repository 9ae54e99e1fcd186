"""What a folder has and a models.conf does not: shown, and added to it if the user agrees."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from paddock.cli.offline.addition import addition_of_folder, append
from paddock.cli.offline.draft import looked_into
from paddock.cli.output.addition_report import print_added, print_addition_as_json, print_new
from paddock.cli.output.steps import steps_shown
from paddock.cli.output.terminal import print_json
from paddock.errors import ConfigError
from paddock.figures.units import count

if TYPE_CHECKING:
    from paddock.cli.offline.addition import Addition
    from paddock.cli.offline.files import Files

_OTHERS = "--force replaces it and keeps it as .bak; --output writes another file"


def offer_new(folder: Path, files: Files, *, is_agreed: bool, as_json: bool) -> None:
    """Add them where that is agreed, or where a person at a terminal says so.

    Else ConfigError, which lists them.
    """
    folder, config = looked_into(folder), files.paths.config
    addition = addition_of_folder(folder, files, steps_shown())
    if addition is None:
        nothing = {"file": str(config), "written": False, "profiles": [], "plans": [], "text": ""}
        has_all = f"{config} has a profile for every model in {folder}"
        print_json(nothing) if as_json else print(has_all)
        return
    if not is_agreed:
        _ask(addition, config, as_json=as_json)
    append(addition)
    if as_json:
        print_addition_as_json(addition, addition.plans(), is_written=True)
    else:
        print_added(addition)


def _ask(addition: Addition, config: Path, *, as_json: bool) -> None:
    """Returns if the answer is yes."""
    new = count(len(addition.entries), "new profile")
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            f"{config} is there already",
            detail=tuple(f"new: [{one.id}] {one.model.file.path}" for one in addition.entries),
            hint=f"--add adds {new} to it; {_OTHERS}",
        )
    print_new(addition)
    if not typer.confirm(f"\n{config} is there already. Add {new} at its end?"):
        raise ConfigError(f"{config} is left as it is", hint=_OTHERS)
