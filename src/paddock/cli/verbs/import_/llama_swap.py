"""`paddock import llama-swap`: the models of a llama-swap configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from paddock.cli.import_options import Target, importing

EXAMPLE = "Example: paddock import llama-swap ~/llama-swap/config.yaml"
File = Annotated[Path, typer.Argument(help="llama-swap's configuration.")]


@importing
def llama_swap(target: Target, file: File) -> None:
    """llama-swap's models whose command starts a llama-server: flags as keys, comments in place.

    What the models share becomes [*]. Several programs, containers and environments become engines of paddock.toml.
    """
    from paddock.cli.offline.import_engines import KnownHere, NewEngines
    from paddock.cli.offline.import_page import Import, absolute, files_of
    from paddock.cli.output.import_flow import finish
    from paddock.importing.llama_swap import read_llama_swap

    files, path = files_of(target), absolute(file)
    page, programs = read_llama_swap(path, KnownHere(files.engines), os.environ)
    finish(Import(page, path, NewEngines(programs.found)), files, target)
