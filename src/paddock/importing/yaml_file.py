"""YAML as other programs write it: plain values, and the line of each. PyYAML is loaded only here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paddock.errors import ConfigError

if TYPE_CHECKING:
    import yaml

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Yaml:
    """One file."""

    path: Path
    value: Mapping[str, Any]
    lines: Mapping[Key, int]  # of each key, by its path from the top

    def where(self, *key: str) -> str:
        """`config.yaml:12 models.qwen.cmd`, or the nearest that has a line."""
        known = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.lines), ())
        line = f":{self.lines[known]}" if known else ""
        return f"{self.path.name}{line} {'.'.join(key)}".strip()


def read_yaml(path: Path) -> Yaml:
    """ConfigError where it cannot be read, or is no YAML with keys at its top."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML", detail=tuple(str(error).splitlines())) from error
    if not isinstance(value, dict) or node is None:
        raise ConfigError(f"{path} has no keys at its top", hint="is it the right file?")
    return Yaml(path, value, dict(_lines(node, ())))


def _lines(node: "yaml.Node", above: Key) -> Iterator[tuple[Key, int]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for name, below in node.value:
            key = (*above, str(name.value))
            yield key, name.start_mark.line + 1
            yield from _lines(below, key)


def mapping(value: object) -> Mapping[str, Any]:
    """What is a table; nothing where it is something else."""
    return {str(key): v for key, v in value.items()} if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def text_of(value: object) -> str:
    """A scalar as one would type it."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
