"""Streams of several prompts at once, without the events that are no events.

llama-server (11434, 11549) begins each prompt but the first with `data: null`, of which OpenAI's library makes
a chunk that is None. Only for requests whose prompt is a list; every other byte of a stream stays.
"""

from paddock.http.body import Wish, picked
from paddock.http.surfaces import Surface

_GAP = b"\n\n"
_NOTHING = b"data: null"


def has_many(wish: Wish) -> bool:
    """Whether its prompt is a list: of prompts, or of one prompt's tokens, which is as good as a text here."""
    raw = picked(wish).get("prompt")
    return raw is not None and bytes(memoryview(raw)[:1]) == b"["


class ManyPrompts:
    """An interpreter (`http/interpreter.py`) of one stream."""

    media = "text/event-stream"

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._rest = b""  # the beginning of an event

    def granted(self) -> None:
        """Nothing is timed."""

    def beat(self, text: str) -> bytes:
        return self._surface.beat(text)

    def hear(self, piece: bytes) -> bytes:
        *whole, self._rest = (self._rest + piece).split(_GAP)
        return b"".join(event + _GAP for event in whole if event != _NOTHING)

    def end(self) -> bytes:
        return self._rest
