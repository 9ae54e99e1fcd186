"""A variant's settings in the body of a request, as llama-server reads each of its APIs. Pure.

Of build 11434 (`server-chat.cpp`, `server-common.cpp`, and tried): samplers, `chat_template_kwargs`,
budgets and stop words are fields beside the API's own for chat, Responses and completions; of
Anthropic's Messages it takes over only what `_MESSAGES` lists. System texts in a list are joined
without anything between them there, and by a line's end in a chat.

Every value that a variant does not change keeps its bytes; values that are not as the API has them
are left to llama-server to refuse.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from paddock.config.variant import Variant
from paddock.errors import BadRequest
from paddock.http.body import parsed
from paddock.http.outline import Piece

T = TypeVar("T")
Fields = dict[str, tuple[Piece, ...]]

_SYSTEM = ("system", "developer")  # roles; llama-server makes the first of the second
_GAP = "\n\n"
_NULL = b"null"


@dataclass(frozen=True, slots=True)
class _Api:
    """Where one API says what a variant sets."""

    lengths: tuple[str, ...]  # of an answer; the first is written where none is there
    stop: str = "stop"
    turns: str = ""  # the list of messages; empty: there are none, nor a template
    system: str = ""  # the field of the system prompt; empty: it is the first message
    text: str = "text"  # the type of a text in a list
    samplers: frozenset[str] | None = None  # those that llama-server takes over, None: all


_LENGTHS = ("max_tokens", "max_completion_tokens", "n_predict")
_CHAT = _Api(_LENGTHS, turns="messages")
_RESPONSES = _Api(
    ("max_output_tokens", *_LENGTHS), turns="input", system="instructions", text="input_text"
)
_MESSAGES = _Api(
    ("max_tokens",),
    "stop_sequences",
    turns="messages",
    system="system",
    samplers=frozenset({"temperature", "top_p", "top_k"}),
)
_COMPLETION = _Api(_LENGTHS)
_APIS = {
    "/chat/completions": _CHAT,
    "/chat/completions/input_tokens": _CHAT,
    "/apply-template": _CHAT,
    "/responses": _RESPONSES,
    "/responses/input_tokens": _RESPONSES,
    "/messages": _MESSAGES,
    "/messages/count_tokens": _MESSAGES,
    "/completions": _COMPLETION,
    "/completion": _COMPLETION,
    "/infill": _COMPLETION,
}


def _api(path: str) -> _Api | None:
    return _APIS.get(path.partition("?")[0].removeprefix("/v1"))


def is_shaped(path: str) -> bool:
    """Whether a variant changes what is asked of an instance there."""
    return _api(path) is not None


def heard(path: str) -> frozenset[str] | None:
    """The samplers that llama-server takes over from a request to this path; None: all."""
    api = _api(path)
    return api.samplers if api else None


def samplers(variant: Variant, path: str) -> Mapping[str, float]:
    """Those of the variant that a request to this path can set."""
    api = _api(path)
    if api is None or api.samplers is None:
        return variant.samplers if api else {}
    return {name: v for name, v in variant.samplers.items() if name in api.samplers}


def applied(
    variant: Variant, said: Mapping[str, msgspec.Raw], path: str, added: Mapping[str, float]
) -> Fields:
    """The fields of a body with the variant's settings; `added`: its samplers that hold."""
    fields: Fields = {name: (raw,) for name, raw in said.items()}
    if api := _api(path):
        shaped = _Shaped(variant, api, said)
        fields |= {name: (_json(value),) for name, value in added.items()}
        fields |= dict(shaped.lengths()) | dict(shaped.stops())
        if api.turns:
            fields |= dict(shaped.system_prompt()) | dict(shaped.template())
            fields |= dict(shaped.budget())
            for name in shaped.overruled():
                fields.pop(name, None)
    return fields


def joined(fields: Mapping[str, tuple[Piece, ...]]) -> Iterator[Piece]:
    """The body, piece by piece."""
    yield b"{"
    for number, (name, pieces) in enumerate(fields.items()):
        yield (b"," if number else b"") + _json(name) + b":"
        yield from pieces
    yield b"}"


