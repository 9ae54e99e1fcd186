"""Parses YAML with every value as the text that was typed. The only module that imports PyYAML.

YAML 1.1 calls `on` and `no` truth values, and `0.70` comes back as `0.7`; llama-server takes words, and
programs written in Go read YAML 1.2. So all scalars stay text, but for nothing at all (`~`), and for
whole numbers with another base or with `_`, which those programs write out before they hand them on.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

Key = tuple[str, ...]
_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0[bB][01_]+|[0-9]+_[0-9_]*)")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def parsed(text: str) -> "tuple[Any, yaml.Node | None]":
    """The value and its node. Raises yaml.YAMLError."""
    import yaml

    node = yaml.compose(text, Loader=yaml.SafeLoader)
    return (_Values().of(node) if node else None), node


def tokens(text: str) -> Iterator[tuple[int, int, bool]]:
    """Where values and keys stand in the text, and whether each is a block of text (`|`, `>`)."""
    import yaml

    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.ScalarToken):
            is_block = token.style in ("|", ">")
            yield token.start_mark.index, token.end_mark.index, is_block


class _Values:
    """Each node is read once, however often an alias names it."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def of(self, node: "yaml.Node") -> Any:
        if id(node) not in self._known:
            self._known[id(node)] = None  # an anchor inside of itself
            self._known[id(node)] = self._read(node)
        return self._known[id(node)]

    def _read(self, node: "yaml.Node") -> Any:
        import yaml

        if isinstance(node, yaml.SequenceNode):
            return [self.of(one) for one in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._table(node)
        return _scalar(node)

    def _table(self, node: "yaml.MappingNode") -> dict[str, Any]:
        """Merged tables (`<<`) lie below its own keys."""
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for name, below in node.value:
            value = self.of(below)
            if name.tag == "tag:yaml.org,2002:merge":
                for table in reversed(value if isinstance(value, list) else [value]):
                    merged.update(table if isinstance(table, dict) else {})
            else:
                own[str(name.value)] = value
        return {**merged, **own}


def _scalar(node: "yaml.Node") -> str | None:
    text = str(node.value)
    if getattr(node, "style", None) is not None:  # quoted, or a block
        return text
    if text in _NULLS:
        return None
    return str(_whole(text)) if _NUMBER.fullmatch(text) and text.strip("-+0") else text


def _whole(text: str) -> int:
    bare = text.replace("_", "")
    is_octal = re.fullmatch(r"[-+]?0[0-7]+", bare) is not None
    return int(bare, 8 if is_octal else 0)
