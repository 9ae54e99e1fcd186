"""Finds the known word that was probably meant by an unknown one. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

_LETTERS = 4  # of a word, for each slip that it may hold
_LONGEST = 200  # letters of a word that are looked at
_ALIKE = 0.5  # of difflib's ratio
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


def nearest_few(word: str, known: Iterable[str], most: int) -> list[str]:
    """Up to `most` known words that are like this one, the nearest first, each once.

    Capitals do not count. One that holds the word, or is held by it, comes before those that are only alike.
    """
    low = word.casefold()[:_LONGEST]
    words = {other.casefold(): other for other in known if other}
    holding = [k for k in words if low and (low in k or (len(k) > 2 and k in low))]
    holding.sort(key=lambda k: abs(len(k) - len(low)))
    alike = get_close_matches(low, words, most, _ALIKE)
    return [words[key] for key in dict.fromkeys([*holding, *alike])][:most]


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
