"""`paddock import ollama`: the models of an Ollama store, or of a Modelfile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.import_options import Target, importing

if TYPE_CHECKING:
    from paddock.importing.ollama import OllamaStore

EXAMPLE = "Example: paddock import ollama; paddock import ollama ./Modelfile"
FolderOrFile = Annotated[
    Path | None,
    typer.Argument(help="The store, or a Modelfile; default: the usual store.", show_default=False),
]


@importing
def ollama(target: Target, path: FolderOrFile = None) -> None:
    """Ollama's models, used where they lie: one profile for each, with its parameters as flags.

    A Modelfile becomes one profile; its FROM may name a file or a model of the store.
    """
    from paddock.cli.offline.import_page import Import, absolute, files_of
    from paddock.cli.offline.inquiry import kinds_of, proposals
    from paddock.cli.output.import_flow import finish
    from paddock.cli.output.steps import steps_shown
    from paddock.importing.ollama_page import doubtful, page_of, sorted_out

    files, steps = files_of(target), steps_shown()
    store, where = _store(absolute(path) if path else None)
    store = sorted_out(store, kinds_of(doubtful(store.manifests), files, steps))
    page = page_of(store, proposals(store.manifests, files, steps))
    finish(Import(page, where), files, target)


def _store(path: Path | None) -> tuple[OllamaStore, Path]:
    """What Ollama has there, and where that is."""
    from paddock.cli.offline.import_page import must_be_folder
    from paddock.importing.modelfile import read_modelfile
    from paddock.importing.ollama import OllamaStore, look_into, stores

    if path and not (path / "manifests").exists() and (path / "Modelfile").is_file():
        path = path / "Modelfile"
    if path and path.is_file():
        return read_modelfile(path, os.environ), path
    folders = [must_be_folder(path)] if path else stores(os.environ)
    store = OllamaStore()
    for found in map(look_into, folders):
        store.take(found)
    return store, folders[0] if folders else Path("~/.ollama/models")
