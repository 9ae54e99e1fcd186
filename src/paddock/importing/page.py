"""A models.conf in the making: lines that know where they came from, and what could not be carried over.

Whatever the sources hold, the page ends as a file that `paddock check` accepts: `healed` has it read
as the daemon would, and turns what does not pass into comments, each with its reason. Pure.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from paddock.config.profile import Problem
from paddock.importing.tails import trimmed
from paddock.llama.flags import FlagSet

Kind = Literal["lost", "changed", "look"]
Problems = Callable[[str], Sequence[Problem]]
_NO_FILE = "no such file: "
GAP = "\n"  # among comments: an empty line
_LAYERS, _ALL_LAYERS = "numeric-gpu-layers", 99  # what people write for "all"
_OLD = "old-spelling"


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
        page.lines += [*map(remark, rest), PageLine("")]
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


# ---- until it passes ----


def healed(page: Page, problems_of: Problems, flags: FlagSet | None) -> Page:
    """The page with what `paddock check` would refuse turned into comments.

    Its warnings become notes.
    """
    page = Page(list(page.lines), list(page.notes))
    while bad := _by_line(problems_of(page.text)):
        before = page.text
        _take_out(page, bad, flags)
        if page.text == before:  # nothing that we could cure
            break
    _mend_spellings(page, problems_of(page.text), flags)
    for problem in problems_of(page.text):
        if problem.line and not problem.fails_check:
            _mend_or_note(page, problem)
    return page


def _mend_spellings(page: Page, problems: Sequence[Problem], flags: FlagSet | None) -> None:
    """Replace old spellings by those of the build, the last line first."""
    old = {p.line: p for p in problems if p.code == _OLD and p.line}
    for number, problem in sorted(old.items(), reverse=True):
        index = number - 1
        if problem.key.lower() == "extra_args":
            _trim(page, index, problem, flags)
            continue
        line = page.lines[index]
        new = problem.hint.removeprefix("write ") if problem.hint.startswith("write ") else ""
        page.note(line.source or line.text, problem.message, "changed")
        page.lines[index] = replace(line, text=new or f"# {line.text}")


def _mend_or_note(page: Page, problem: Problem) -> None:
    """Replace 99 layers, which keep fit from moving any, by `auto`; note all other warnings."""
    line = page.lines[problem.line - 1]
    key, _, value = (part.strip() for part in line.text.partition("="))
    if problem.code == _LAYERS and value.isdecimal() and int(value) >= _ALL_LAYERS:
        page.lines[problem.line - 1] = replace(line, text=f"{key} = auto")
        why = f"{value} keeps fit from moving layers: it is `auto` now"
        page.note(line.source or line.text, why, "changed")
    else:
        page.note(line.source or line.text, _reason(problem), "look")


def _by_line(problems: Iterable[Problem]) -> dict[int, Problem]:
    """The first grave problem of each line, the last line first, so that line numbers stay valid."""
    found: dict[int, Problem] = {}
    for problem in problems:
        if problem.fails_check and problem.line:
            found.setdefault(problem.line, problem)
    return dict(sorted(found.items(), reverse=True))


def _take_out(page: Page, bad: dict[int, Problem], flags: FlagSet | None) -> None:
    first = len(page.notes)
    for number, problem in bad.items():
        index = number - 1
        if page.lines[index].text.startswith("#"):  # its section left meanwhile
            continue
        if page.lines[index].is_header or _is_model(problem):
            _drop_section(page, index, problem)
        elif problem.key.lower() == "extra_args":
            _trim(page, index, problem, flags)
        else:
            _drop(page, index, _missing(problem)[1])
    page.notes[first:] = reversed(page.notes[first:])


def _is_model(problem: Problem) -> bool:
    return problem.kind == "file" and problem.key.lower() in ("model", "llama_arg_model")


def _reason(problem: Problem) -> str:
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message


def _missing(problem: Problem) -> tuple[str, str]:
    """Whether the problem is a missing file, and the reason, in the same words for all."""
    _, found, path = problem.message.partition(_NO_FILE)
    if not found:
        return "", _reason(problem)
    return (
        path,
        f"no such file ({problem.hint})" if "did you mean" in problem.hint else "no such file",
    )


def _drop(page: Page, index: int, why: str) -> None:
    line = page.lines[index]
    key, _, value = (part.strip() for part in line.text.partition("="))
    is_file = why.startswith("no such file")
    page.note(line.source or line.text, why, what=f"{key} {value}" if is_file else key)
    page.lines[index] = replace(line, text=f"# {line.text}")


def _drop_section(page: Page, index: int, problem: Problem) -> None:
    """Turn the whole section into comments, from its header on."""
    first = next(i for i in range(index, -1, -1) if page.lines[i].is_header)
    header = page.lines[first]
    what, why = _missing(problem)
    page.note(header.source or header.text, why, what=f"{header.text} {what}".strip())
    while True:
        line = page.lines[first]
        is_ours = line.text and not line.text.startswith(("#", ";"))
        page.lines[first] = replace(line, text=f"# {line.text}") if is_ours else line
        first += 1
        if first == len(page.lines) or page.lines[first].is_header:
            return


def _trim(page: Page, index: int, problem: Problem, flags: FlagSet | None) -> None:
    """Remove only the wrong flags from a command line."""
    line = page.lines[index]
    key, _, value = line.text.partition("=")
    kept, complaints = trimmed(value.strip(), flags, problem.flag, _reason(problem))
    if not complaints and shlex.split(kept) == shlex.split(value):
        _drop(page, index, _reason(problem))
        return
    for words, why, is_lost in complaints:
        kind: Kind = "lost" if is_lost else "changed"
        page.note(line.source or line.text, why, kind, f"{key.strip()}: {words}")
    page.lines[index] = replace(line, text=f"{key.rstrip()} = {kept}")
    if complaints:
        page.lines.insert(index, PageLine(f"# was: {line.text}", line.source))
