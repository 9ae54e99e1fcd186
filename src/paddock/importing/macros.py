"""llama-swap's macros: `${name}`, a model's own over those of the file, `${env.NAME}`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from paddock.importing.yaml_file import text_of

MACRO = re.compile(r"\$\{([A-Za-z0-9_.-]+)\}")
_DEPTH = 16  # macros within macros
_LONGEST = 1 << 20  # characters: no command line is as long


@dataclass(frozen=True, slots=True)
class Macros:
    """Expands macros; an unknown name stays as it is."""

    known: Mapping[str, Any]
    environ: Mapping[str, str] = field(default_factory=dict)

    def within(self, own: Mapping[str, Any], model: str) -> "Macros":
        """The macros of one model, without its port: Paddock's instances listen on sockets."""
        return replace(self, known={**self.known, **own, "MODEL_ID": model, "PORT": "0"})

    def expand(self, text: str) -> str:
        for _ in range(_DEPTH):
            before, text = text, MACRO.sub(self._meaning, text)
            if text == before:
                break
            if len(text) > _LONGEST:
                return before
        return text

    def _meaning(self, found: re.Match[str]) -> str:
        name = found[1]
        if name.startswith("env."):
            return self.environ.get(name[4:], found[0])
        return text_of(self.known[name]) if name in self.known else found[0]
