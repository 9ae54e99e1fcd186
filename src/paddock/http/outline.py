"""A large JSON body without its long strings, and those put back into what is made of it. Pure.

To read a body, all of it must be in memory, and nearly all of a large one is a few strings: pictures,
documents. In its outline a mark stands for each of them, which is longer than any name or number
that we look for, and which no client can guess.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from secrets import token_hex

import msgspec

Piece = bytes | bytearray | memoryview | msgspec.Raw  # what a body is made of

LONG = 1 << 16  # bytes; a longer string is left out
_HEAD = 16  # bytes of it that stay where they are plain: they identify a picture
_MOST = 2 << 20  # bytes; a body of many short strings has no outline
_DIGITS = 1100  # of a mark's number
_QUOTE = 0x22
_INSIDE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Outline:
    """`text`: the JSON; `cuts`: where in the body that is which its marks stand for."""

    text: bytes
    cuts: tuple[range, ...]
    nonce: bytes

    def restored(self, piece: Piece) -> Iterator[Piece | range]:
        """What a piece of JSON made from the text stands for: bytes, and ranges of the body.

        Only for pieces that hold a string as it stood, not encoded once more.
        """
        view, at = memoryview(piece), 0
        for mark in re.finditer(self.nonce + rb"(\d{%d})" % _DIGITS, view):
            yield view[at : mark.start()]
            yield self.cuts[int(mark[1])]
            at = mark.end()
        yield view[at:] if at else piece


def outline(slices: Iterable[bytes]) -> Outline | None:
    """Of a body in slices; None where it would be long itself."""
    cutter = _Cutter(token_hex(16).encode())
    for piece in slices:
        cutter.take(piece)
        if cutter.size > _MOST:
            return None
    return cutter.outline()


class _Cutter:
    def __init__(self, nonce: bytes) -> None:
        self._nonce = nonce
        self._text = bytearray()
        self._cuts: list[range] = []
        self._offset = 0  # in the body, of the slice at hand
        self._begin: int | None = None  # in the body, of the string that we are in
        self._kept = 0  # bytes of the text before that string
        self._cut_at: int | None = None  # in the body, where a long string's rest begins
        self._is_escaped = False  # whether the slice before ended with a backslash

    @property
    def size(self) -> int:
        return len(self._text)

    def outline(self) -> Outline:
        return Outline(bytes(self._text), tuple(self._cuts), self._nonce)

    def take(self, piece: bytes) -> None:
        at = 0
        while at < len(piece):
            at = self._outside(piece, at) if self._begin is None else self._inside(piece, at)
        self._offset += len(piece)

    def _outside(self, piece: bytes, at: int) -> int:
        """Up to behind the next quote; where we are then."""
        quote = piece.find(_QUOTE, at)
        end = len(piece) if quote < 0 else quote + 1
        self._text += piece[at:end]
        if quote >= 0:
            self._begin, self._kept = self._offset + end, len(self._text)
        return end

    def _inside(self, piece: bytes, at: int) -> int:
        """Up to behind the string's end, or to the slice's; where we are then."""
        end = self._string_end(piece, at)
        self._keep(piece[at:end])
        if end == len(piece):
            return end
        self._close(self._offset + end)
        return end + 1

    def _string_end(self, piece: bytes, at: int) -> int:
        """Of its quote, or the slice's."""
        found = _INSIDE.match(piece, at + self._is_escaped)
        end = found.end() if found else len(piece)
        self._is_escaped = end < len(piece) and piece[end] != _QUOTE
        return len(piece) if self._is_escaped else end

    def _keep(self, part: bytes) -> None:
        if self._cut_at is None:
            self._text += part
            if len(self._text) - self._kept > LONG:
                self._cut()

    def _cut(self) -> None:
        assert self._begin is not None
        head = self._text[self._kept : self._kept + _HEAD]
        stays = _HEAD if head.isascii() and b"\\" not in head else 0
        self._cut_at = self._begin + stays
        del self._text[self._kept + stays :]

    def _close(self, end: int) -> None:
        if self._cut_at is not None:
            self._text += self._nonce + b"%0*d" % (_DIGITS, len(self._cuts))
            self._cuts.append(range(self._cut_at, end))
        self._text += b'"'
        self._begin = self._cut_at = None
