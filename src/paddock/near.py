"""Finds the known word that was probably meant by an unknown one. Pure."""

from collections.abc import Iterable

_LETTERS = 4  # of a word, for each slip that it may hold
_MOST = 3  # slips: with more it is another word


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that differs by the fewest slips; the first of several, None if none is near.

    A slip is a letter too many, too few, another one, or two in the wrong order.
    """
    allowed = min(_MOST, len(word) // _LETTERS) or int(len(word) > 2)
    found: tuple[int, str] | None = None
    for other in known:
        if abs(len(other) - len(word)) <= allowed:
            slips = _slips(word, other)
            if slips <= allowed and (found is None or slips < found[0]):
                found = slips, other
    return found[1] if found else None


def _slips(one: str, other: str) -> int:
    """The optimal string alignment distance."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        new = [i]
        for j, b in enumerate(other, start=1):
            cost = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            new.append(cost)
        before, row = row, new
    return row[-1]
