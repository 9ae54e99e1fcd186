"""The comments of a YAML file, and the key that each belongs to. PyYAML itself drops them."""

import bisect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from paddock.importing.yaml_text import Key, tokens

_AFTER_MARK = re.compile(r"[|>][\w+-]*[ \t]+#(.*)")  # behind the mark that begins a block of text


@dataclass(frozen=True, slots=True)
class Comment:
    text: str  # less its `#`
    line: int
    indent: int
    is_beside: bool  # behind something in its line
    follows_gap: bool  # an empty line is above it


@dataclass(frozen=True, slots=True)
class Comments:
    """By the lines of the keys: what stands above or beside a key, and what is left at the end."""

    above: Mapping[int, list[Comment]]
    beside: Mapping[int, list[Comment]]
    last: list[Comment]

    @classmethod
    def of(cls, text: str, lines: Mapping[Key, int]) -> "Comments":
        """Assign each comment: in a line of its own to the next key, beside a key to that key."""
        numbers = sorted(set(lines.values()))
        above: dict[int, list[Comment]] = {}
        beside: dict[int, list[Comment]] = {}
        last: list[Comment] = []
        for comment in found(text):
            at = bisect.bisect_left(numbers, comment.line)
            if comment.is_beside:
                at = bisect.bisect_right(numbers, comment.line) - 1
                beside.setdefault(numbers[max(at, 0)], []).append(comment)
            elif at < len(numbers):
                above.setdefault(numbers[at], []).append(comment)
            else:
                last.append(comment)
        return cls(above, beside, last)


def found(text: str) -> Iterator[Comment]:
    """Every comment, in order; a `#` inside of a value is none."""
    known = list(tokens(text))
    spans = [(start, end) for start, end, is_block in known if not is_block]
    blocks = [(start, end) for start, end, is_block in known if is_block]
    at, was_empty = 0, True
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        place = _place(line, at, spans, blocks)
        if place is not None:
            comment = line[place + 1 :].removeprefix(" ").rstrip()
            before = line[:place]
            yield Comment(comment, number, len(before), bool(before.strip()), was_empty)
        was_empty = not line.strip()
        at += len(line)


def _place(
    line: str, at: int, spans: list[tuple[int, int]], blocks: list[tuple[int, int]]
) -> int | None:
    """Where in the line its comment begins."""
    for start, end in blocks:
        if start < at < end or (start == at < end):
            return None
        if at <= start < at + len(line):
            after = _AFTER_MARK.match(line, start - at)
            return after.start(1) - 1 if after else None
    for index, character in enumerate(line):
        is_start = character == "#" and (index == 0 or line[index - 1] in " \t")
        if is_start and not any(start <= at + index < end for start, end in spans):
            return index
    return None
