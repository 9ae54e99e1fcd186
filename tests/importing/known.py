"""What an import must know of this machine, without one: a build's flags, and programs that are or are not there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.config.engines import EngineSpec
from paddock.errors import EngineError
from paddock.llama.flags import FlagSet
from tests.config.stables import FLAGS

_USUAL = EngineSpec(path="/usr/bin/llama-server")


@dataclass(frozen=True)
class KnownFlags:
    """Every engine has the flags of a recorded help, but those that are called `gone`."""

    default_flags: FlagSet | None = FLAGS
    default_spec: EngineSpec | None = _USUAL
    named: Mapping[str, EngineSpec] = field(default_factory=dict)

    def path_of(self, program: str) -> Path | None:
        return None if "gone" in program else Path("/usr/bin") / program

    def flags(self, spec: EngineSpec) -> FlagSet:
        if "gone" in spec.source:
            raise EngineError(f"there is no program {spec.source}")
        return FLAGS
