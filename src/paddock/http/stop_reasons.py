"""Replies of Anthropic's Messages that a stop sequence ended, and say so.

llama-server (11434, 11549) gives `stop_reason: end_turn` for them, with the sequence beside it. Only for
requests that have stop sequences; every other byte of a stream stays. Source: Anthropic's reference.
"""

from typing import Any

import msgspec

from paddock.http.surfaces import ANTHROPIC

_DATA = b"data: "
_EVENT = b'"message_delta"'
_SAID, _MEANT = "end_turn", "stop_sequence"


class StopReasons:
    """An interpreter (`http/interpreter.py`) of one reply."""

    def __init__(self, *, streams: bool) -> None:
        self.media = "text/event-stream" if streams else "application/json"
        self._streams = streams
        self._rest = b""  # the beginning of a line, or of the one document

    def granted(self) -> None:
        """Nothing is timed."""

    def beat(self, text: str) -> bytes:
        return ANTHROPIC.beat(text)

    def hear(self, piece: bytes) -> bytes:
        self._rest += piece
        if not self._streams or b"\n" not in piece:
            return b""
        whole, newline, self._rest = self._rest.rpartition(b"\n")
        return b"\n".join(map(_line, whole.split(b"\n"))) + newline

    def end(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _line(rest) if self._streams else _document(rest)


def _line(line: bytes) -> bytes:
    if not line.startswith(_DATA) or _EVENT not in line:
        return line
    return _DATA + _document(line[len(_DATA) :])


def _document(document: bytes) -> bytes:
    """A reply, or the event that ends one; as it came where no stop sequence ended it."""
    try:
        reply: Any = msgspec.json.decode(document)
    except msgspec.DecodeError:
        return document
    said = reply.get("delta", reply) if isinstance(reply, dict) else None
    if not isinstance(said, dict) or said.get("stop_reason") != _SAID or not said.get(_MEANT):
        return document
    said["stop_reason"] = _MEANT
    return msgspec.json.encode(reply)
