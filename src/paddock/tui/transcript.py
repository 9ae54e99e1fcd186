"""The lines of a log that are kept, which of them are shown, and where words stand in them. Pure."""

from collections.abc import Iterable, Iterator
from itertools import chain

KEPT = 20_000  # lines: more than anybody scrolls, few MB
HEADING = "── "  # a line that says whose lines follow: `── glm.3, begun 2026-11-25T09:12:40Z ──`
_SPARE = 2_000  # more than `KEPT` until the oldest go, so that they go seldom


class Transcript:
    """Grows at its end, forgets at its beginning.

    `wanted` leaves only lines with these words in `shown`; `sought` are words to be found among those.
    Neither minds upper and lower case.
    """

    def __init__(self, *, kept: int = KEPT, spare: int = _SPARE) -> None:
        self.shown: list[str] = []
        self.wanted = self.sought = ""
        self._lines: list[str] = []
        self._kept, self._spare = kept, spare

    def add(self, lines: Iterable[str]) -> int:
        """Take these in; how many rows of `shown` were forgotten for it."""
        for line in lines:
            self._lines.append(line)
            if self._is_wanted(line):
                self.shown.append(line)
        return self._forget() if len(self._lines) > self._kept + self._spare else 0

    def clear(self) -> None:
        """Forget all lines, but not what is looked for."""
        self._lines.clear()
        self.shown.clear()

    def show_only(self, words: str) -> None:
        """Leave only lines with these words; none: all."""
        self.wanted = words.lower()
        self.shown = [line for line in self._lines if self._is_wanted(line)]

    def seek(self, words: str) -> None:
        self.sought = words.lower()

    def found(self) -> list[int]:
        """The rows in which the sought words stand."""
        if not self.sought:
            return []
        return [row for row, line in enumerate(self.shown) if self.sought in line.lower()]

    def next_after(self, row: int, *, step: int = 1) -> int | None:
        """The next row with the sought words after this one (step -1: before it), round the end."""
        rows = range(len(self.shown))
        onward = (
            chain(rows[row + 1 :], rows)
            if step > 0
            else chain(rows[: max(row, 0)][::-1], rows[::-1])
        )
        if not self.sought:
            return None
        return next((found for found in onward if self.sought in self.shown[found].lower()), None)

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        """Where the sought words stand in a line: begins and ends."""
        lowered, length = line.lower(), len(self.sought)
        begin = lowered.find(self.sought) if length and len(lowered) == len(line) else -1
        while begin >= 0:
            yield begin, begin + length
            begin = lowered.find(self.sought, begin + length)

    def speaker_before(self, row: int) -> str:
        """Whose line that before this row is: of the nearest heading `glm`, without the instance's number."""
        for line in reversed(self.shown[:row]):
            if line.startswith(HEADING) and ", begun " in line:
                return line.removeprefix(HEADING).partition(", begun ")[0].rpartition(".")[0]
        return ""

    def _is_wanted(self, line: str) -> bool:
        return not self.wanted or self.wanted in line.lower()

    def _forget(self) -> int:
        old = self._lines[: -self._kept]
        del self._lines[: -self._kept]
        gone = sum(self._is_wanted(line) for line in old)
        del self.shown[:gone]
        return gone
