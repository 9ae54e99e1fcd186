"""Parses server-sent events: bytes in as they arrive, whole messages out.

The rules are the WHATWG HTML standard's, section "Server-sent events", with one addition: comments
are handed out as well, because Paddock reports a load's progress to waiting clients in them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SseMessage:
    """One event: what was between two blank lines."""

    data: str
    event: str = "message"
    id: str = ""  # the last id seen so far: what `Last-Event-ID` has to carry


@dataclass(frozen=True, slots=True)
class SseComment:
    """A line that begins with a colon, without it and without one space after it."""

    text: str


class SseParser:
    """Splits a stream; how the bytes were cut into pieces makes no difference."""

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a line whose end has not come yet
        self._after_cr = False  # the next byte may be the LF of a CR LF
        self._data: list[str] = []
        self._event = ""
        self._id = ""

    def feed(self, piece: bytes) -> Iterator[SseMessage | SseComment]:
        """Take the next bytes; give what they complete."""
        for line in self._lines(piece):
            yield from self._line(line.decode(errors="replace"))

    def _lines(self, piece: bytes) -> Iterable[bytes]:
        if not piece:
            return ()
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_cr = piece.endswith(b"\r") if piece else False
        text = (self._rest + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        return lines

    def _line(self, line: str) -> Iterator[SseMessage | SseComment]:
        if not line:
            yield from self._dispatch()
        elif line.startswith(":"):
            yield SseComment(line[1:].removeprefix(" "))
        else:
            name, _, value = line.partition(":")
            self._field(name, value.removeprefix(" "))

    def _field(self, name: str, value: str) -> None:
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case _:
                pass  # the standard: fields that are not known are ignored

    def _dispatch(self) -> Iterator[SseMessage]:
        data, event = self._data, self._event
        self._data, self._event = [], ""
        if data:
            yield SseMessage("\n".join(data), event or "message", self._id)
