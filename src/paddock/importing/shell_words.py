"""Splits a shell script into commands of unexpanded words. Pure; nothing is run.

It knows quotes, variables, substitutions, comments, arrays, redirections and here-documents, which is
what people use in scripts that start a server.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["text", "quoted", "variable", "quoted variable"]
_OPERATOR = re.compile(r"&&|\|\||;;|\|&|[;&|()\n]")
_REDIRECTION = re.compile(r"(?:\d*|&)(?:<<<|<<-?|>>|>\||[<>]&?)")
_NAME = re.compile(r"[A-Za-z_]\w*|[@*#?$!0-9-]")
_PLAIN = re.compile(r"[^\s'\"\\$`;&|()<>]+")
_QUOTED_COMMENT = re.compile(r"`\s*#([^`\n]*)`(?=\s|$)")
_PAIRS = {"(": ")", "{": "}"}


@dataclass(frozen=True, slots=True)
class WordPart:
    """A part of a word. Of a variable or a substitution: its source, from the `$` on."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Word:
    pieces: tuple[WordPart, ...]
    line: int

    @property
    def literal(self) -> str:
        """As it is written, less its quotes."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def is_bare(self) -> bool:
        """Nothing of it is quoted or expanded: only such a word can be a keyword."""
        return all(piece.kind == "text" for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment, and the number of words of its command that stand before it."""

    text: str
    after: int
    is_beside: bool = False  # in the line of the word before it, not in one of its own


@dataclass(slots=True)
class Command:
    """The words between two operators, and the comments above and among them."""

    words: list[Word] = field(default_factory=list)
    arrays: dict[str, "Command"] = field(default_factory=dict)  # NAME=( … )
    remarks: list[Remark] = field(default_factory=list)


def commands(text: str) -> Iterator[Command]:
    """Every simple command in the order of the text; keywords count as words."""
    return _WordReader(text).commands()


