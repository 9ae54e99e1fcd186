"""What llama-server reads otherwise than its API means, put as it reads it rightly. Pure.

Of builds 11434 and 11549, each shown by a script in `findings/`: an empty stop word ends a reply before
its first word; a choice that names a tool forces none; `tool_choice: none` and `thinking: disabled` of
Anthropic's Messages do nothing; a text behind a tool's result comes before it there; a schema in
Responses is dropped, and earlier answers as OpenAI's guide writes them are refused.

Only what is concerned is written anew: `needs` looks at few fields, which were picked out of the body
with its model. A request that has none of this keeps every byte, and so does every other value.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from paddock.errors import BadRequest
from paddock.http.body import Wish, parsed, picked
from paddock.http.content import Content

T = TypeVar("T")
Fields = dict[str, msgspec.Raw]

_EMPTY = b'""'
_RESULT, _ASSISTANT, _REASONING = b'"tool_result"', b'"assistant"', b'"reasoning"'
_RESULTS, _ANSWERS = re.compile(_RESULT), re.compile(_ASSISTANT + b"|" + _REASONING)
_RAWS: type[dict[str, msgspec.Raw]] = dict[str, msgspec.Raw]
_UNHEARD_FORMATS = ("output_config", "output_format")  # of Messages


def may_need(content: Content, wish: Wish, path: str) -> bool:
    """Whether a body that is asked there may have something to mend; a large one may by its API."""
    kind = _KINDS.get(path)
    if kind is None:
        return False
    marks, suspects = _MARKS.get(kind, ()), _SUSPECTS[kind]
    if marks and (not isinstance(content, bytes) or any(content.find(m) >= 0 for m in marks)):
        return True
    if not (said := picked(wish)):  # nearly always: what follows is a generator
        return False
    return any(name in suspects and suspects[name](bytes(raw)) for name, raw in said.items())


def mended(said: Mapping[str, msgspec.Raw], path: str) -> Mapping[str, msgspec.Raw]:
    """The fields of a body as llama-server reads them rightly; `said` itself where nothing is to change.

    Values that are not as their API has them stay.
    """
    fields = dict(said)
    for mend in _MENDS.get(_KINDS.get(path, ""), ()):
        mend(fields)
    is_same = fields.keys() == said.keys() and all(fields[name] is said[name] for name in said)
    return said if is_same else fields


def unheard(wish: Wish, path: str) -> tuple[str, ...]:
    """The schemas that llama-server drops there in silence, with no field that could say them."""
    if _KINDS.get(path) != "messages":
        return ()
    said = picked(wish)
    return tuple(name for name in _UNHEARD_FORMATS if b'"schema"' in bytes(said.get(name, b"")))


# ---- stop words ----


def _stop_words(name: str) -> Callable[[Fields], None]:
    def mend(fields: Fields) -> None:
        """Without the empty ones; no field where none is left."""
        words = _read(fields, name, list[Any]) or [_read(fields, name, str)]
        if "" in words:
            kept = [word for word in words if word != ""]
            fields |= {name: _raw(kept)}
            if not kept:
                del fields[name]

    return mend


# ---- tools ----


def _chosen(fields: Fields) -> None:
    """The tools that a choice names, and no others, of which one has to be called.

    Of functions only: llama-server skips tools of other types, so that none would be left.
    """
    choice, tools = _read(fields, "tool_choice", dict[str, Any]), _read(fields, "tools", list[Any])
    if not choice or not tools:
        return
    mode = "required"
    named: Any = [choice]
    if choice.get("type") == "allowed_tools":  # the chat has them one level deeper than Responses
        allowed = choice.get("allowed_tools", choice)
        named = allowed.get("tools") if isinstance(allowed, dict) else None
        if not isinstance(named, list):
            return
        mode = "required" if allowed.get("mode") == "required" else "auto"
    if kept := list(_named([tool for tool in tools if _is_called(tool)], named)):
        fields["tools"], fields["tool_choice"] = _raw(kept), _raw(mode)


def _chosen_in_messages(fields: Fields) -> None:
    choice, tools = _read(fields, "tool_choice", dict[str, Any]), _read(fields, "tools", list[Any])
    if not choice or not tools:
        return
    if choice.get("type") == "none":
        del fields["tools"], fields["tool_choice"]
    elif choice.get("type") == "tool" and (kept := list(_named(tools, [choice]))):
        fields["tools"] = _raw(kept)


def _is_called(tool: Any) -> bool:
    """Whether a model sees it, or what is in it."""
    return isinstance(tool, dict) and tool.get("type") in ("function", "namespace")


def _named(tools: list[Any], choices: list[Any]) -> Iterator[Any]:
    wanted = {name for choice in choices if (name := _name(choice))[1]}
    for tool in tools:
        if not isinstance(tool, dict):
            continue
        inner = tool.get("tools")
        if tool.get("type") == "namespace" and isinstance(inner, list):
            space = tool.get("name") if isinstance(tool.get("name"), str) else None
            if mine := [one for one in inner if (space, _name(one)[1]) in wanted]:
                yield tool | {"tools": mine}
        elif _name(tool) in wanted:
            yield tool


def _name(tool: Any) -> tuple[str | None, str | None]:
    """Of a tool, or of a choice, in any of the APIs; with its namespace."""
    if not isinstance(tool, dict):
        return None, None
    function = tool.get("function")
    name = (function if isinstance(function, dict) else tool).get("name")
    space = tool.get("namespace")
    return space if isinstance(space, str) else None, name if isinstance(name, str) else None


# ---- Anthropic's Messages ----


def _unthinking(fields: Fields) -> None:
    thinking = _read(fields, "thinking", dict[str, Any])
    is_unsaid = bytes(fields.get("chat_template_kwargs", b"null")) == b"null"
    said = {} if is_unsaid else _read(fields, "chat_template_kwargs", _RAWS)
    if not thinking or thinking.get("type") != "disabled":
        return
    if said is not None and "enable_thinking" not in said:
        fields["chat_template_kwargs"] = _raw(said | {"enable_thinking": False})


class _BlockKind(msgspec.Struct):
    type: str = ""


class _WholeTurn(msgspec.Struct):
    role: str = ""
    content: list[msgspec.Raw] = []


def _results_first(fields: Fields) -> None:
    """A turn that goes on behind a tool's result, as turns of results and of the rest, in their order."""
    turns = _read(fields, "messages", list[msgspec.Raw])
    if turns is None:
        return
    split = [part for turn in turns for part in _split(turn)]
    if len(split) != len(turns):
        fields["messages"] = _listed(split)


