"""Puts one entry into JSON that people edit, and keeps comments, trailing commas and layout.

The dialect is that of VS Code and Zed. The existing text is parsed only as far as needed to find the
place; a text that cannot be parsed is refused, never rewritten.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paddock.errors import ConfigError

_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLAIN = re.compile(r"[^\s,\]}/]+")
_STEP = "  "


@dataclass(frozen=True, slots=True)
class _Member:
    key: str  # empty in a list
    start: int  # of its value
    end: int


@dataclass(frozen=True, slots=True)
class _Block:
    """An object or a list: where it lies, and what is in it."""

    start: int
    end: int  # behind its closing bracket
    members: tuple[_Member, ...]
    has_trailing_comma: bool


def put(text: str, path: Sequence[str], value: Any) -> str:
    """The text with `value` at this path of keys. ConfigError where there is no place for it."""
    if not text.strip():
        return _dumped(_nested(path, value), "") + "\n"
    return _put(text, _begin(text), tuple(path), value, "")


def put_element(text: str, name: str, value: dict[str, Any]) -> str:
    """A list's text with `value` in place of the element of that `name`, else at its end."""
    if not text.strip():
        return _dumped([value], "") + "\n"
    block = _block(text, _begin(text), "[")
    for member in block.members:
        if _name_of(text, member) == name:
            return _replaced(text, member, _dumped(value, _indent(text, member.start)))
    return _added(text, block, _dumped(value, _inner_indent(text, block, "")), "")


def get(text: str, path: Sequence[str]) -> str | None:
    """The text of the value at this path; None where there is none."""
    if not text.strip():
        return None
    start = _begin(text)
    for key in path:
        if text[start : start + 1] != "{":
            return None
        found = [m for m in _block(text, start, "{").members if m.key == key]
        if not found:
            return None
        start = found[-1].start
    return text[start : _value_end(text, start)]


def _put(text: str, start: int, path: tuple[str, ...], value: Any, indent: str) -> str:
    block = _block(text, start, "{")
    key, *rest = path
    inner = _inner_indent(text, block, indent)
    for member in block.members:
        if member.key == key and rest:
            return _put(text, member.start, tuple(rest), value, inner)
        if member.key == key:
            return _replaced(text, member, _dumped(value, inner))
    entry = f"{json.dumps(key)}: {_dumped(_nested(rest, value), inner)}"
    return _added(text, block, entry, indent)


def _replaced(text: str, member: _Member, new: str) -> str:
    return text[: member.start] + new + text[member.end :]


def _added(text: str, block: _Block, entry: str, indent: str) -> str:
    inner = _inner_indent(text, block, indent)
    if not block.members:
        return text[: block.start + 1] + f"\n{inner}{entry}\n{indent}" + text[block.end - 1 :]
    last = block.members[-1].end
    if block.has_trailing_comma:
        last = _skip(text, last) + 1  # behind the comma
        return text[:last] + f"\n{inner}{entry}," + text[last:]
    return text[:last] + f",\n{inner}{entry}" + text[last:]


# ---- reading ----


def _begin(text: str) -> int:
    start = _skip(text, 0)
    end = _skip(text, _value_end(text, start))
    if end != len(text):
        raise _strange(text, end)
    return start


def _block(text: str, start: int, bracket: str) -> _Block:
    if text[start : start + 1] != bracket:
        kind = "an object" if bracket == "{" else "a list"
        raise ConfigError(f"line {_line(text, start)}: {kind} was expected here")
    closing = "}" if bracket == "{" else "]"
    members: list[_Member] = []
    comma, at = False, _skip(text, start + 1)
    while text[at : at + 1] != closing:
        if members and not comma:
            raise _strange(text, at)
        member = _member(text, at, has_key=bracket == "{")
        members.append(member)
        at = _skip(text, member.end)
        comma = text[at : at + 1] == ","
        at = _skip(text, at + 1) if comma else at
    return _Block(start, at + 1, tuple(members), comma)


def _member(text: str, at: int, *, has_key: bool) -> _Member:
    key = ""
    if has_key:
        found = _STRING.match(text, at)
        if not found:
            raise _strange(text, at)
        key, at = json.loads(found[0]), _skip(text, found.end())
        if text[at : at + 1] != ":":
            raise _strange(text, at)
        at = _skip(text, at + 1)
    return _Member(key, at, _value_end(text, at))


def _value_end(text: str, at: int) -> int:
    first = text[at : at + 1]
    if first in {"{", "["}:
        return _block(text, at, first).end
    found = (_STRING if first == '"' else _PLAIN).match(text, at)
    if not found:
        raise _strange(text, at)
    return found.end()


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _name_of(text: str, member: _Member) -> str | None:
    if text[member.start] != "{":
        return None
    names = [m for m in _block(text, member.start, "{").members if m.key == "name"]
    return json.loads(text[names[0].start : names[0].end]) if names else None


def _strange(text: str, at: int) -> ConfigError:
    return ConfigError(f"line {_line(text, at)}: this is not JSON: {text[at : at + 20]!r}")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


# ---- writing ----


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _dumped(value: Any, indent: str) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n" + indent)


def _inner_indent(text: str, block: _Block, indent: str) -> str:
    """As the first member is indented, where it has a line of its own."""
    if block.members:
        start = text.rfind("\n", 0, _first_of(text, block)) + 1
        lead = text[start : _first_of(text, block)]
        if not lead.strip() and start > block.start:
            return lead
    return indent + _STEP


def _first_of(text: str, block: _Block) -> int:
    return _skip(text, block.start + 1)


def _indent(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    lead = text[start:at]
    return lead if not lead.strip() else ""
