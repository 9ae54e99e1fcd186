"""OpenAI's `namespace` tools, in which Codex wraps those of MCP servers, for instances that skip them.

llama-server (11434, 11549) hands its models `function` tools only and skips all others in silence, so
that an agent's MCP tools are never seen (openai/codex#36942, ggml-org/llama.cpp#24295). Here each of
them becomes a function `NAMESPACE__TOOL`, in the tools, in the calls of the history and in the
choice, and a call of it comes back with namespace and name apart. A request without namespaces keeps
every byte, and so does its reply but for numbers that a stream lacks (`numbering.py`). Source of the
shapes: OpenAI's Responses reference; what Codex 0.171 sends.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from paddock.http.body import decoded, parsed
from paddock.http.content import Buffer
from paddock.http.numbering import Numbering
from paddock.http.outline import Piece
from paddock.http.surfaces import RESPONSES

_MARK = b'"namespace"'  # as a tool's type, or as a field of a call
_MARKS = re.compile(_MARK)
_CALL = b'"function_call"'
_FIELDS_OF_CALLS = ("input", "tool_choice")  # of a request, beside its `tools`
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

Names = dict[str, tuple[str, str]]  # a function's name -> its namespace, and its name there


def flattened(content: Buffer) -> tuple[list[Piece], Names]:
    """The body as llama-server takes it, in pieces; none, and no names, where nothing is wrapped."""
    if content.find(_MARK) < 0:
        return [], {}
    fields = decoded(content, _FIELDS)
    tools = parsed(fields["tools"], _ANYTHING) if "tools" in fields else None
    if not isinstance(tools, list) or not (names := _names(tools)):
        return [], {}
    flat = {where: name for name, where in names.items()}
    replaced: dict[str, list[Piece]] = {
        "tools": [msgspec.json.encode(list(_functions(tools, flat)))]
    }
    replaced |= {key: _flat(fields[key], flat) for key in _FIELDS_OF_CALLS if key in fields}
    return list(_document(fields, replaced)), names


def _document(fields: dict[str, msgspec.Raw], replaced: dict[str, list[Piece]]) -> Iterator[Piece]:
    """The fields in their order, some of them with other content."""
    gap = b"{"
    for name, raw in fields.items():
        yield gap + msgspec.json.encode(name) + b":"
        yield from replaced.get(name, [raw])
        gap = b","
    yield b"}"


def _flat(raw: msgspec.Raw, flat: dict[tuple[str, str], str]) -> list[Piece]:
    """A field with its calls by the functions' names; an item that has none keeps its bytes."""
    if bytes(memoryview(raw)[:1]) != b"[":
        return [_renamed_in(raw, flat)]
    found: list[Piece] = [b"["]
    for item in parsed(raw, _ITEMS):
        found += [_renamed_in(item, flat), b","]
    return [*(found[:-1] if len(found) > 1 else found), b"]"]


def _renamed_in(raw: msgspec.Raw, flat: dict[tuple[str, str], str]) -> Piece:
    if not _MARKS.search(raw):
        return raw
    return msgspec.json.encode(_renamed(parsed(raw, _ANYTHING), flat))


def _names(tools: list[Any]) -> Names:
    """One function for each wrapped tool, under a name that no other tool has."""
    given = (tool.get("name") for tool in tools if isinstance(tool, dict))
    taken = {name for name in given if isinstance(name, str)}
    names: Names = {}
    for namespace, tool in dict.fromkeys(_wrapped(tools)):  # one that is there twice is one
        name = f"{namespace}__{tool}"
        while name in taken:
            name += "_"
        taken.add(name)
        names[name] = namespace, tool
    return names


def _wrapped(tools: list[Any]) -> Iterator[tuple[str, str]]:
    for wrapper in tools:
        if _is_wrapper(wrapper):
            for tool in wrapper["tools"]:
                yield wrapper["name"], tool["name"]


def _is_wrapper(tool: Any) -> bool:
    """One whose tools all have names; any other is for llama-server to skip, as a whole."""
    if not isinstance(tool, dict) or tool.get("type") != "namespace":
        return False
    inner = tool.get("tools")
    return (
        isinstance(tool.get("name"), str)
        and isinstance(inner, list)
        and all(isinstance(t, dict) and isinstance(t.get("name"), str) for t in inner)
    )


def _functions(tools: list[Any], flat: dict[tuple[str, str], str]) -> Iterable[Any]:
    for tool in tools:
        if not _is_wrapper(tool):
            yield tool
            continue
        for inner in tool["tools"]:
            yield inner | {"name": flat[tool["name"], inner["name"]]}


def _renamed(item: Any, flat: dict[tuple[str, str], str]) -> Any:
    """A call, or a choice, by the function's name; anything else as it is."""
    if not isinstance(item, dict):
        return item
    namespace, tool = item.get("namespace"), item.get("name")
    if not isinstance(namespace, str) or not isinstance(tool, str):
        return item
    # One of a server that is gone is not known, but the history may still name it.
    name = flat.get((namespace, tool), f"{namespace}__{tool}")
    return {key: value for key, value in item.items() if key != "namespace"} | {"name": name}


class Wrapper:
    """An interpreter (`http/interpreter.py`) that gives calls their namespaces back, and events numbers."""

    def __init__(self, names: Names, *, streams: bool) -> None:
        self.media = "text/event-stream" if streams else "application/json"
        self._names = names
        self._streams = streams
        self._numbering = Numbering()
        self._rest = b""  # the beginning of a line, or of the one document

    def granted(self) -> None:
        """Nothing is timed."""

    def beat(self, text: str) -> bytes:
        return RESPONSES.beat(text)

    def hear(self, piece: bytes) -> bytes:
        self._rest += piece
        if not self._streams or b"\n" not in piece:
            return b""
        whole, newline, self._rest = self._rest.rpartition(b"\n")
        return b"\n".join(self._line(line) for line in whole.split(b"\n")) + newline

    def end(self) -> bytes:
        rest, self._rest = self._rest, b""
        return self._line(rest) if self._streams else self._document(rest)

    def _line(self, line: bytes) -> bytes:
        line = self._numbering.line(line)
        head, data, document = line.partition(b"data: ")
        return data + self._document(document) if data and not head else line

    def _document(self, document: bytes) -> bytes:
        """An event, or the reply, with every call in it as its client named the tool."""
        if _CALL not in document:
            return document
        try:
            reply = msgspec.json.decode(document)
        except msgspec.DecodeError:
            return document
        if not isinstance(reply, dict):
            return document
        items = [reply.get("item"), *_output(reply), *_output(reply.get("response"))]
        changed = [self._wrap(item) for item in items]
        return msgspec.json.encode(reply) if any(changed) else document

    def _wrap(self, item: Any) -> bool:
        """Whether it is a call of a wrapped tool, which then says so."""
        if not isinstance(item, dict) or item.get("type") != "function_call":
            return False
        where = self._names.get(item.get("name", ""))
        if where is None:
            return False
        item["namespace"], item["name"] = where
        return True


def _output(reply: Any) -> list[Any]:
    found = reply.get("output") if isinstance(reply, dict) else None
    return found if isinstance(found, list) else []
