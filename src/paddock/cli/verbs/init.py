"""`paddock init`: a models.conf for a folder of GGUF files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paddock.cli.options import Force, Json, Output

EXAMPLE = "Example: paddock init ~/models"
Folder = Annotated[
    Path, typer.Argument(help="The folder of the GGUF files; folders in it are searched too.")
]

Add = Annotated[
    bool,
    typer.Option(
        "--add", help="Add what is new to a models.conf that is there, without a question."
    ),
]


def init(
    folder: Folder,
    output: Output = None,
    force: Force = False,
    add: Add = False,
    as_json: Json = False,
) -> None:
    """Make a models.conf for a folder of GGUF files: one profile for each model, to be changed at will.

    Shards and projectors are joined to their models; LM Studio's folders and Hugging Face's cache are understood. Contexts and margins follow this machine's GPUs, and what the files say of themselves becomes comments. Nothing is loaded, and nothing is overwritten without --force. To a models.conf that is there, the models are offered that it does not have yet; --add adds them. Exit status 1 where there is no model.
    """
    from paddock.cli.offline.draft import draft_for, write
    from paddock.cli.offline.files import open_files
    from paddock.cli.output.init_report import print_all, print_as_json
    from paddock.cli.output.steps import steps_shown

    files = open_files(output)
    if files.paths.config.exists() and not force:
        from paddock.cli.output.addition_flow import offer_new

        offer_new(folder, files, is_agreed=add, as_json=as_json)
        return
    draft = draft_for(folder, output=output, force=force, progress=steps_shown())
    written = write(draft, force=force)
    show = print_as_json if as_json else print_all
    show(draft, written)