def _split(turn: msgspec.Raw) -> Iterator[msgspec.Raw]:
    found = _decoded(turn, _WholeTurn) if _RESULTS.search(turn) else None
    runs: list[tuple[bool, list[msgspec.Raw]]] = []
    for block in found.content if found else []:
        kind = _decoded(block, _BlockKind)
        is_result = kind is not None and kind.type == "tool_result"
        if not runs or runs[-1][0] != is_result:
            runs.append((is_result, []))
        runs[-1][1].append(block)
    if found is None or not any(before for before, _ in runs[:-1]):
        yield turn
        return
    for _, blocks in runs:
        content = bytes(_listed(blocks))
        yield msgspec.Raw(b'{"role":%s,"content":%s}' % (msgspec.json.encode(found.role), content))


# ---- OpenAI's Responses ----


class _PastItem(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    summary: msgspec.Raw = msgspec.Raw()


class _Thought(msgspec.Struct):
    text: str


def _history(fields: Fields) -> None:
    items = _read(fields, "input", list[msgspec.Raw])
    if items is None:
        return
    known = [part for item in items for part in _known(item)]
    if any(new is not old for new, old in zip(known, items, strict=False)) or len(known) != len(
        items
    ):
        fields["input"] = _listed(known)


def _known(item: msgspec.Raw) -> Iterator[msgspec.Raw]:
    """An item as llama-server knows it; none where it says nothing."""
    found = _decoded(item, _PastItem) if _ANSWERS.search(item) else None
    if found and found.type is None and found.role == "assistant":
        yield _raw((_decoded(item, _RAWS) or {}) | {"type": "message"})
    elif found and found.type == "reasoning" and not _decoded(found.content, list[_Thought]):
        if thoughts := _decoded(found.summary, list[_Thought]):
            parts = [{"type": "reasoning_text", "text": thought.text} for thought in thoughts]
            yield _raw((_decoded(item, _RAWS) or {}) | {"content": parts})
    else:
        yield item


def _format(fields: Fields) -> None:
    """A schema for the answer, where no tool is offered: llama-server puts it over calls as well."""
    text = _read(fields, "text", dict[str, Any]) or {}
    wanted, tools = text.get("format"), _read(fields, "tools", list[Any])
    if not isinstance(wanted, dict) or _read(fields, "response_format", Any) is not None or tools:
        return
    if wanted.get("type") == "json_schema":
        schema = {key: value for key, value in wanted.items() if key != "type"}
        fields["response_format"] = _raw({"type": "json_schema", "json_schema": schema})
    elif wanted.get("type") == "json_object":
        fields["response_format"] = _raw({"type": "json_object"})


# ---- what is looked at, and what is done ----

_Look = Callable[[bytes], bool]


def _is_object(raw: bytes) -> bool:
    return raw[:1] == b"{"


def _is_empty_somewhere(raw: bytes) -> bool:
    return _EMPTY in raw


_SUSPECTS: dict[str, dict[str, _Look]] = {
    "chat": {"stop": _is_empty_somewhere, "tool_choice": _is_object},
    "text": {"stop": _is_empty_somewhere},
    "responses": {"stop": _is_empty_somewhere, "tool_choice": _is_object, "text": bool},
    "messages": {
        "stop_sequences": _is_empty_somewhere,
        "tool_choice": _is_object,
        "thinking": lambda raw: b'"disabled"' in raw,
    },
}
_MARKS = {"messages": (_RESULT,), "responses": (_ASSISTANT, _REASONING)}
_PATHS = {
    "chat": ("/chat/completions", "/chat/completions/input_tokens", "/apply-template"),
    "text": ("/completions", "/completion", "/infill"),
    "responses": ("/responses", "/responses/input_tokens"),
    "messages": ("/messages", "/messages/count_tokens"),
}
_KINDS = {
    before + path: kind
    for kind, paths in _PATHS.items()
    for path in paths
    for before in ("", "/v1")
}
_MENDS: dict[str, tuple[Callable[[Fields], None], ...]] = {
    "chat": (_stop_words("stop"), _chosen),
    "text": (_stop_words("stop"),),
    "responses": (_stop_words("stop"), _format, _chosen, _history),
    "messages": (
        _stop_words("stop_sequences"),
        _chosen_in_messages,
        _unthinking,
        _results_first,
    ),
}


def _read(fields: Fields, name: str, kind: type[T]) -> T | None:
    return _decoded(fields[name], kind) if name in fields else None


def _decoded(raw: msgspec.Raw | bytes, kind: type[T]) -> T | None:
    """None where it is of another kind."""
    try:
        found: T = parsed(raw, _decoder(cast(Hashable, kind)))
    except BadRequest:
        return None
    return found


@lru_cache  # dear to make, and needed for each turn of a long talk
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _listed(parts: list[msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")
