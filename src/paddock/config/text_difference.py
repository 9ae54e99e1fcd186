"""The difference of two texts, line by line, as people read it. Pure."""

import io
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

_AROUND = 3  # lines shown before and after a change
_MOST = 1_500  # lines that are compared one with another: some texts would take minutes beyond it


def unified(before: str, after: str) -> list[str]:
    """Lines with ` `, `-` or `+` in front, below `@@ -1,4 +1,5 @@` for each place; empty if they are the same.

    A line that ends otherwise (`\\r\\n`), or has no end, says so behind it.
    """
    old, new = _lines(before), _lines(after)
    return [line for group in _groups(_operations(old, new)) for line in _hunk(group, old, new)]


def _lines(text: str) -> list[str]:
    """As models.conf is read: `splitlines` ends lines at further characters."""
    return list(io.StringIO(text, newline=""))


Operation = tuple[str, int, int, int, int]  # as difflib gives them


def _operations(old: Sequence[str], new: Sequence[str]) -> list[Operation]:
    """What is the same at both ends is not searched; a middle that is too long counts as all new."""
    head = _same(old, new)
    tail = _same(old[head:][::-1], new[head:][::-1])
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    found: list[Operation] = [("equal", 0, head, 0, head)] if head else []
    if max(len(a), len(b)) > _MOST:
        found.append(("replace", head, head + len(a), head, head + len(b)))
    else:
        middle = SequenceMatcher(None, a, b).get_opcodes()
        found += [(tag, i + head, j + head, k + head, n + head) for tag, i, j, k, n in middle]
    if tail:
        found.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return found


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """How many they have in common from the start."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _groups(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Changes that are near each other together, each with the lines around it."""
    group: list[Operation] = []
    for tag, i, j, k, n in operations:
        if tag != "equal":
            group.append((tag, i, j, k, n))
        elif group and j - i > 2 * _AROUND:
            yield [*group, (tag, i, i + _AROUND, k, k + _AROUND)]
            group = [(tag, j - _AROUND, j, n - _AROUND, n)]
        elif not group:
            group = [(tag, max(i, j - _AROUND), j, max(k, n - _AROUND), n)]
        else:
            group.append((tag, i, j, k, n))
    if any(tag != "equal" for tag, *_ in group):
        tag, i, j, k, n = group[-1]
        if tag == "equal":
            group[-1] = (tag, i, min(j, i + _AROUND), k, min(n, k + _AROUND))
        yield group


def _hunk(group: Sequence[Operation], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    (_, i, _, k, _), (_, _, j, _, n) = group[0], group[-1]
    yield f"@@ -{_range(i, j)} +{_range(k, n)} @@"
    for tag, a, b, c, d in group:
        if tag == "equal":
            yield from (f" {_shown(line)}" for line in old[a:b])
        else:
            yield from (f"-{_shown(line)}" for line in old[a:b])
            yield from (f"+{_shown(line)}" for line in new[c:d])


def _range(begin: int, end: int) -> str:
    return f"{begin + 1},{end - begin}" if end > begin else f"{begin},0"


def _shown(line: str) -> str:
    text = line.rstrip("\r\n")
    end = line[len(text) :]
    return text + {"\n": "", "\r\n": " ␍␊", "\r": " ␍", "": " (no line end)"}.get(end, "")
