"""What `[*]` of a llama-swap file begins with, and the comments of its macros. Pure."""

import shlex
from collections.abc import Iterator, Sequence

from paddock.importing.key_comments import KeyComments
from paddock.importing.macros import Macros
from paddock.importing.page import GAP, Section
from paddock.importing.swap_command import comments_in
from paddock.importing.tails import groups, is_flag, key_of
from paddock.importing.yaml_file import mapping, text_of
from paddock.llama.flags import FlagSet


class Shared:
    def __init__(self, comments: KeyComments, macros: Macros, head: list[str]) -> None:
        self._comments, self._file, self._macros = comments, comments.file, macros
        self._head = head

    def section(self) -> Section:
        """`[*]` with what llama-swap itself says for all models."""
        out = Section("*", self._file.where())
        if (ttl := self._macros.expand(text_of(self._file.value.get("globalTTL")))) not in (
            "",
            "0",
        ):
            comments = self._comments.above("globalTTL")
            out.add("ttl", ttl, self._file.where("globalTTL"), comments)
        return out

    def comment(self, section: Section, engines: Sequence[FlagSet | None]) -> None:
        """The head of the file, and what was said of macros: at the keys that they held, else below them."""
        macros = mapping(self._file.value.get("macros"))
        section.comments = [*self._head, *([GAP] if self._head else [])]
        section.comments += self._comments.above("macros")
        for name, value in macros.items():
            found = self._comments.above("macros", name) + comments_in(text_of(value))
            if found:
                self._attach(
                    section, list(_keys(self._macros.expand(text_of(value)), engines)), found
                )

    def _attach(self, section: Section, keys: list[str], found: list[str]) -> None:
        entry = next((e for e in section.keys if e.key in keys), None)
        (entry.comments if entry else section.after).extend(found)


def _keys(text: str, engines: Sequence[FlagSet | None]) -> Iterator[str]:
    """The keys that the flags of a macro became."""
    real = " ".join(line for line in text.split("\n") if not line.strip().startswith("#"))
    try:
        words = shlex.split(real)
    except ValueError:
        return
    for flags in engines:
        for group in groups(words, flags):
            if is_flag(group[0]):
                yield key_of(group, flags)
