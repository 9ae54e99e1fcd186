"""A models.conf in the making: lines that know where they came from, and what could not be carried over.

`healing.healed` then makes it a file that `paddock check` accepts. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["lost", "changed", "look"]
GAP = "\n"  # among comments: an empty line


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know about the new file."""

    where: str  # the file, its line, and the key: `config.yaml:12 models.qwen.cmd`
    why: str  # the reason, in the same words wherever it is the same
    # changed: carried over, but not as it was; look: as it was, and questionable
    kind: Kind = "lost"
    what: str = ""  # of that place, what it is about: a flag with its value


@dataclass(frozen=True, slots=True)
class PageLine:
    """One line of the new file."""

    text: str
    source: str = ""  # where it was read

    @property
    def is_header(self) -> bool:
        return self.text.startswith("[")

    @property
    def is_key(self) -> bool:
        return "=" in self.text and not self.is_header and self.text[:1] not in ("#", ";")


@dataclass(slots=True)
class Page:
    """The lines, and the notes that belong to them."""

    lines: list[PageLine] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines).strip("\n") + "\n"

    @property
    def profiles(self) -> list[str]:
        return [e.text[1:-1] for e in self.lines if e.is_header and e.text != "[*]"]

    def note(self, where: str, why: str, kind: Kind = "lost", what: str = "") -> None:
        self.notes.append(Note(where, why, kind, what))


@dataclass(slots=True)
class PageEntry:
    """One key of a future profile."""

    key: str
    value: str
    source: str  # where it was read
    comments: list[str] = field(default_factory=list)  # above it
    is_off: bool = False  # stays in the file as a comment


@dataclass(slots=True)
class PageSection:
    """One future profile."""

    id: str
    source: str
    keys: list[PageEntry] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)  # above its header
    after: list[str] = field(default_factory=list)  # below its last key
    aliases: list[str] = field(default_factory=list)
    about_aliases: list[str] = field(default_factory=list)  # comments
    left_out: str = ""  # why it is no profile: only its comments stay

    def add(
        self,
        key: str,
        value: str,
        source: str = "",
        comments: Iterable[str] = (),
        *,
        is_off: bool = False,
    ) -> None:
        entry = PageEntry(key, plain(value), source or self.source, list(comments), is_off)
        self.keys.append(entry)

    def entry(self, key: str) -> PageEntry | None:
        """The one of this key that counts."""
        return next((e for e in self.keys if e.key == key and not e.is_off), None)


def remark(text: str) -> PageLine:
    """A comment as a line; GAP is an empty one."""
    if text == GAP:
        return PageLine("")
    kept = "".join(c if c.isprintable() else " " for c in text).rstrip()
    return PageLine(f"#{kept}" if kept.startswith("#") else f"# {kept}".rstrip())


def plain(text: str) -> str:
    """On one line, so that no value can become a line of its own."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def compose(sections: Sequence[PageSection], shared: PageSection | None = None) -> Page:
    """The page of these sections; ids and aliases that are taken are noted."""
    page = Page()
    if shared and shared.keys:
        _put(page, shared)
    elif shared and (rest := [*shared.comments, *shared.after]):
        gap = [] if rest[-1] == GAP else [PageLine("")]
        page.lines += [*map(remark, rest), *gap]
    names = {section.id for section in sections if not section.left_out}
    for section in sections:
        if section.left_out:
            why = f"[{plain(section.id)}] is left out: {section.left_out}"
            page.lines += [*map(remark, [*section.comments, why, *section.after]), PageLine("")]
        else:
            _put_aliases(page, section, names)
            _put(page, section)
    return page


def _put_aliases(page: Page, section: PageSection, taken: set[str]) -> None:
    kept = []
    for alias in dict.fromkeys(section.aliases):
        if alias in taken or "," in alias or plain(alias) != alias:
            page.note(section.source, "another profile has that name", what=f"alias {alias!r}")
        else:
            kept.append(alias)
    taken.update(kept)
    if kept:
        section.keys.insert(
            0, PageEntry("aliases", ", ".join(kept), section.source, section.about_aliases)
        )


def _put(page: Page, section: PageSection) -> None:
    page.lines += map(remark, section.comments)
    page.lines.append(PageLine(f"[{section.id}]", section.source))
    for entry in section.keys:
        page.lines += map(remark, entry.comments)
        off = "# " if entry.is_off else ""
        page.lines.append(PageLine(f"{off}{entry.key} = {entry.value}".rstrip(), entry.source))
    page.lines += map(remark, section.after)
    page.lines.append(PageLine(""))
