"""Ollama's Modelfile: what `ollama create` reads. One model, from files or from one of the store.

The grammar is that of Ollama's parser: an instruction and its value, which may be quoted, with three
quotation marks over several lines too; comments have lines of their own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paddock.config.model_files import at_home, is_there
from paddock.errors import ConfigError
from paddock.importing.ollama import Manifest, OllamaStore, look_into, stores
from paddock.importing.ollama_words import LOST, SILENT
from paddock.importing.page import plain
from paddock.importing.yaml_file import items
from paddock.llama.gguf import shards
from paddock.plain_file import read_plain, trouble

_HEAD = re.compile(r"\s*(?P<name>[A-Za-z]+)[ \t]+(?P<rest>.*)", re.DOTALL)
_FILES = {"from": "model", "adapter": "adapter", "draft": "draft"}
_NAMED = frozenset({"parameter", "message"})  # their value comes after a word


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction and its value."""

    name: str  # in small letters
    value: str
    line: int
    last: int  # line of its value
    word: str = ""  # a parameter's name, a message's role


@dataclass(slots=True)
class _Recipe:
    """What the instructions add up to."""

    layers: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    params: dict[str, tuple[object, str]] = field(default_factory=dict)
    family: str = ""


def read_modelfile(path: Path, environ: Mapping[str, str]) -> OllamaStore:
    """The model that it describes; ConfigError where the file cannot be read or names no model."""
    try:
        text = read_plain(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {trouble(error)}") from error
    found = list(instructions(text))
    if not any(one.name == "from" for one in found):
        raise ConfigError(f"{path} has no FROM line", hint="name a Modelfile of Ollama")
    return _ModelfileReader(path, environ).store(found, comments(text, found))


def instructions(text: str) -> Iterator[Instruction]:
    """Every instruction; any other line counts as one without a value."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.strip() and not line.lstrip().startswith("#"):
            one = _begun(line, number)
            while _is_open(one.value) and number < len(lines):
                one = replace(one, value=f"{one.value}\n{lines[number]}", last=number + 1)
                number += 1
            yield replace(one, value=_unquoted(one.value))


def _begun(line: str, number: int) -> Instruction:
    found = _HEAD.fullmatch(line)
    if not found:
        return Instruction(line.strip().lower(), "", number, number)
    name, rest, word = found["name"].lower(), found["rest"].strip(), ""
    if name in _NAMED:
        word, _, rest = rest.partition(" ")
    return Instruction(name, rest.strip(), number, number, word)


def _is_open(value: str) -> bool:
    """Whether a quotation goes on in the next line."""
    mark = _mark(value)
    return bool(mark) and (len(value) < 2 * len(mark) or not value.rstrip().endswith(mark))


def _unquoted(value: str) -> str:
    mark = _mark(value)
    return value if not mark or _is_open(value) else value.rstrip()[len(mark) : -len(mark)]


def _mark(value: str) -> str:
    return next((mark for mark in ('"""', '"') if value.startswith(mark)), "")


def comments(text: str, found: Sequence[Instruction]) -> list[tuple[str, int]]:
    """Those of the file without their #, and the line of the instruction below; 0: none is.

    What looks like a comment within a value is none.
    """
    inside = {number for one in found for number in range(one.line, one.last + 1)}
    kept = []
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip().lstrip("# ")
        if number not in inside and line.lstrip().startswith("#") and bare:
            below = next((one.line for one in found if one.line > number), 0)
            kept.append((bare, below))
    return kept


class _ModelfileReader:
    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path, self._environ = path, environ
        self._store = OllamaStore()
        self._recipe = _Recipe()
        self._given: dict[str, str] = {}  # kinds of files, and where

    def store(self, found: list[Instruction], remarks: list[tuple[str, int]]) -> OllamaStore:
        for one in sorted(found, key=lambda one: one.name != "from"):  # what it starts from first
            self._take(one)
        recipe = self._recipe
        if recipe.layers.get("model"):
            made = Manifest(
                name_of(self._path), self._path, self._path.parent,
                recipe.layers, recipe.family, recipe.params,
                tuple((text, f"{self._path.name}:{line} ") for text, line in remarks),
            )  # fmt: skip
            self._store.add(made)
        return self._store

    def _take(self, one: Instruction) -> None:
        where = f"{self._path.name}:{one.line} {one.name.upper()}"
        if one.name in _FILES:
            self._file(one, where)
        elif one.name == "parameter":
            self._parameter(one, where)
        elif one.name in LOST:
            self._recipe.layers.pop(one.name, None)  # it takes the place of its base's
            self._store.notes.note(where, LOST[one.name])
        elif one.name not in SILENT:
            self._store.notes.note(where, "no instruction of a Modelfile")

    def _parameter(self, one: Instruction, where: str) -> None:
        """A parameter; given again it is appended, as `stop` is; it overrides its base's."""
        values, place = self._recipe.params.get(one.word, ([], ""))
        before = items(values) if place.startswith(self._path.name) else []
        self._recipe.params[one.word] = ([*before, one.value], f"{where} {one.word}")

    def _file(self, one: Instruction, where: str) -> None:
        kind, path = _FILES[one.name], self._placed(one.value)
        found = sorted(path.glob("*.gguf")) if is_there(path) and path.is_dir() else [path]
        files = list(dict.fromkeys(shards(file)[0] for file in found))
        if kind == "model" and not is_there(path):
            self._base(one.value, where)
        elif not files:
            why = f"{path} holds no GGUF: convert it with llama.cpp's convert_hf_to_gguf.py"
            self._store.notes.note(where, why)
            if kind == "adapter":
                self._recipe.layers["model"] = ()
        elif kind == "adapter":
            if before := self._given.get(kind):
                why = "given twice: as in Ollama the last one counts"
                self._store.notes.note(before, why, what=one.name.upper())
            self._recipe.layers[kind] = tuple(files)  # it takes the place of its base's
            self._given[kind] = where
        else:
            self._recipe.layers[kind] = (*self._recipe.layers.get(kind, ()), *files)

    def _placed(self, text: str) -> Path:
        return self._path.absolute().parent / at_home(text)

    def _base(self, name: str, where: str) -> None:
        """Another model of Ollama's, which this file's instructions override."""
        known = OllamaStore()
        for folder in stores(self._environ):
            known.take(look_into(folder))
        base = known.find(name)
        if base is None:
            why = f"neither a file {self._placed(name)} nor a whole model {name} in Ollama's store"
            self._store.notes.note(where, f"{why}: `ollama pull {name}`")
            return
        for kind, files in base.layers.items():
            self._recipe.layers[kind] = (*self._recipe.layers.get(kind, ()), *files)
        self._recipe.params = {**base.params, **self._recipe.params}
        self._recipe.family = base.family


def name_of(path: Path) -> str:
    """`coder` of `Modelfile.coder` and of `coder.Modelfile`; else the folder's name."""
    parts = [part for part in path.name.split(".") if part.lower() not in {"modelfile", "txt", ""}]
    return plain(".".join(parts) or path.absolute().parent.name)
