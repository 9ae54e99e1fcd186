"""The engines that an import names: asked here for their flags, and written into paddock.toml."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.config.engines import EngineSpec
from paddock.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paddock.cli.offline.files import Files
    from paddock.engine.engines import Engines
    from paddock.llama.flags import FlagSet

_ASKED = (
    "asked"  # a name for one moment: how the engine will be called does not matter to its flags
)


class KnownHere:
    """What this machine knows of engines; see `paddock.importing.programs.Known`."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    @cached_property
    def default_flags(self) -> FlagSet | None:
        return self._engines.flags(None)

    @cached_property
    def default_spec(self) -> EngineSpec | None:
        if spec := self._engines.spec(None):
            return spec
        try:
            engine = self._engines.find(None)
        except EngineError:
            return None
        if engine.kind == "embedded":
            return EngineSpec(package="xllamacpp")
        if engine.kind == "container":
            return EngineSpec(image=engine.name.removeprefix("container:"))
        return EngineSpec(path=engine.command[0])

    @property
    def named(self) -> Mapping[str, EngineSpec]:
        return self._engines.named

    def path_of(self, program: str) -> Path | None:
        found = shutil.which(program)
        return Path(found) if found else None

    def flags(self, spec: EngineSpec) -> FlagSet:
        return replace(self._engines, named={_ASKED: spec}).find(_ASKED).flags


@dataclass(frozen=True, slots=True)
class NewEngines:
    """The engines of one import, by name."""

    found: Mapping[str, EngineSpec]

    def beside(self, engines: Engines) -> Engines:
        """All engines as they will be."""
        return replace(engines, named={**engines.named, **self.found})

    @property
    def text(self) -> str:
        """Their tables for paddock.toml; "" without any."""
        import msgspec
        import tomlkit

        if not self.found:
            return ""
        document = tomlkit.document()
        tables = tomlkit.table(is_super_table=True)
        for name, spec in self.found.items():
            given = {key: value for key, value in msgspec.to_builtins(spec).items() if value}
            tables[name] = tomlkit.item(given)
        document["engines"] = tables
        return tomlkit.dumps(document)

    def summary(self, files: Files) -> str:
        """For people, once they are written."""
        names = ", ".join(self.found)
        return f"engines in {files.paths.settings}: {names}" if names else ""

    def add(self, files: Files) -> None:
        """Write them into a paddock.toml that is there; its comments and order stay."""
        from paddock.config.settings_edit import add_engine

        for name, spec in self.found.items():
            add_engine(files.paths.settings, name, spec)


NONE = NewEngines({})
