"""`paddock import wrapper`: the folder of a wrapper script, or whatever starts a llama-server there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.import_options import Target, importing
from paddock.errors import ConfigError

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.cli.offline.import_page import Import
    from paddock.config.model_places import Places

EXAMPLE = "Example: paddock import wrapper ~/llama-docker --dry-run"
Folder = Annotated[
    Path, typer.Argument(help="The folder, or a compose file, a unit or a script of it.")
]


@importing
def wrapper(target: Target, folder: Folder) -> None:
    """A wrapper's models.conf with the defaults of its docker-compose.yml as [*]; without one, what starts a llama-server.

    Comments stay. Paths of the container become this machine's, and settings that keep llama.cpp's fit from working are corrected; each change is listed. A folder without models.conf is searched for compose files, systemd units, quadlets and shell scripts: each llama-server in them becomes a profile.
    """
    from paddock.cli.offline.import_page import absolute, files_of
    from paddock.cli.output.import_flow import finish

    files, path = files_of(target), absolute(folder)
    read = _models_conf if (path / "models.conf").is_file() else _starts
    finish(read(files, path), files, target)


def _models_conf(files: Files, folder: Path) -> Import:
    """The wrapper's own models.conf, in the terms of its compose file."""
    from paddock.cli.offline.import_engines import KnownHere, NewEngines
    from paddock.cli.offline.import_page import Import
    from paddock.cli.offline.inquiry import cards
    from paddock.config.model_places import Places
    from paddock.importing.programs import Programs
    from paddock.importing.wrapper import read_wrapper

    places = Places.of(folder / "models", files.paths)
    programs = Programs(KnownHere(files.engines), folder.name)
    count, target = cards()
    page = read_wrapper(folder, lambda path: _placed(path, places), programs, count, target)
    return Import(page, folder, NewEngines(programs.found), places)


def _placed(path: Path, places: Places) -> str:
    return places.written(path) if path.is_relative_to(places.folder) else str(path)


def _starts(files: Files, path: Path) -> Import:
    """Every llama-server that is started from there."""
    from paddock.cli.offline.import_engines import KnownHere, NewEngines
    from paddock.cli.offline.import_page import Import
    from paddock.importing.starts import read_starts

    if not path.exists():
        raise ConfigError(f"there is no {path}")
    page, programs = read_starts(path, KnownHere(files.engines), os.environ, Path.home())
    return Import(page, path, NewEngines(programs.found))
