"""`paddock import lmstudio`: LM Studio's folder of models."""

from __future__ import annotations

import os

from paddock.cli.import_options import Target, importing
from paddock.cli.options import MaybeFolder

EXAMPLE = "Example: paddock import lmstudio"


@importing
def lmstudio(target: Target, folder: MaybeFolder = None) -> None:
    """LM Studio's models."""
    from paddock.cli.output.import_flow import finish_folder
    from paddock.importing.places import lm_studio

    finish_folder(folder or lm_studio(os.environ), target)
