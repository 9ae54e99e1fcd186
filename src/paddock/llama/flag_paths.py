"""Which options take a file or folder, as the help tells, and where it stands in their values. Pure.

What the help calls `FNAME`, `FILE`, `PATH`, `DIR` or `…_FILE` is one. Whether it must be there is in
the help too: build 11434 creates its log file, its folder of prompts and its dynamic lookup cache.
"""

import re
from collections.abc import Callable, Iterable

from paddock.llama.flags import FlagSpec

_PATH = re.compile(r"(?:[A-Z_]+_)?(?:FNAME|FILE|PATH|DIR|FOLDER)")
_SCALED = re.compile(r"(?:FNAME|FILE|PATH):[A-Z]+(?:,\.\.\.)?")  # `FNAME:SCALE,...`
_REMOTE = re.compile(r"hugging face model file", re.IGNORECASE)  # a name inside a repository
_WRITTEN = re.compile(r"^log |auto-created|\(updated by ", re.IGNORECASE)
_FOLDER = re.compile(r"^directory|\bthe directory\b|\bpath to save\b|^path to serve\b")


def takes_path(spec: FlagSpec) -> bool:
    """Whether its value is a path of this machine, or several."""
    return bool(_PATH.fullmatch(spec.hint) or _is_scaled(spec)) and not _REMOTE.search(spec.help)


def takes_folder(spec: FlagSpec) -> bool:
    """Whether what it names is a folder."""
    return spec.hint == "DIR" or _FOLDER.search(spec.help) is not None


def is_written(spec: FlagSpec) -> bool:
    """Whether llama-server makes what it names; else it must be there."""
    return _WRITTEN.search(spec.help) is not None


def paths(spec: FlagSpec, values: Iterable[str]) -> list[str]:
    """The paths in its values; none where it takes none."""
    found: list[str] = []

    def keep(path: str) -> str:
        found.append(path)
        return path

    for value in values:
        placed(spec, value, keep)
    return found


def placed(spec: FlagSpec, value: str, place: Callable[[str], str]) -> str:
    """The value with each path in it put where `place` has it."""
    if not takes_path(spec) or not value:
        return value
    parts = value.split(",") if _is_list(spec) else [value]
    return ",".join(_placed(spec, part, place) for part in parts)


def _placed(spec: FlagSpec, part: str, place: Callable[[str], str]) -> str:
    path, colon, scale = part.rpartition(":") if _is_scaled(spec) else (part, "", "")
    return f"{place(path)}{colon}{scale}" if path else part


def _is_scaled(spec: FlagSpec) -> bool:
    return _SCALED.fullmatch(spec.hint) is not None


def _is_list(spec: FlagSpec) -> bool:
    return "comma-separated values" in spec.help or spec.hint.endswith(",...")
