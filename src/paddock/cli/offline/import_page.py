"""What was read from another program, made to pass Paddock's own checks and written. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.cli.offline.draft import Draft, Written, may_write, write
from paddock.cli.offline.files import Files, open_files
from paddock.cli.offline.import_engines import NONE, NewEngines
from paddock.cli.offline.import_headers import header_problems
from paddock.config.model_files import at_home
from paddock.config.models_conf import read_as
from paddock.errors import ConfigError
from paddock.importing.alike import with_variants
from paddock.importing.healing import healed
from paddock.importing.page import Page, PageLine, plain

if TYPE_CHECKING:
    from paddock.cli.import_options import Target
    from paddock.config.model_places import Places
    from paddock.config.profile import Problem, Stable


@dataclass(frozen=True, slots=True)
class Import:
    """The page that was read, and what it needs beside models.conf."""

    page: Page
    source: Path  # a file or a folder
    engines: NewEngines = NONE
    places: Places | None = None  # of the models, where they stay in folders of their own


def files_of(target: Target) -> Files:
    """The files as they are; ConfigError where the target is there and may not be replaced."""
    files = open_files(target.output)
    may_write(files.paths.config, force=target.may_replace)
    return files


def absolute(path: Path) -> Path:
    """`~` is the user's home, and a relative path begins in the working folder."""
    return Path(at_home(str(path))).absolute()


def healed_page(imported: Import, files: Files) -> Page:
    """Read as the daemon would, with the engines that there will be, and corrected until it passes."""
    flags = files.engines.flags(None)
    page = healed(imported.page, lambda text: _problems(text, imported, files), flags)
    page = _with_variants(page, imported, files)
    page.lines[:0] = _head(imported.source)
    return page


def _with_variants(page: Page, imported: Import, files: Files) -> Page:
    """Profiles that differ only in request settings become variants, where that is as good a file."""
    stable, problems = _read(page.text, imported, files)
    if stable is None:
        return page
    new = with_variants(page, stable)
    failing = [
        [problem for problem in found if problem.fails_check]
        for found in (problems, _read(new.text, imported, files)[1])
    ]
    return new if len(failing[1]) <= len(failing[0]) else page


def _problems(text: str, imported: Import, files: Files) -> tuple[Problem, ...]:
    stable, problems = _read(text, imported, files)
    if stable is None or any(problem.fails_check for problem in problems):
        return problems
    return (*problems, *header_problems(files, imported.engines.found, stable, text))


def _read(text: str, imported: Import, files: Files) -> tuple[Stable | None, tuple[Problem, ...]]:
    known = imported.engines.beside(files.engines)
    return read_as(
        text,
        files.paths.config,
        models_dir=imported.places.folders.models if imported.places else files.paths.models_dir,
        flags_for=known.flags,
        defaults_for=known.defaults,
    )


def draft_of(page: Page, imported: Import, files: Files) -> Draft:
    """models.conf, and a paddock.toml where there is none and one is needed."""
    places = imported.places
    settings = "\n".join(filter(None, (places.settings if places else "", imported.engines.text)))
    is_new = bool(settings) and not files.paths.settings.exists()
    return Draft(
        folder=places.folder if places else imported.source,
        output=files.paths.config,
        text=page.text,
        found=(),
        drafts=(),
        left_out=(),
        settings=files.paths.settings if is_new else None,
        settings_text=settings,
    )


def write_import(draft: Draft, engines: NewEngines, files: Files, *, force: bool) -> Written:
    """A paddock.toml that is there gets the engines, a new one everything."""
    may_write(draft.output, force=force)
    if not draft.settings:
        engines.add(files)
    return write(draft, force=force)


def must_be_folder(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigError(f"there is no folder {path}")
    return path


def _head(source: Path) -> list[PageLine]:
    today = datetime.now(UTC).astimezone().date()
    origin = f"# From {plain(str(source))}, by `paddock import` on {today}."
    return [PageLine(f"{origin} All keys: docs/configuration.md."), PageLine("")]
