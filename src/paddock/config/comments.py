"""Which comments of models.conf belong to which section; they are shown, and change nothing.

Those of a section stand directly above its header, between its keys, or directly below the last
one. A comment after an empty line below the last key is a heading of the file, or another section's.
"""

from collections.abc import Iterable

_MARKS = ("#", ";")


class NumberedLines:
    """The lines of a file, counted from 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = ["", *lines]

    def comments(self, header: int, last: int) -> tuple[str, ...]:
        """Comments of the section with its header in line `header` (0: none) and its last key in `last`."""
        last = max(header, last)
        numbers = [*self._above(header), *range(header + 1, last + 1), *self._below(last)]
        return tuple(self._lines[n].strip() for n in numbers if self._is_comment(n))

    def _above(self, header: int) -> range:
        first = header
        while first > 1 and self._is_comment(first - 1):
            first -= 1
        return range(first, header)

    def _below(self, last: int) -> range:
        """Up to the next empty line, without those directly above another header."""
        end = last + 1
        while last and end < len(self._lines) and self._lines[end].strip():
            if self._is_header(end):
                return range(last + 1, max(last + 1, self._above(end).start))
            end += 1
        return range(last + 1, end)

    def _is_comment(self, number: int) -> bool:
        return self._lines[number].lstrip().startswith(_MARKS)

    def _is_header(self, number: int) -> bool:
        return self._lines[number].startswith("[")
