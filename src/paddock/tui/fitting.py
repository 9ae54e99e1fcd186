"""What to shorten where a line has too little room: names and sentences, never a figure. Pure."""

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

_LEAST_NAME = 4  # cells; shorter ones say nothing
_WORD_ENDS = re.compile(r"[,;:.]?(\s|$)")


def name_within(name: str, room: int) -> str:
    """The name in so many cells at most, cut at its end."""
    text = Text(name)
    text.truncate(max(room, 0), overflow="ellipsis")
    return text.plain


def names_within(
    labelled: Sequence[tuple[str, str]], room: int, separator: str = " · "
) -> list[str]:
    """Names with their figures in lines of so many cells: the longest names are cut first; where that is not
    enough, more lines."""
    widths = [cell_len(name) for name, _ in labelled]
    spare = room - cell_len(separator.join(_labelled(labelled, widths)))
    while spare < 0 and max(widths, default=0) > _LEAST_NAME:
        widths[widths.index(max(widths))] -= 1
        spare += 1
    lines: list[str] = []
    for part in _labelled(labelled, widths):
        if lines and cell_len(joined := f"{lines[-1]}{separator}{part}") <= room:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def _labelled(labelled: Sequence[tuple[str, str]], widths: Sequence[int]) -> list[str]:
    return [
        " ".join(filter(None, (name_within(name, width), figure)))
        for (name, figure), width in zip(labelled, widths, strict=True)
    ]


def whole_parts(parts: Sequence[str], room: int, separator: str = ", ") -> str:
    """As many of the first parts as have room for all of their cells; `…` stands for the others."""
    text = separator.join(parts)
    for kept in range(len(parts) - 1, -1, -1):
        if cell_len(text) <= room:
            return text
        text = f"{separator.join(parts[:kept])} …".strip()
    return text if cell_len(text) <= room else ""


def cut(text: Text, room: int) -> Text:
    """A sentence in so many cells at most; a figure that would lose a digit or its unit is left out."""
    if text.cell_len <= room:
        return text
    kept = text.copy()
    kept.truncate(max(room - 1, 0))
    plain = kept.plain.rstrip()
    behind = text.plain[len(plain) :]
    is_within = not _WORD_ENDS.match(behind)
    words = plain.split(" ")
    if is_within and len(words) > 1 and _has_digit(words[-2]) and not _has_digit(words[-1]):
        words = words[:-2]  # `12.4 Gi`
    elif _has_digit(words[-1]) and (is_within or behind[:1].isspace()):
        words = words[:-1]  # `12.`, or `12.4` whose unit is cut off
    return kept[: len(" ".join(words).rstrip(" ,;:·"))].append("…")


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
