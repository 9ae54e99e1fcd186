"""Finds the files that a profile names, and those that are missing."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from paddock.config.profile import ProblemCode
from paddock.llama.flag_paths import is_written, paths, placed, takes_folder
from paddock.llama.flags import FlagSpec
from paddock.near import nearest
from paddock.plain_file import oddity

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
        return placed(spec, text, self.beside)

    def model(self, text: str) -> Path:
        """The model's path from the models folder, or from the folder of models.conf as in preset files."""
        tried = [self.models / at_home(text), self.config / at_home(text)]
        return next((path for path in tried if is_there(path)), tried[0])

    def beside(self, text: str) -> str:
        text = at_home(text)
        return text if text.startswith("/") else f"{self.config}/{text}"


def at_home(text: str) -> str:
    """`~/x` expanded as a shell would; no shell is involved."""
    return str(Path.home()) + text[1:] if text == "~" or text.startswith("~/") else text


def is_there(path: Path) -> bool:
    """Whether it exists; False where it cannot be looked at, or the name is impossible."""
    try:
        return path.exists()
    except OSError:
        return False


class Missing(NamedTuple):
    """A file or folder that a profile names and that does not exist."""

    code: ProblemCode
    message: str
    hint: str = ""
    ends_it: bool = True  # llama-server does not start, or does less than its flags say


def named_files(spec: FlagSpec, values: Sequence[str]) -> Iterator[Missing]:
    """The missing files and folders in this option's values."""
    for text in paths(spec, values):
        path = Path(text)
        if not MODEL_FLAGS.isdisjoint(spec.spellings):
            yield from missing(path)
        elif is_written(spec):
            yield from _no_place(path)
        elif takes_folder(spec):
            if not _is_dir(path):
                yield Missing("missing-file", f"no such folder: {path}")
        elif _is_dir(path):
            yield Missing("missing-file", f"a folder instead of a file: {path}")
        elif not is_there(path):
            yield Missing("missing-file", f"no such file: {path}", _like(path))
        elif kind := oddity(path):
            yield Missing("missing-file", f"{kind} instead of a file: {path}")
        elif not os.access(path, os.R_OK):
            yield Missing("missing-file", f"cannot be read by you: {path}")


def _no_place(path: Path) -> Iterator[Missing]:
    """A missing folder for output: llama-server then writes nothing, and gives no error."""
    if not _is_dir(path.parent):
        message = f"there is no folder {path.parent}: nothing will be written"
        yield Missing("missing-file", message, "make the folder", ends_it=False)


def _is_dir(path: Path) -> bool:
    return is_there(path) and path.is_dir()


def missing(path: Path) -> Iterator[Missing]:
    """What is missing of this file and its further shards."""
    shard = _SHARD.fullmatch(path.name)
    if shard and int(shard["index"]) != 1:
        first = f"{shard['stem']}-00001-of-{shard['count']}.gguf"
        message = f"is not the first of its shards: {path}"
        yield Missing("missing-shards", message, f"write {first}")
    elif _is_dir(path):
        hint = "name the GGUF file in it; of several shards the first"
        yield Missing("missing-file", f"a folder instead of a file: {path}", hint)
    elif kind := oddity(path):
        yield Missing("missing-file", f"{kind} instead of a file: {path}")
    elif not (is_there(path) and path.is_file()):
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
    if not _is_dir(path.parent):
        return f"there is no folder {path.parent}"
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.suffix == path.suffix)
    except OSError:
        return ""
    near = nearest(path.name, names)
    return f"did you mean {near}?" if near else ""
