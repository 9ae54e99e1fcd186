"""All kinds of errors, whichever modules the tests at hand have imported."""

import importlib
import re
from pathlib import Path

import paddock
from paddock.errors import PaddockError

_DEFINES = re.compile(r"^class \w+\(PaddockError\):", re.MULTILINE)


def _family(kind: type[PaddockError]) -> list[type[PaddockError]]:
    return [kind, *(child for sub in kind.__subclasses__() for child in _family(sub))]


def _import_all() -> None:
    package = Path(paddock.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if _DEFINES.search(path.read_text(encoding="utf-8")):
            inside = path.relative_to(package.parent).with_suffix("")
            importlib.import_module(".".join(inside.parts))


_import_all()
KINDS = _family(PaddockError)
