"""Reads an INI file into sections and entries that know their lines; knows nothing of their meaning.

configparser does the parsing. So that no key and no section can hide another, each is passed to it under a
unique name, tagged with its line; the caller judges what is given twice.
"""

import io
import re
from collections.abc import Iterable, Iterator
from configparser import ParsingError, RawConfigParser
from dataclasses import dataclass, replace
from pathlib import Path

from paddock.config.comments import NumberedLines
from paddock.config.profile import Problem
from paddock.plain_file import read_plain

# A comment may stand behind a header; without one, a name may hold brackets.
_HEADER = re.compile(r"\[(?P<name>[^\]]+)\](?=\s*[;#])|\[(?P<any>.+)\]")
_ANY_HEADER = re.compile(r"\[.+\]")  # indented ones are headers to configparser
_COMMENT = "#;"
_LOOKS_LIKE_KEY = re.compile(r"\n\s*([A-Za-z_][\w.-]*)\s*=|\n\s*\[")

_LONG = frozenset({"EXTRA_ARGS", "DESCRIPTION", "SYSTEM_PROMPT"})  # may go on over indented lines


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key = value`, both as typed."""

    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    line: int  # of its header; 0 for what stands before the first one
    entries: tuple[Entry, ...]
    comments: tuple[str, ...] = ()  # as typed, with their # or ;


def read_text(path: Path) -> str | Problem:
    """The file as text without a byte order mark; what is wrong where it is not UTF-8 text."""
    try:
        data = read_plain(path)
    except OSError as error:
        return Problem("error", f"cannot be read: {error.strerror}", file=str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _not_text(path, data, error.start)
    return _not_text(path, data, data.index(0)) if "\0" in text else text


def _not_text(path: Path, data: bytes, at: int) -> Problem:
    line = data[:at].count(b"\n") + 1
    return Problem(
        "error", "is not UTF-8 text", hint="save the file as UTF-8", file=str(path), line=line
    )


def lines_of(text: str) -> list[str]:
    """The lines as `parse_ini` counts them, with their ends: what else Unicode takes for one ends none."""
    return list(io.StringIO(text, newline=""))


def parse_ini(text: str, file: str) -> tuple[tuple[Section, ...], tuple[Problem, ...]]:
    """All sections in the file's order, the nameless one first, and the lines that are none of it."""
    reader = _IniReader()
    sections = tuple(reader.sections(text))
    problems = [_unreadable(file, line, literal) for line, literal in reader.unreadable]
    problems += [_indented(file, s) for s in sections if s.name and not s.line]
    problems += [p for s in sections for e in s.entries if (p := _continuation(file, s, e))]
    return tuple(_with_comments(map(_cut_short, sections), text)), tuple(problems)


def _with_comments(sections: Iterable[Section], text: str) -> Iterator[Section]:
    lines = NumberedLines(io.StringIO(text, newline=None))
    for section in sections:
        last = max((entry.line for entry in section.entries), default=section.line)
        yield replace(section, comments=lines.comments(section.line, last))


class _IniReader:
    """configparser, with every entry tagged with its line.

    It reads one section at a time: a file of thousands as a whole would take twice the memory.
    """

    def __init__(self) -> None:
        self._line = 0
        # Lines that are neither header, key nor comment.
        self.unreadable: list[tuple[int, str]] = []
        self._parser = RawConfigParser(
            delimiters=("=",),
            comment_prefixes=tuple(_COMMENT),
            inline_comment_prefixes=None,
            strict=False,
            default_section="\0",
        )
        # They would make reference cycles of the sections.
        for name in list(self._parser.converters):
            del self._parser.converters[name]
        self._parser.optionxform = self._tagged  # type: ignore[assignment, method-assign]

    def sections(self, text: str) -> Iterator[Section]:
        """All of them, in the text's order."""
        for first, lines in _parts(text):
            self._read(first, lines)
            yield from self._taken()

    def _read(self, first: int, lines: list[str]) -> None:
        try:
            self._parser.read_file(self._counted(first, lines))
        except ParsingError as error:
            self.unreadable += [(first + line - 1, literal) for line, literal in error.errors]

    def _counted(self, first: int, lines: list[str]) -> Iterator[str]:
        """The lines; an empty one for each that is none of an INI file.

        configparser would note these as well, but takes the square of their number for it: 20 minutes for
        500 KB of them (Python 3.11, `ParsingError.append`).
        """
        has_key = False  # which an indented line would go on with
        for self._line, line in enumerate(lines, start=first):
            text = line.strip()
            if not text or text[0] in _COMMENT:
                yield line
            elif _ANY_HEADER.match(text):
                has_key = False
                yield line
            elif text.partition("=")[0].strip() != "" and "=" in text:
                has_key = True
                yield line
            elif has_key and line[0].isspace():
                yield line
            else:
                self.unreadable.append((self._line, repr(line)))
                yield "\n"

    def _taken(self) -> Iterator[Section]:
        for tagged in self._parser.sections():
            line, name = _untagged(tagged)
            entries = ((*_untagged(key), value) for key, value in self._parser.items(tagged))
            yield Section(name.strip(), line, tuple(Entry(k, v, at) for at, k, v in entries))
            self._parser.remove_section(tagged)  # else a cycle keeps all of them

    def _tagged(self, key: str) -> str:
        return f"{self._line}:{key}"


def _parts(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each section's lines, and the number of the first, which is its header with that for a tag.

    What stands before the first header gets one of its own, in line 0.
    """
    first, lines = 0, ["[0:]\n"]
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if header := _HEADER.match(line):
            yield first, lines
            first, line = number, f"[{number}:{header['name'] or header['any']}]\n"  # noqa: PLW2901
            lines = []
        lines.append(line)
    yield first, lines


def _untagged(text: str) -> tuple[int, str]:
    """The name and line of an indented header, which has no tag: line 0."""
    line, colon, name = text.partition(":")
    return (int(line), name) if colon and line.isdecimal() else (0, text)


def _unreadable(file: str, line: int, literal: str) -> Problem:
    text = literal.strip().strip("'\"").removesuffix("\\n").strip()
    if text.startswith("["):
        message = f"section header without its closing bracket: {text}"
        return Problem("error", message, hint="write [name]", file=file, line=line)
    hint = "write `key = value`; comments begin with # or ;"
    return Problem("error", f"no `=` in {text!r}", hint=hint, file=file, line=line)


def _indented(file: str, section: Section) -> Problem:
    message = "the section's header is indented"
    hint = "begin it in the first column, or llama.cpp cannot read the file"
    return Problem("error", message, hint=hint, file=file, section=section.name)


def _goes_too_far(entry: Entry) -> bool:
    is_long = entry.key.upper().replace("-", "_") in _LONG
    return "\n" in entry.value and not (is_long and not _LOOKS_LIKE_KEY.search(entry.value))


def _cut_short(section: Section) -> Section:
    """The entry up to a mistaken indentation, which is one problem and not several."""
    if not any(map(_goes_too_far, section.entries)):
        return section
    entries = (
        replace(e, value=e.value.partition("\n")[0]) if _goes_too_far(e) else e
        for e in section.entries
    )
    return replace(section, entries=tuple(entries))


def _continuation(file: str, section: Section, entry: Entry) -> Problem | None:
    """The problem of a value over several lines; only command lines may have them."""
    if not _goes_too_far(entry):
        return None
    return Problem(
        "error",
        f"{entry.key} goes on over the next, indented line: {entry.value.splitlines()[1]!r}",
        hint="begin every key and section in the first column",
        file=file,
        line=entry.line,
        section=section.name,
        key=entry.key,
    )
