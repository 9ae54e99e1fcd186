"""Command lines taken apart: each flag with its values, as keys of models.conf or as a tail. Pure."""

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from paddock.config.command_line import Complaint, groups, is_flag, read_tail, renewed, split
from paddock.config.vocabulary import RESERVED, WELL_KNOWN
from paddock.llama.flags import FlagSet

Relocate = Callable[[str, str], str]  # a flag and its value; the value with its path as it is here
_SILENT = frozenset({"--host", "--port"})  # useful only to the program that chose them
_CUT = re.compile(r"[;#]")  # where llama.cpp's own preset reader would cut a value


@dataclass(slots=True)
class Keys:
    """A command line as keys of models.conf."""

    keys: list[tuple[str, str]] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)  # words that no key could hold
    aliases: list[str] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)  # words, and why
    changed: list[tuple[str, str]] = field(default_factory=list)


def trimmed(
    text: str, flags: FlagSet | None, refused: str = "", why_refused: str = ""
) -> tuple[str, list[tuple[str, str, bool]]]:
    """The tail without what is wrong in it; each of those, the reason, and whether it is lost.

    `refused`: a flag that has to go for a reason that the tail itself does not show.
    """
    try:
        words = split(text)
    except ValueError:
        return "", [(text, "its quotes or backslashes do not match", True)]
    kept: list[str] = []
    complaints = []
    for given, group, reason in renewed(groups(words, flags), flags):
        if given and _full_name(given[0], flags) in _SILENT:
            continue
        why = _complaint(group, flags) if group else ""
        if refused and group and _full_name(group[0], flags) == refused:
            why = why or why_refused
        if why or group != given:
            explained = why or _rewritten(group, reason)
            complaints.append((shlex.join(given), explained, bool(why)))
        kept += () if why else group
    return shlex.join(kept), complaints


def _rewritten(group: Sequence[str], reason: str) -> str:
    return f"written as {' '.join(group)}" if group else f"left out: {reason}"


def _full_name(word: str, flags: FlagSet | None) -> str:
    found = (flags or WELL_KNOWN).find(word) if is_flag(word) else None
    return found[0].name if found else word


def _complaint(group: Sequence[str], flags: FlagSet | None) -> str:
    shown = [
        one
        for one in read_tail(shlex.join(group), flags)
        if isinstance(one, Complaint) and one.is_error
    ]
    return "; ".join(f"{c.message} ({c.hint})" if c.hint else c.message for c in shown)


def as_keys(words: Sequence[str], flags: FlagSet | None, place: Relocate) -> Keys:
    """Every flag as a key where a key can hold it, each once; the last of a flag counts."""
    out = Keys()
    for given, group, why in renewed(groups(words, flags), flags):
        if group != given:
            out.changed.append((shlex.join(given), _rewritten(group, why)))
        if group:
            _sort(group, out, flags, place)
    return out


def key_of(given: tuple[str, ...], flags: FlagSet | None) -> str:
    """The key for a flag of a command line."""
    newest = renewed([given], flags)[0][1] or given
    return _full_name(newest[0], flags).removeprefix("--")


def _sort(group: tuple[str, ...], out: Keys, flags: FlagSet | None, place: Relocate) -> None:
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