class _WordReader:
    def __init__(self, text: str) -> None:
        # A line that goes on is marked by half a surrogate pair, which no text of a file has.
        self._text, self._at = text.replace("\\\n", " \ud800"), 0
        self._ends: list[str] = []  # of here-documents that begin with the next line
        self._line = 1

    # ---- commands ----

    def commands(self, until: str = "") -> Iterator[Command]:
        now = Command()
        while self._at < len(self._text):
            if until and self._text[self._at] == until:
                self._at += 1
                break
            if self._blank():
                continue
            if self._comment(now) or self._quoted_comment(now) or self._redirection():
                continue
            if operator := _OPERATOR.match(self._text, self._at):
                self._operator(operator[0])
                if until and operator[0] == "\n":  # an array goes on over lines
                    continue
                if now.words or now.arrays:
                    yield now
                    now = Command()
                continue
            self._word(now)
        if now.words or now.arrays or now.remarks:
            yield now

    def _blank(self) -> bool:
        if self._text[self._at] not in " \t\r\ud800":
            return False
        self._line += self._text[self._at] == "\ud800"
        self._at += 1
        return True

    def _comment(self, now: Command) -> bool:
        if self._text[self._at] != "#":
            return False
        ends = (
            self._text.find(mark, self._at) for mark in "\n\ud800"
        )  # a backslash goes on over no comment
        end = min((one for one in ends if one >= 0), default=len(self._text))
        text = self._text[self._at + 1 : end].strip()
        if not text.startswith("!"):  # of `#!/bin/sh`
            line = self._text[self._text.rfind("\n", 0, self._at) + 1 : self._at]
            now.remarks.append(
                Remark(text, len(now.words), bool(line.rpartition("\ud800")[2].strip()))
            )
        self._at = end
        if self._text[end : end + 1] == "\ud800":
            self._text = f"{self._text[:end]}\n{self._text[end + 1 :]}"
        return True

    def _quoted_comment(self, now: Command) -> bool:
        """`` `# text` `` among the words, as people comment on a line that goes on: it gives no word."""
        found = _QUOTED_COMMENT.match(self._text, self._at)
        if found:
            now.remarks.append(Remark(found[1].strip(), len(now.words), is_beside=True))
            self._at = found.end()
        return found is not None

    def _operator(self, operator: str) -> None:
        self._at += len(operator)
        if operator == "\n":
            self._line += 1
            while self._ends:
                self._skip_document(self._ends.pop(0))

    def _redirection(self) -> bool:
        found = _REDIRECTION.match(self._text, self._at)
        if not found:
            return False
        self._at = found.end()
        while self._at < len(self._text) and self._blank():
            pass
        target = Command()
        self._word(target)
        if found[0].endswith(("<<", "<<-")) and target.words:
            self._ends.append(target.words[0].literal)
        return True

    def _skip_document(self, end: str) -> None:
        while self._at < len(self._text):
            stop = self._text.find("\n", self._at)
            stop = len(self._text) if stop < 0 else stop
            line, self._at = self._text[self._at : stop], stop + 1
            self._line += 1
            if line.strip() == end:
                return

    # ---- words ----

    def _word(self, now: Command) -> None:
        pieces: list[WordPart] = []
        line, start = self._line, self._at
        while self._at < len(self._text) and self._text[self._at] not in " \t\r\n\ud800;&|<>)":
            if self._text[self._at] == "(":
                self._array(now, pieces)
                return
            pieces += self._pieces()
        if self._at == start:  # an operator that does not belong here
            self._at += 1
            return
        now.words.append(Word(tuple(pieces), line))

    def _array(self, now: Command, pieces: list[WordPart]) -> None:
        """`NAME=(…)`; what else stands before a bracket is a function's name."""
        written = "".join(piece.text for piece in pieces)
        self._at += 1
        if not written.endswith("="):
            return
        inside = Command()
        for part in self.commands(until=")"):
            shift = len(inside.words)
            inside.words += part.words
            inside.remarks += [replace(r, after=r.after + shift) for r in part.remarks]
        now.arrays[written.removesuffix("=")] = inside

    def _pieces(self) -> Iterator[WordPart]:
        mark = self._text[self._at]
        if mark == "'":
            yield WordPart("quoted", self._until("'"))
        elif mark == '"':
            yield from self._in_quotes()
        elif mark == "\\":
            yield WordPart("quoted", self._text[self._at + 1 : self._at + 2])
            self._at += 2
        elif mark in "$`":
            yield self._variable("variable")
        elif found := _PLAIN.match(self._text, self._at):
            self._at = found.end()
            yield WordPart("text", found[0].replace("\ud800", ""))
        else:
            self._at += 1

    def _until(self, mark: str) -> str:
        end = self._text.find(mark, self._at + 1)
        end = len(self._text) if end < 0 else end
        inside, self._at = self._text[self._at + 1 : end], end + 1
        self._line += inside.count("\n")
        return inside.replace(" \ud800", "\\\n")

    def _in_quotes(self) -> Iterator[WordPart]:
        self._at += 1
        kept = ""
        while self._at < len(self._text) and self._text[self._at] != '"':
            mark, after = self._text[self._at], self._text[self._at + 1 : self._at + 2]
            if mark == "\\" and after in '"\\$`':
                kept, self._at = kept + after, self._at + 2
            elif mark in "$`":
                yield WordPart("quoted", kept)
                kept = ""
                yield self._variable("quoted variable")
            else:
                kept, self._at = kept + mark, self._at + 1
                self._line += mark in "\n\ud800"
        self._at += 1
        yield WordPart("quoted", kept.replace(" \ud800", ""))

    def _variable(self, kind: Kind) -> WordPart:
        """`$NAME`, `${…}`, `$(…)`, `` `…` ``; a `$` before anything else is one."""
        start, mark = self._at, self._text[self._at : self._at + 2]
        if mark.startswith("`"):
            inside = self._until("`")
            return WordPart(kind, f"$({inside})")
        if mark[1:] in ("(", "{"):
            self._at = _closing(self._text, self._at + 1)
        elif mark == "$'":  # ANSI-C quotes: taken as plain ones
            self._at += 1
            return WordPart("quoted", self._until("'"))
        elif found := _NAME.match(self._text, self._at + 1):
            self._at = found.end()
        else:
            self._at += 1
            return WordPart("quoted", "$")
        return WordPart(kind, self._text[start : self._at].replace("\ud800", ""))


def _closing(text: str, at: int) -> int:
    """Behind the bracket that closes the one at this place."""
    inner, outer, depth = text[at], _PAIRS[text[at]], 0
    for index in range(at, len(text)):
        depth += (text[index] == inner) - (text[index] == outer)
        if depth == 0:
            return index + 1
    return len(text)
