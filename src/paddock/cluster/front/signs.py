"""What a node's reply has said so far: signs of life, a refusal, or a part of an answer. Pure.

Signs of life are those of `http/surfaces.py`: comments of an event stream, each with an event after it
perhaps that says nothing; white space before a document; an empty piece in Ollama's protocol.
"""

from contextlib import suppress
from typing import Any

import msgspec

from paddock.errors import (
    CannotFit,
    CannotLoad,
    EngineError,
    GpusYielded,
    InstanceHangs,
    LoadFailed,
    NodeLost,
    QueueFull,
    RecentlyFailed,
    Restarting,
    ShuttingDown,
    StateUnwritable,
    TooManyConnections,
    UnknownModel,
    UpstreamGone,
)
from paddock.http.surfaces import OLLAMA, Surface

# What one node says no with, although another may say yes.
ELSEWHERE = frozenset(
    error.code
    for error in (
        *(CannotFit, CannotLoad, EngineError, GpusYielded, InstanceHangs, LoadFailed, NodeLost),
        *(QueueFull, RecentlyFailed, Restarting, ShuttingDown, StateUnwritable),
        *(TooManyConnections, UnknownModel, UpstreamGone),
    )
)
_MOST = 1 << 16  # bytes; no refusal is longer
_GAP, _DATA, _ERROR = b"\n\n", b"data: ", b'"error"'


class _Said(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: Any = None


class _OllamaPiece(msgspec.Struct):
    done: bool = False
    response: str = ""
    message: _Said = msgspec.field(default_factory=_Said)
    error: Any = None


_ollama = msgspec.json.Decoder(_OllamaPiece)


def is_sign(piece: bytes, surface: Surface, *, streams: bool) -> bool:
    """Whether a piece of a reply says no more than that somebody lives."""
    if not streams:
        return not piece.strip()
    if surface is OLLAMA:
        return all(_is_empty(line) for line in piece.split(b"\n") if line)
    return not _first_event(piece)


def _first_event(piece: bytes) -> bytes:
    """The first that is no comment, nor follows one in its block; a piece may hold a hundred."""
    start = 0
    while start < len(piece):
        end = piece.find(_GAP, start)
        end = len(piece) if end < 0 else end
        if not piece.startswith(b":", start) and (block := piece[start:end].strip()):
            return block
        start = end + len(_GAP)
    return b""


def _is_empty(line: bytes) -> bool:
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        said = _ollama.decode(line)
        words = (said.response, said.message.content, said.message.thinking)
        return not (any(words) or said.done or said.error or said.message.tool_calls)
    return False


def code_in(document: bytes) -> str:
    """The code of a refusal, in whichever API's shape; empty where it has none that is Paddock's."""
    if len(document) > _MOST:
        return ""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        found = msgspec.json.decode(document)
        if isinstance(found, dict) and found.get("error"):
            error = found["error"] if isinstance(found["error"], dict) else found
            codes = (error.get("reason"), error.get("code"), found.get("code"))
            return next((code for code in codes if isinstance(code, str)), "")
    return ""


def refusal_in(piece: bytes, surface: Surface, *, streams: bool) -> str:
    """The code of a refusal that stands in a stream before anything else; empty where none does."""
    if not streams or surface is OLLAMA:
        lines = [line for line in piece.split(b"\n") if line.strip()]
        return code_in(lines[-1]) if lines else ""
    event = _first_event(piece)
    if _ERROR not in event:  # nearly always
        return ""
    data = next((line for line in event.split(b"\n") if line.startswith(_DATA)), b"")
    return code_in(data.removeprefix(_DATA))


def is_elsewhere(code: str) -> bool:
    """Whether another node may say yes."""
    return code in ELSEWHERE
