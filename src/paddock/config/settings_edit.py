"""Edits paddock.toml: comments and order stay, and a result that means anything else is not written."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import InlineTable

from paddock.atomic_write import atomic_write
from paddock.config.engines import EngineSpec
from paddock.config.settings import load_settings
from paddock.errors import ConfigError


def add_engine(path: Path, name: str, spec: EngineSpec) -> None:
    """Write `[engines.NAME]`. Raises ConfigError, also where there is one of that name."""

    def change(document: TOMLDocument) -> None:
        engines = document.setdefault("engines", tomlkit.table(is_super_table=True))
        if name in engines:
            raise ConfigError(
                f"{path} has an engine {name!r} already",
                hint="remove it with `paddock engine remove`, or choose another name",
            )
        written = {key: value for key, value in msgspec.to_builtins(spec).items() if value}
        inline = isinstance(engines, InlineTable)  # which can hold nothing but its like
        engines[name] = _inline(written) if inline else tomlkit.item(written)
        if not _means_the_same(document):
            engines[name] = _inline(written)

    _edit(path, change)


def _means_the_same(document: TOMLDocument) -> bool:
    """Whether its text says what it holds, empty tables aside.

    tomlkit puts the header of a new table behind dotted keys (`engines.old.path = …`), in the middle of
    the top level, where it takes the settings that follow for its own.
    """
    try:
        written = tomllib.loads(tomlkit.dumps(document))
    except tomllib.TOMLDecodeError:
        return False
    return _filled(written) == _filled(document.unwrap())


def _filled(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value != {}}


def _inline(values: dict[str, Any]) -> InlineTable:
    """`{…}` on one line, which needs no header."""
    table = tomlkit.inline_table()
    for key, value in values.items():
        table[key] = _inline(value) if isinstance(value, dict) else value
    return table


def remove_engine(path: Path, name: str) -> None:
    """Take `[engines.NAME]` out. Raises ConfigError, also where there is none, or it is the default."""

    def change(document: TOMLDocument) -> None:
        if name not in document.get("engines", {}):
            raise ConfigError(f"{path} has no engine {name!r}")
        if document.get("engine") == name:
            raise ConfigError(
                f"{name!r} is the default engine",
                hint="choose another with `paddock engine default`",
            )
        del document["engines"][name]

    _edit(path, change)


def set_default(path: Path, name: str | None) -> None:
    """Write `engine = NAME`; None: take it out, so that the first that is found is taken."""

    def change(document: TOMLDocument) -> None:
        if name is not None:
            document["engine"] = name
        else:
            document.pop("engine", None)

    _edit(path, change)


def _edit(path: Path, change: Callable[[TOMLDocument], None]) -> None:
    """Read, change, check and replace the file atomically."""
    load_settings(path, {}, is_keyed=True)  # what is broken already its owner must repair
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig") if path.exists() else "")
    change(document)
    if not _means_the_same(document):
        raise ConfigError(
            f"{path}: this cannot be written without changing other settings",
            hint="write `[engines.NAME]` where it has dotted keys such as engines.NAME.path",
        )
    written = tomlkit.dumps(document).encode()
    atomic_write(path, written, prove=lambda partial: load_settings(partial, {}, is_keyed=True))
