"""What the profiles of a page have in common goes into `[*]`, once. Pure.

A profile that lacks what nearly all others have removes it again by an empty value, which
models.conf understands; it is worth that only where it saves many lines.
"""

import shlex
from collections import Counter
from collections.abc import Sequence

from paddock.config.command_line import groups, is_flag
from paddock.importing.page import PageEntry, PageSection
from paddock.importing.tails import key_of
from paddock.llama.flags import FlagSet

# What belongs to one profile, whatever others say.
_OWN = frozenset({"model", "mmproj", "aliases", "name", "description", "preload", "priority"})
_TAIL = "EXTRA_ARGS"
_FEW = 8  # one profile in so many may lack what is shared


def share(
    sections: Sequence[PageSection], shared: PageSection, engines: Sequence[FlagSet | None]
) -> None:
    """Move it. A key that one of these engines does not have stays where it is."""
    known = {entry.key for entry in shared.keys}
    for key, is_off in _candidates(sections):
        if key.lower() not in _OWN and key not in known and _is_known(key, engines):
            _share(key, sections, shared, engines, is_off=is_off)
    for entry in list(shared.keys):
        _drop_repeated(entry, sections)


def _candidates(sections: Sequence[PageSection]) -> list[tuple[str, bool]]:
    """Every key in the order in which they come first."""
    return list(dict.fromkeys((e.key, e.is_off) for s in sections for e in s.keys))


def _is_known(key: str, engines: Sequence[FlagSet | None]) -> bool:
    """Keys of ours, which no engine knows, are known to all."""
    found = [bool(flags and flags.find(key)) for flags in engines]
    return all(found) or not any(found)


def _share(
    key: str,
    sections: Sequence[PageSection],
    shared: PageSection,
    engines: Sequence[FlagSet | None],
    *,
    is_off: bool,
) -> None:
    held = [(section, _of(section, key, is_off=is_off)) for section in sections]
    counts = Counter(entry.value for _, entry in held if entry)
    value, count = counts.most_common(1)[0]
    lacking = [
        section for section, entry in held if not entry and not _is_in_tail(section, key, engines)
    ]
    if not _is_worth_it(count, len(lacking), len(sections), key, is_off=is_off):
        return
    if key == _TAIL and any(_is_in_tail(s, e.key, engines) for s in sections for e in s.keys):
        return  # there a key of a profile goes over it, which it did not before
    source = next(entry.source for _, entry in held if entry and entry.value == value)
    shared.add(key, value, source, is_off=is_off)
    if count == len(sections):
        _take_comments(shared.keys[-1], [entry for _, entry in held if entry])
    for section, entry in held:
        if entry and entry.value == value:
            _remove(section, entry)
    for section in lacking:
        section.add(key, "", section.source)


def _take_comments(shared: PageEntry, entries: Sequence[PageEntry]) -> None:
    """Move a comment with its key if all profiles have the same one; otherwise each keeps its own."""
    comments = {tuple(entry.comments) for entry in entries if entry.comments}
    if len(comments) == 1:
        shared.comments += comments.pop()
        for entry in entries:
            entry.comments = []


def _is_worth_it(count: int, lacking: int, all_: int, key: str, *, is_off: bool) -> bool:
    if all_ < 2 or count * 2 <= all_:
        return False
    if (
        is_off or key == _TAIL
    ):  # a comment takes nothing away; a tail takes all of the shared one away
        return count == all_
    return lacking * _FEW <= all_


def _of(section: PageSection, key: str, *, is_off: bool) -> PageEntry | None:
    return next((e for e in section.keys if e.key == key and e.is_off is is_off), None)


def _remove(section: PageSection, entry: PageEntry) -> None:
    """Its comments stay in the profile, above what follows it."""
    at = section.keys.index(entry)
    del section.keys[at]
    if entry.comments and at < len(section.keys):
        section.keys[at].comments[:0] = entry.comments
    else:
        section.after[:0] = entry.comments


def _is_in_tail(section: PageSection, key: str, engines: Sequence[FlagSet | None]) -> bool:
    """Whether the profile's own command line sets the key, which overrides `[*]` anyway."""
    tail = section.entry(_TAIL)
    words = shlex.split(tail.value) if tail else []
    return any(
        key_of(group, flags) == key
        for flags in engines
        for group in groups(words, flags)
        if is_flag(group[0])
    )


def _drop_repeated(entry: PageEntry, sections: Sequence[PageSection]) -> None:
    for section in sections:
        own = _of(section, entry.key, is_off=entry.is_off)
        if own and own.value == entry.value:
            _remove(section, own)
