"""All engines by name: those of paddock.toml, and those that are always there."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paddock.config.engines import BUILT_IN, CONTAINER, EngineSpec
from paddock.config.settings import Settings
from paddock.engine import containers
from paddock.engine.container_options import ENVIRONMENT, MEMORY
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.llama.flags import FlagSet
from paddock.near import nearest


@dataclass(frozen=True, slots=True)
class Engines:
    """Finds the engine of a name; None stands for the default one.

    Asking twice is cheap: see `find_engine`.
    """

    named: Mapping[str, EngineSpec]
    default: str | None
    cache_dir: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @classmethod
    def of(cls, settings: Settings, cache_dir: Path) -> "Engines":
        """The engines of these settings; what is known of images is forgotten."""
        containers.forget()
        return cls(settings.engines, settings.engine, cache_dir)

    def find(self, name: str | None = None) -> Engine:
        """The engine of this name. Raises EngineError where there is none, or it is broken."""
        wanted = name or self.default
        if spec := self.spec(wanted):
            environ = {**self.environ, **_environment(spec)}
            found = find_engine(spec.source, cache_dir=self.cache_dir, environ=environ)
            env = tuple(sorted(_environment(spec).items()))
            return replace(found, name=str(wanted), env=env, always=spec.flags)
        self._must_be_known(wanted)
        return find_engine(wanted, cache_dir=self.cache_dir, environ=self.environ)

    def spec(self, name: str | None) -> EngineSpec | None:
        """Its table in paddock.toml, if it has one."""
        return self.named.get(name or self.default or "")

    def flags(self, name: str | None) -> FlagSet | None:
        """The flags that it knows; None where no engine is installed and none is named. EngineError."""
        try:
            return self.find(name).flags
        except EngineError:
            if name or self.default:
                raise
            return None

    def defaults(self, name: str | None) -> Sequence[str]:
        """Words of the command line that it gives every profile."""
        spec = self.spec(name)
        return spec.flags if spec else ()

    def _must_be_known(self, wanted: str | None) -> None:
        if wanted is None or wanted in BUILT_IN or is_program(wanted):
            return
        near = nearest(wanted, [*self.named, *BUILT_IN])
        guess = f"did you mean {near!r}? " if near else ""
        raise EngineError(
            f"there is no engine {wanted!r}",
            hint=f"{guess}`paddock engine list` names them; say native, embedded, or a path with a / in it",
        )


def is_program(name: str) -> bool:
    """Whether it is no name of an engine, but says itself what is started: a path, or an image."""
    return "/" in name or name.startswith(CONTAINER)


def _environment(spec: EngineSpec) -> dict[str, str]:
    """What its process gets; two variables say which of it is meant for its container."""
    if not spec.image:
        return spec.env
    for_container = {ENVIRONMENT: ",".join(sorted(spec.env)), MEMORY: str(spec.memory or "")}
    return spec.env | {name: value for name, value in for_container.items() if value}
