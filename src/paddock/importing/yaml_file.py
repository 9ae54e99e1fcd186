"""YAML as other programs write it: values as they were typed, the line of each, and the comments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paddock.errors import ConfigError
from paddock.importing.yaml_comments import Comments
from paddock.importing.yaml_text import Key, parsed
from paddock.plain_file import read_plain, trouble

if TYPE_CHECKING:
    import yaml

_TRUE = frozenset({"true", "yes", "on", "y"})


@dataclass(frozen=True, slots=True)
class Yaml:
    """One file. All scalars are text."""

    path: Path
    value: Mapping[str, Any]
    lines: Mapping[Key, int]  # of each key and each item of a list, by its path from the top
    indents: Mapping[Key, int]
    comments: Comments

    def where(self, *key: str) -> str:
        """`config.yaml:12 models.qwen.cmd`, or the nearest that has a line."""
        known = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.lines), ())
        line = f":{self.lines[known]}" if known else ""
        return f"{self.path.name}{line} {'.'.join(key)}".strip()


def read_yaml(path: Path) -> Yaml:
    """ConfigError where it cannot be read, or is no YAML with keys at its top."""
    import yaml

    try:
        text = read_plain(path).decode("utf-8-sig")
        value, node = parsed(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {trouble(error)}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML", detail=tuple(str(error).splitlines())) from error
    if not isinstance(value, dict) or node is None:
        raise ConfigError(f"{path} has no keys at its top", hint="is it the right file?")
    places = dict(_places(node, (), set()))
    lines = {key: line for key, (line, _) in places.items()}
    indents = {key: indent for key, (_, indent) in places.items()}
    return Yaml(path, value, lines, indents, Comments.of(text, lines))


def _places(node: "yaml.Node", above: Key, seen: set[int]) -> Iterator[tuple[Key, tuple[int, int]]]:
    """Of each key and item the line and the column; what an alias names has its place where it is written."""
    import yaml

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        parts = [(str(name.value), name, below) for name, below in node.value]
    elif isinstance(node, yaml.SequenceNode):
        parts = [(str(number), below, below) for number, below in enumerate(node.value)]
    else:
        return
    for name, at, below in parts:
        key = (*above, name)
        yield key, (at.start_mark.line + 1, at.start_mark.column)
        yield from _places(below, key, seen)


def mapping(value: object) -> Mapping[str, Any]:
    """The value as a table; an empty one where it is something else."""
    return {str(key): v for key, v in value.items()} if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def text_of(value: object) -> str:
    """A scalar as text, as it was typed."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def is_true(value: object) -> bool:
    """A truth value, also in the words of YAML 1.1."""
    return text_of(value).lower() in _TRUE
