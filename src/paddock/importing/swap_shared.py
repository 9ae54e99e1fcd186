"""What `[*]` of a llama-swap file begins with, and the comments of its macros. Pure."""

import shlex
from collections.abc import Iterator, Sequence

from paddock.config.command_line import groups, is_flag
from paddock.importing.key_comments import KeyComments
from paddock.importing.macros import MACRO, Macros
from paddock.importing.page import GAP, PageSection
from paddock.importing.swap_command import comments_in
from paddock.importing.tails import key_of
from paddock.importing.yaml_file import mapping, text_of
from paddock.llama.flags import FlagSet


class Shared:
    def __init__(self, comments: KeyComments, macros: Macros, head: list[str]) -> None:
        self._comments, self._file, self._macros = comments, comments.file, macros
        self._head = head

    def section(self) -> PageSection:
        """`[*]` with llama-swap's settings for all models."""
        out = PageSection("*", self._file.where())
        ttl = self._macros.expand(text_of(self._file.value.get("globalTTL")))
        if ttl not in ("", "0"):
            comments = self._comments.above("globalTTL")
            out.add("ttl", ttl, self._file.where("globalTTL"), comments)
        return out

    def comment(
        self,
        section: PageSection,
        sections: Sequence[PageSection],
        engines: Sequence[FlagSet | None],
    ) -> None:
        """Put the file's head comment, and the comments of macros at their keys, in `[*]` or where first used."""
        macros = mapping(self._file.value.get("macros"))
        section.comments = [*self._head, *([GAP] if self._head else [])]
        section.comments += self._comments.above("macros")
        for name, value in reversed(list(macros.items())):
            found = self._comments.above("macros", name) + comments_in(text_of(value))
            if found:
                keys = list(_keys(text_of(value), engines))
                users = self._users(sections, name)
                is_shared = len(users) * 2 > len(sections) or not users
                _attach([section] if is_shared else [users[0], section], keys, found)

    def _users(self, sections: Sequence[PageSection], name: str) -> list[PageSection]:
        """The profiles whose commands hold the macro, directly or in another one."""
        macros = mapping(self._file.value.get("macros"))
        models = mapping(self._file.value.get("models"))
        holding = {name}
        while more := {n for n, v in macros.items() if _names(v) & holding} - holding:
            holding |= more
        return [s for s in sections if _names(mapping(models.get(s.id)).get("cmd")) & holding]


def _names(text: object) -> set[str]:
    """The macros that a text names."""
    return set(MACRO.findall(text_of(text)))


def _attach(sections: Sequence[PageSection], keys: list[str], found: list[str]) -> None:
    """At the first of these keys that one of the sections has, else below the keys of the last."""
    entries = (entry for section in sections for entry in section.keys if entry.key in keys)
    target = next((entry.comments for entry in entries), sections[-1].after)
    target[:0] = found


def _keys(text: str, engines: Sequence[FlagSet | None]) -> Iterator[str]:
    """The keys that a macro's own flags become, less those of macros in it."""
    real = " ".join(line for line in text.split("\n") if not line.strip().startswith("#"))
    try:
        words = shlex.split(real)
    except ValueError:
        return
    for flags in engines:
        for group in groups(words, flags):
            if is_flag(group[0]):
                yield key_of(group, flags)
