"""Which profiles fit together: sentences for a few, a matrix for more. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from paddock.api.placement import Pair

_FEW = 6  # pairs: of four profiles
_FEW_ALONE = 2  # profiles that do not fit even alone, each with its sum
_SPACED = 12  # profiles in columns of three cells; more get one cell each
_WIDTH, _GAP = 100, "   "  # of two halves side by side
_FITS, _EXCLUDES, _ITSELF = "●", "·", " "


def lines_of(pairs: Sequence[Pair], too_large: Mapping[str, str] | None = None) -> Iterator[str]:
    """The pairs of some profiles, each once, in the order of models.conf.

    `too_large`: why some do not fit even alone; their pairs are left out.
    """
    alone = too_large or {}
    yield from _alone(alone)
    pairs = [pair for pair in pairs if pair.one not in alone and pair.other not in alone]
    if not pairs:
        return
    apart = [pair for pair in pairs if not pair.fits]
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.one, pair.other)))
    yield ""
    if len(pairs) <= _FEW:
        yield from _sentences(pairs, apart)
    elif not apart:
        yield f"any two of these {len(names)} fit together"
    elif len(apart) == len(pairs):
        yield f"no two of these {len(names)} fit together"
    else:
        yield f"fit together ({_FITS}) or exclude each other ({_EXCLUDES}):"
        yield from _matrix(names, {frozenset((p.one, p.other)): p.fits for p in pairs})
    if apart and len(pairs) > _FEW:
        yield from _most_frequent(apart)


def _alone(too_large: Mapping[str, str]) -> Iterator[str]:
    """Those that are too large by themselves; the sum of each of a few, else of the first."""
    if not too_large:
        return
    yield ""
    if len(too_large) <= _FEW_ALONE:
        yield from (f"too large by itself: {name} ({why})" for name, why in too_large.items())
    else:
        (name, why) = next(iter(too_large.items()))
        yield f"too large by themselves: {', '.join(too_large)}"
        yield f"for example {name}: {why}"


def _sentences(pairs: Sequence[Pair], apart: Sequence[Pair]) -> Iterator[str]:
    if together := [f"{pair.one} + {pair.other}" for pair in pairs if pair.fits]:
        yield f"fit together: {', '.join(together)}"
        yield from [""] if apart else []
    if apart:
        yield "exclude each other:"
        width = max(len(f"{pair.one} + {pair.other}") for pair in [*apart])
        yield f"{'PAIR':{width}}  BECAUSE"
        yield from (f"{f'{pair.one} + {pair.other}':{width}}  {pair.why}" for pair in apart)


def _matrix(names: Sequence[str], fits: dict[frozenset[str], bool]) -> Iterator[str]:
    """A row and a column for each profile; the numbers of the columns are those of the rows."""
    cell = 3 if len(names) <= _SPACED else 1
    width = max(map(len, names))
    digits = len(str(len(names)))
    margin = " " * (digits + 1 + width)
    numbers = [str(number) for number in range(1, len(names) + 1)]
    if cell > 1:
        head = [margin + "".join(f"{number:>{cell}}" for number in numbers)]
    else:  # digits one below the other
        head = [
            margin + " " + "".join(n.rjust(digits)[at] for n in numbers) for at in range(digits)
        ]
    rows = []
    for number, name in zip(numbers, names, strict=True):
        marks = (_mark(name, other, fits) for other in names)
        row = "".join(f"{mark:>{cell}}" for mark in marks)
        gap = "" if cell > 1 else " "
        rows.append(f"{number:>{digits}} {name:{width}}{gap}{row}")
    yield from (line.rstrip() for line in _halved(head, rows, is_long=cell == 1))


def _halved(head: Sequence[str], rows: Sequence[str], *, is_long: bool) -> list[str]:
    """Both halves of a long matrix side by side, where a screen is wide enough."""
    if not is_long or 2 * len(rows[0]) + len(_GAP) > _WIDTH:
        return [*head, *rows]
    half = (len(rows) + 1) // 2
    left, right = rows[:half], [*rows[half:], ""][:half]
    twice = [f"{line}{_GAP}{line}" for line in head]
    return [*twice, *(f"{one}{_GAP}{other}" for one, other in zip(left, right, strict=True))]


def _mark(name: str, other: str, fits: dict[frozenset[str], bool]) -> str:
    if name == other:
        return _ITSELF
    return _FITS if fits[frozenset((name, other))] else _EXCLUDES


def _most_frequent(apart: Sequence[Pair]) -> Iterator[str]:
    """One sum as an example, and where all of them are."""
    by_name = Counter(name for pair in apart for name in (pair.one, pair.other))
    [(name, _)] = by_name.most_common(1)
    pair = next(pair for pair in apart if name in (pair.one, pair.other))
    yield f"for example {pair.one} + {pair.other}: {pair.why} (`paddock plan {name} --pairs` shows all of {name})"