@dataclass(frozen=True, slots=True)
class _Shaped:
    variant: Variant
    api: _Api
    said: Mapping[str, msgspec.Raw]

    def _has(self, name: str) -> bool:
        return name in self.said and bytes(memoryview(self.said[name])[:5]) != _NULL

    def _read(self, name: str, kind: type[T]) -> T | None:
        return _decoded(self.said[name], kind) if self._has(name) else None

    def lengths(self) -> Iterator[tuple[str, tuple[Piece, ...]]]:
        limit, default = self.variant.max_tokens_limit, self.variant.max_tokens
        wanted = [name for name in self.api.lengths if self._has(name)]
        if not wanted and (default or limit):
            yield self.api.lengths[0], (_json(min(default or limit or 0, limit or default or 0)),)
        for name in wanted:
            value = self._read(name, float)
            if limit and value is not None and not 0 <= value <= limit:
                yield name, (_json(limit),)

    def stops(self) -> Iterator[tuple[str, tuple[Piece, ...]]]:
        """The variant's beside the client's."""
        name, mine = self.api.stop, self.variant.stop
        word, words = self._read(name, str), self._read(name, list[str])
        if mine and (word is not None or words is not None or not self._has(name)):
            theirs = words or ([word] if word else [])
            yield name, (_json(list(dict.fromkeys([*theirs, *mine]))),)

    # ---- templates ----

    def template(self) -> Iterator[tuple[str, tuple[Piece, ...]]]:
        """Its arguments; what the client says of one counts, unless the variant is forced."""
        mine = self.variant.arguments
        theirs = self._read("chat_template_kwargs", dict[str, msgspec.Raw])
        if mine and (theirs is not None or not self._has("chat_template_kwargs")):
            theirs = theirs or {}
            both = theirs | mine if self.variant.is_forced else mine | theirs
            yield "chat_template_kwargs", (_json(both),)

    def budget(self) -> Iterator[tuple[str, tuple[Piece, ...]]]:
        budget = self.variant.budget
        if budget is None:
            return
        if self.api is _MESSAGES:
            thinking = self._read("thinking", dict[str, msgspec.Raw]) or {}
            if self.variant.is_forced or bytes(thinking.get("type", b"")) != b'"enabled"':
                yield "thinking", (_json({"type": "enabled", "budget_tokens": budget}),)
        elif self.variant.is_forced or not any(map(self._has, _BUDGETS)):
            yield _BUDGETS[0], (_json(budget),)

    def overruled(self) -> Iterator[str]:
        """What llama-server would count above what a forced variant says by other fields."""
        if not self.variant.is_forced:
            return
        if self.variant.budget is not None:
            yield from _BUDGETS[1:]
        if not self.variant.arguments.keys().isdisjoint({"enable_thinking", "reasoning_effort"}):
            yield from ("reasoning_effort", "reasoning")

    # ---- the system prompt ----

    def system_prompt(self) -> Iterator[tuple[str, tuple[Piece, ...]]]:
        if not self.variant.system_prompt:
            return
        turns = self._read(self.api.turns, list[msgspec.Raw])
        if turns is None:
            if self.api.system and self._has(self.api.turns):  # a text: Responses' `input`
                yield self.api.system, self._system_field()
            return
        if self.variant.replaces_system:
            kept = [turn for turn in turns if _role(turn) not in _SYSTEM]
            if len(kept) < len(turns) or not self.api.system:
                yield self.api.turns, self._list(kept, self._own_turn())
            if self.api.system:
                yield self.api.system, (_json(self.variant.system_prompt),)
        elif self.api.system and (self._has(self.api.system) or not _is_system(turns)):
            yield self.api.system, self._system_field()
        elif _is_system(turns):
            yield self.api.turns, self._list(turns[1:], self._before(turns[0]))
        else:
            yield self.api.turns, self._list(turns, self._own_turn())

    def _system_field(self) -> tuple[Piece, ...]:
        if self.variant.replaces_system or not self._has(self.api.system):
            return (_json(self.variant.system_prompt),)
        return self._with_text(self.said[self.api.system])

    def _own_turn(self) -> tuple[Piece, ...]:
        """A message of its own; none where a field is there for it."""
        if self.api.system:
            return ()
        return (_json({"role": "system", "content": self.variant.system_prompt}),)

    def _before(self, turn: msgspec.Raw) -> tuple[Piece, ...]:
        """The client's system message with the variant's text before its own."""
        fields = {k: (v,) for k, v in (_decoded(turn, dict[str, msgspec.Raw]) or {}).items()}
        content = fields.get("content", (_NULL,))[0]
        return tuple(joined({**fields, "content": self._with_text(content)}))

    def _with_text(self, content: Piece) -> tuple[Piece, ...]:
        """A text, or a list of texts, with the variant's before it; its own bytes stay."""
        view, text = memoryview(content), self.variant.system_prompt
        if bytes(view[:1]) == b'"':
            return (_json(text + _GAP)[:-1], view[1:])
        if bytes(view[:1]) == b"[":
            own = _json({"type": self.api.text, "text": text + _GAP})
            is_empty = not bytes(view[1:9]).strip(b" \t\r\n]")
            return (b"[" + own + (b"" if is_empty else b","), view[1:])
        return (_json(text),)

    def _list(self, turns: list[msgspec.Raw], first: tuple[Piece, ...]) -> tuple[Piece, ...]:
        pieces: list[Piece] = [b"[", *first]
        for number, turn in enumerate(turns):
            if number or first:
                pieces.append(b",")
            pieces.append(turn)
        return (*pieces, b"]")


_BUDGETS = ("thinking_budget_tokens", "reasoning_budget_tokens")


class _Turn(msgspec.Struct):
    role: Any = None


def _role(turn: msgspec.Raw) -> Any:
    found = _decoded(turn, _Turn)
    return found.role if found else None


def _is_system(turns: list[msgspec.Raw]) -> bool:
    return bool(turns) and _role(turns[0]) in _SYSTEM


def _decoded(raw: Piece, kind: type[T]) -> T | None:
    """None where it is of another kind."""
    try:
        return parsed(msgspec.Raw(raw), msgspec.json.Decoder(kind))
    except BadRequest:
        return None


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
