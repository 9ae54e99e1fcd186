"""Cuts what outside programs wrote to what a person reads: nothing that they fill may grow endlessly.

Every excerpt of a line says how much was left out. Sizes are in characters. Pure.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

LINE = 1_000  # of one line of a log
PARSED = 2_000  # of a line of a log that says something to us: no number in it is longer, no search takes long
MESSAGE = 2_000  # of a sentence that quotes somebody
NAME = 200  # of a name that somebody else gave
LOG = 4_000  # of all lines together that go with a failure
LOG_LINES = 20
PROBLEMS = 16_000  # of all further lines of an error: problems of a file, words of a program
_MARK = 50  # room for the words about what was left out


def line(text: str, most: int = LINE) -> str:
    """The text, or its beginning and its end with the number of characters left out between them."""
    if len(text) <= most:
        return text
    kept = max(most - _MARK, 2)
    head, tail = kept - kept // 4, kept // 4
    return f"{text[:head]} … ({len(text) - kept:,} characters left out) … {text[-tail:]}"


def name(text: str) -> str:
    """A name that can be shown: cut as `line` does, without control characters for a terminal."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return line(printable.strip(), NAME)


def first(lines: Sequence[str], most: int = PROBLEMS) -> tuple[str, ...]:
    """The first lines that have room in `most` characters, each cut; then how many are missing."""
    found: list[str] = []
    for text in lines:
        cut = line(text)
        most -= len(cut)
        if most < 0:
            return (*found, f"… and {len(lines) - len(found):,} lines more")
        found.append(cut)
    return tuple(found)


class LogTail:
    """The last lines of a log: at most so many, of at most so many characters together."""

    def __init__(self, lines: int, characters: int) -> None:
        self._lines: deque[str] = deque()
        self._most_lines, self._most = lines, characters
        self._size = 0

    def append(self, text: str) -> None:
        """Remember this line, cut, and forget the oldest ones for it."""
        cut = line(text)
        self._lines.append(cut)
        self._size += len(cut)
        while len(self._lines) > self._most_lines or self._size > self._most:
            self._size -= len(self._lines.popleft())

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def last(lines: Iterable[str], count: int = LOG_LINES, most: int = LOG) -> tuple[str, ...]:
    """The last lines, at most `count` of at most `most` characters together, each cut."""
    tail = LogTail(count, most)
    for text in lines:
        tail.append(text)
    return tuple(tail)
