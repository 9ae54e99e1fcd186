"""`paddock import hf-cache`: Hugging Face's cache."""

from __future__ import annotations

import os

from paddock.cli.import_options import Target, importing
from paddock.cli.options import MaybeFolder

EXAMPLE = "Example: paddock import hf-cache"


@importing
def hf_cache(target: Target, folder: MaybeFolder = None) -> None:
    """Hugging Face's cache, where `hf download` and `llama-server -hf` put their files."""
    from paddock.cli.output.import_flow import finish_folder
    from paddock.importing.places import hugging_face

    finish_folder(folder or hugging_face(os.environ), target)
