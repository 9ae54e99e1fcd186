"""An import to its end: corrected, then written or only printed, and what came of it shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.cli.offline.draft import Written, draft_for, write
from paddock.cli.offline.import_page import draft_of, healed_page, write_import
from paddock.cli.output.import_report import dry_lines, groups, print_page, print_page_as_json
from paddock.cli.output.init_report import print_all, print_as_json
from paddock.cli.output.steps import steps_shown
from paddock.cli.output.terminal import complain
from paddock.errors import ConfigError

if TYPE_CHECKING:
    from paddock.cli.import_options import Target
    from paddock.cli.offline.files import Files
    from paddock.cli.offline.import_page import Import


def finish(imported: Import, files: Files, target: Target) -> None:
    """The configuration of another program. ConfigError where no profile came of it."""
    if not imported.page.profiles:
        raise _nothing(imported)
    page = healed_page(imported, files)
    draft = draft_of(page, imported, files)
    if target.dry_run and not target.as_json:
        sys.stdout.write(draft.text)
        for line in dry_lines(page, files.paths.settings, draft.settings_text):
            complain(line)
        return
    engines = imported.engines
    written = (
        Written(draft.output)
        if target.dry_run
        else write_import(draft, engines, files, force=target.force)
    )
    if target.as_json:
        print_page_as_json(page, draft, written)
    else:
        print_page(page, draft, written, engines.summary(files))


def finish_folder(folder: Path, target: Target) -> None:
    """A folder of GGUF files, as `paddock init` does it."""
    draft = draft_for(
        folder, output=target.output, force=target.may_replace, progress=steps_shown()
    )
    if target.dry_run and not target.as_json:
        sys.stdout.write(draft.text)
        return
    written = Written(draft.output) if target.dry_run else write(draft, force=target.force)
    (print_as_json if target.as_json else print_all)(draft, written)


def _nothing(imported: Import) -> ConfigError:
    reasons = (f"{group.places()}: {group.why}" for group in groups(imported.page.notes))
    return ConfigError(
        f"{imported.source} holds no model that can be served", detail=tuple(reasons)
    )
