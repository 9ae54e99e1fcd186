"""`paddock import dir`: a folder of GGUF files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paddock.cli.import_options import Target, importing

EXAMPLE = "Example: paddock import dir ~/models"
Folder = Annotated[Path, typer.Argument(help="The folder.")]


@importing
def folder_of_files(target: Target, folder: Folder) -> None:
    """A folder of GGUF files: what `paddock init` does."""
    from paddock.cli.output.import_flow import finish_folder

    finish_folder(folder, target)
