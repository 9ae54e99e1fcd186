"""A models.conf for a folder of GGUF files: drafted, then written. Prints nothing.

Start at `draft_for` and `write`.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.errors import ConfigError

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.cli.offline.inquiry import InquiryProgress
    from paddock.config.model_folder import LeftOut
    from paddock.config.model_kinds import Sorted, UsableModel
    from paddock.placement.draft import DraftEntry
    from paddock.placement.draft_machine import Machine

_LOOKED_FOR = "looked for names that end in .gguf, in it and in every folder below it"


@dataclass(frozen=True, slots=True)
class Draft:
    """A models.conf that is not written yet."""

    folder: Path
    output: Path  # where it belongs
    text: str
    found: tuple[DraftEntry, ...]  # the profiles
    drafts: tuple[UsableModel, ...]  # draft models, which get none
    left_out: tuple[LeftOut, ...]
    settings: Path | None = None  # paddock.toml, where that must be written too
    settings_text: str = ""
    trouble: str = ""  # why models would not lie on the GPUs, and what mends it


@dataclass(frozen=True, slots=True)
class Written:
    """The files that there are now."""

    output: Path
    backup: Path | None = None  # what was there before
    settings: Path | None = None


def draft_for(
    folder: Path,
    *,
    output: Path | None = None,
    force: bool = False,
    progress: InquiryProgress | None = None,
) -> Draft:
    """Read the folder's models and this machine, and ask the engine for its order of devices.

    `output` is models.conf or the folder that it belongs into. ConfigError where there is nothing
    to draft, or where the file is there and may not be replaced.
    """
    from paddock.cli.offline.files import open_files
    from paddock.cli.offline.inquiry import Silent, machine_for, read_headers
    from paddock.config.model_folder import look_into
    from paddock.config.model_kinds import sort_out

    progress = progress or Silent()
    files = open_files(output)
    may_write(files.paths.config, force=force)
    folder = looked_into(folder)
    contents = look_into(folder)
    found = sort_out(read_headers(contents.files, files.paths.state_dir, progress))
    found.left_out = sorted([*contents.left_out, *found.left_out], key=lambda one: one.path)
    if not found.models:
        raise nothing_to_serve(folder, found)
    return _drafted(folder, files, found, machine_for(files, found.models, progress))


def write(draft: Draft, *, force: bool = False) -> Written:
    """Write it whole or not at all; with `force` what is there is kept beside it as `.bak`."""
    may_write(draft.output, force=force)
    if draft.settings and draft.settings.exists():
        raise ConfigError(f"{draft.settings} was written in the meantime", hint="try again")
    target = Path(os.path.realpath(draft.output))  # a link to it stays one
    try:
        backup = _backup(target) if target.exists() else None
        if draft.settings:
            _replace(draft.settings, draft.settings_text)
        _replace(target, draft.text)
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written: {error.strerror}") from error
    return Written(draft.output, backup, draft.settings)


def _drafted(folder: Path, files: Files, found: Sorted, machine: Machine) -> Draft:
    from paddock.config.model_places import Places
    from paddock.placement import draft_text
    from paddock.placement.draft import entries

    places = Places.of(folder, files.paths)
    profiles = tuple(entries(found.models, machine))
    outline = draft_text.DraftOutline(
        folder=folder,
        today=datetime.now(UTC).astimezone().date(),
        machine=machine,
        entries=profiles,
        drafts=found.drafts,
        left_out=found.left_out,
        place=places.written,
    )
    return Draft(
        folder=folder,
        output=files.paths.config,
        text=draft_text.text(outline),
        found=profiles,
        drafts=tuple(found.drafts),
        left_out=tuple(found.left_out),
        settings=files.paths.settings if places.settings else None,
        settings_text=places.settings,
        trouble=machine.trouble,
    )


# ---- what hinders ----


def may_write(output: Path, *, force: bool) -> None:
    if output.exists() and not force:
        hint = "--force replaces it and keeps it as .bak; --output writes another file"
        raise ConfigError(f"{output} is there already", hint=hint)


def looked_into(folder: Path) -> Path:
    """The folder as an absolute path. ConfigError where it is none."""
    from paddock.config.model_files import at_home

    path = Path(at_home(str(folder))).absolute()
    if path.is_file():
        raise ConfigError(f"{path} is a file", hint=f"name its folder: {path.parent}")
    if not path.is_dir():
        raise ConfigError(f"there is no folder {path}", hint="name the one that holds your models")
    if not str(path).isprintable():
        raise ConfigError(f"models.conf cannot hold the name of {str(path)!r}", hint="rename it")
    return path


def nothing_to_serve(folder: Path, found: Sorted) -> ConfigError:
    """The error for a folder that gives no profile, with what was found instead."""
    from paddock.placement.draft_text import plain_path

    reasons = [f"{plain_path(one.path, folder)}: {one.why}" for one in found.left_out]
    reasons += [f"{plain_path(one.file.path, folder)}: a draft model" for one in found.drafts]
    if reasons:
        return ConfigError(f"{folder} holds no model that can be served", detail=tuple(reasons))
    hint = "name the folder that holds your models; `paddock demo` makes some of its own"
    return ConfigError(f"there is no GGUF file in {folder}", hint=hint, detail=(_LOOKED_FOR,))


# ---- files ----


def _backup(path: Path) -> Path:
    """A copy beside it, under a name that is free."""
    names = [f"{path.name}.bak", *(f"{path.name}.bak{number}" for number in range(2, 1000))]
    free = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    return Path(shutil.copy2(path, free))


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
