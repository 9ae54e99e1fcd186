"""Command lines taken apart: each flag with its values, as keys of models.conf or as a tail. Pure."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from paddock.config.command_line import Complaint, read_tail
from paddock.config.vocabulary import RESERVED, SUCCESSORS, WELL_KNOWN
from paddock.llama.flags import FlagSet

Place = Callable[[str, str], str]  # a flag and its value; the value with its path as it is here
_SILENT = frozenset({"--host", "--port"})  # of no use to anybody but the program that chose them
_CUT = re.compile(r"[;#]")  # where llama.cpp's own preset reader would cut a value


@dataclass(slots=True)
class Keys:
    """What a command line says, in the words of models.conf."""

    keys: list[tuple[str, str]] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)  # words that no key could hold
    aliases: list[str] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)  # words, and why
    changed: list[tuple[str, str]] = field(default_factory=list)


def groups(words: Sequence[str], flags: FlagSet | None) -> Iterator[tuple[str, ...]]:
    """Each flag with its values; a word that belongs to none stands alone."""
    rest = list(words)
    while rest:
        count = 1 + (_values(rest, flags) if is_flag(rest[0]) else 0)
        yield tuple(rest[:count])
        del rest[:count]


def is_flag(word: str) -> bool:
    """A dash and no number: `-1` is a value."""
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit() and word[1] != "."


def _values(words: Sequence[str], flags: FlagSet | None) -> int:
    known = flags or WELL_KNOWN
    found, after = known.find(words[0]), words[1:]
    most = found[0].arity if found else len(after)
    count = 0
    for word in after[:most]:
        if is_flag(word) and (not found or known.find(word)):
            break
        count += 1
    return count


def trimmed(text: str, flags: FlagSet | None) -> tuple[str, list[tuple[str, str, bool]]]:
    """The tail without what is wrong in it; each of those, the reason, and whether it is lost."""
    try:
        words = shlex.split(text)
    except ValueError:
        return "", [(text, "its quotes or backslashes do not match", True)]
    kept: list[str] = []
    complaints = []
    for group in groups(words, flags):
        if _full_name(group[0], flags) in _SILENT:
            continue
        successor = _successor(group, flags)
        why = _complaint(successor or group, flags)
        if why or successor:
            told = why or f"written as {' '.join(successor)}"
            complaints.append((shlex.join(group), told, bool(why)))
        kept += () if why else successor or group
    return shlex.join(kept), complaints


def _complaint(group: Sequence[str], flags: FlagSet | None) -> str:
    told = [one for one in read_tail(shlex.join(group), flags) if isinstance(one, Complaint)]
    return "; ".join(f"{c.message} ({c.hint})" if c.hint else c.message for c in told)


def _successor(group: Sequence[str], flags: FlagSet | None) -> tuple[str, ...]:
    """What newer builds have instead of a flag that this one lacks."""
    new = SUCCESSORS.get(group[0].lstrip("-").lower())
    is_gone = flags is not None and new is not None and not flags.find(group[0])
    return (f"--{new[0]}", *new[1:]) if is_gone and new else ()


def as_keys(words: Sequence[str], flags: FlagSet | None, place: Place) -> Keys:
    """Every flag as a key where a key can hold it, each once; the last of a flag counts."""
    out = Keys()
    for group in groups(words, flags):
        _sort(group, out, flags, place)
    return out


def _full_name(word: str, flags: FlagSet | None) -> str:
    found = (flags or WELL_KNOWN).find(word) if is_flag(word) else None
    return found[0].name if found else word


def key_of(given: tuple[str, ...], flags: FlagSet | None) -> str:
    """Under which key a flag of a command line is written."""
    return _full_name((_successor(given, flags) or given)[0], flags).removeprefix("--")


def _sort(given: tuple[str, ...], out: Keys, flags: FlagSet | None, place: Place) -> None:
    group = _successor(given, flags) or given
    if group != given:
        out.changed.append((shlex.join(given), f"written as {' '.join(group)}"))
    name = _full_name(group[0], flags)
    if name == "--alias":
        out.aliases += [part.strip() for part in ",".join(group[1:]).split(",") if part.strip()]
    elif RESERVED.fullmatch(name):
        if name not in _SILENT:
            out.lost.append((name, "Paddock sets it itself for every profile"))
    elif why := _complaint(group, flags):
        out.lost.append((shlex.join(group), why))
    else:
        placed = (group[0], *(place(name, value) for value in group[1:]))
        _keep(placed, out, flags)


def _keep(group: tuple[str, ...], out: Keys, flags: FlagSet | None) -> None:
    found = flags.find(group[0]) if flags else None
    if group[0] in out.tail or not found or not _fits_a_line(group[1:]) or found[0].arity > 1:
        out.tail += group
        return
    spec, negated = found
    key = spec.name.removeprefix("--")
    before = next((i for i, (name, _) in enumerate(out.keys) if name == key), None)
    value = group[1] if spec.arity else "false" if negated else "true"
    if before is None:
        out.keys.append((key, value))
    elif spec.accumulates:  # a key may stand only once, and a tail's flags go over it
        out.tail += [group[0], out.keys.pop(before)[1], *group]
    else:
        out.changed.append((key, f"given twice: {value} counts, {out.keys[before][1]} does not"))
        out.keys[before] = (key, value)


def _fits_a_line(values: Sequence[str]) -> bool:
    return all(
        value == value.strip() and value.isprintable() and value and not _CUT.search(value)
        for value in values
    )
