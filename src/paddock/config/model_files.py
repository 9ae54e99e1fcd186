"""Where the files that a profile names lie, and whether they are all there."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from paddock.config.profile import ProblemCode
from paddock.llama.flags import FlagSpec

# The hints by which the help names a file or folder; `--hf-file` is a name inside a repository.
_PATH_HINTS = frozenset({"FNAME", "FILE", "PATH", "DIR", "JINJA_TEMPLATE_FILE"})
_NO_PATHS = frozenset({"--hf-file"})
_LISTS = frozenset({"--lora", "--control-vector"})  # several paths with commas
MODEL_FLAGS = frozenset({"--model", "--model-draft", "--mmproj"})

_SHARD = re.compile(r"(?P<stem>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a path that is not absolute starts from."""

    models: Path
    config: Path  # where models.conf lies

    def place(self, spec: FlagSpec, text: str) -> str:
        """The value with its path made absolute, if this option takes a path at all."""
        if not MODEL_FLAGS.isdisjoint(spec.spellings):
            return str(self.model(text))
        if spec.hint not in _PATH_HINTS or spec.name in _NO_PATHS or not text:
            return text
        parts = text.split(",") if spec.name in _LISTS else [text]
        return ",".join(self.beside(part) for part in parts)

    def model(self, text: str) -> Path:
        """In the models folder; a preset file's path from its own folder is found as well."""
        tried = [self.models / at_home(text), self.config / at_home(text)]
        return next((path for path in tried if path.exists()), tried[0])

    def beside(self, text: str) -> str:
        text = at_home(text)
        return text if text.startswith("/") else f"{self.config}/{text}"


def at_home(text: str) -> str:
    """`~/x` as the shell would have it; nothing here ever goes through a shell."""
    return str(Path.home()) + text[1:] if text == "~" or text.startswith("~/") else text


class Missing(NamedTuple):
    """Something of a model that is not there."""

    code: ProblemCode
    message: str
    hint: str = ""


def missing(path: Path) -> Iterator[Missing]:
    """What of this file or its further shards is not there."""
    shard = _SHARD.fullmatch(path.name)
    if shard and int(shard["index"]) != 1:
        first = f"{shard['stem']}-00001-of-{shard['count']}.gguf"
        message = f"is not the first of its shards: {path}"
        yield Missing("missing-shards", message, f"write {first}")
    elif not path.is_file():
        yield Missing("missing-file", f"no such file: {path}", _like(path))
    elif shard:
        yield from _missing_shards(path, shard)


def _missing_shards(path: Path, shard: re.Match[str]) -> Iterator[Missing]:
    count = int(shard["count"])
    names = [f"{shard['stem']}-{i:05}-of-{count:05}.gguf" for i in range(2, count + 1)]
    gone = [name for name in names if not (path.parent / name).is_file()]
    if gone:
        message = f"{len(gone)} of {count} shards missing in {path.parent}: {', '.join(gone)}"
        yield Missing("missing-shards", message, "download all of them into one folder")


def _like(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    names = [other.name for other in path.parent.glob("*.gguf")]
    found = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {found[0]}?" if found else ""
