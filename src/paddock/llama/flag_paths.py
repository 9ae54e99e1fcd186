"""Which options take a file or folder, by their help, and where in their values it stands. Pure.

What the help calls `FNAME`, `FILE`, `PATH`, `DIR` or `…_FILE` is one. Whether it must be there is in
the help too: build 11434 creates its log file, its folder of prompts and its dynamic lookup cache.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from paddock.llama.flags import FlagSpec

_PATH = re.compile(r"(?:[A-Z_]+_)?(?:FNAME|FILE|PATH|DIR|FOLDER)")
_SCALED = re.compile(r"(?:FNAME|FILE|PATH):[A-Z]+(?:,\.\.\.)?")  # `FNAME:SCALE,...`
_REMOTE = re.compile(r"hugging face model file", re.IGNORECASE)  # a name inside a repository
_WRITTEN = re.compile(r"^log |auto-created|\(updated by ", re.IGNORECASE)
_FOLDER = re.compile(r"^directory|\bthe directory\b|\bpath to save\b|^path to serve\b")


class _ValueHelp(NamedTuple):
    """What the help says of one option's value."""

    is_path: bool
    is_folder: bool
    is_written: bool
    is_scaled: bool
    is_list: bool


@cache
def _read(hint: str, text: str) -> _ValueHelp:
    """Cached: every flag of every profile asks for it."""
    is_scaled = _SCALED.fullmatch(hint) is not None
    return _ValueHelp(
        is_path=bool(is_scaled or _PATH.fullmatch(hint)) and not _REMOTE.search(text),
        is_folder=hint == "DIR" or _FOLDER.search(text) is not None,
        is_written=_WRITTEN.search(text) is not None,
        is_scaled=is_scaled,
        is_list="comma-separated values" in text or hint.endswith(",..."),
    )


def takes_path(spec: FlagSpec) -> bool:
    """Whether its value is a path of this machine, or several."""
    return _read(spec.hint, spec.help).is_path


def takes_folder(spec: FlagSpec) -> bool:
    """Whether what it names is a folder."""
    return _read(spec.hint, spec.help).is_folder


def is_written(spec: FlagSpec) -> bool:
    """Whether llama-server creates the file; else the file must exist."""
    return _read(spec.hint, spec.help).is_written


def paths(spec: FlagSpec, values: Iterable[str]) -> list[str]:
    """The paths in its values; none where it takes none."""
    if not takes_path(spec):
        return []
    found = (_path(spec, part)[0] for value in values for part in _parts(spec, value))
    return [path for path in found if path]


def placed(spec: FlagSpec, value: str, place: Callable[[str], str]) -> str:
    """The value with each path in it replaced by what `place` makes of it."""
    if not takes_path(spec):
        return value
    split = (_path(spec, part) for part in _parts(spec, value))
    return ",".join(f"{place(path)}{scale}" if path else scale for path, scale in split)


def _parts(spec: FlagSpec, value: str) -> list[str]:
    return value.split(",") if _read(spec.hint, spec.help).is_list else [value]


def _path(spec: FlagSpec, part: str) -> tuple[str, str]:
    """A path, and what stands behind it: `:0.5`."""
    if not _read(spec.hint, spec.help).is_scaled:
        return part, ""
    path, colon, scale = part.rpartition(":")
    return (path, f"{colon}{scale}") if path else (part, "")
