"""Finds the commands that a shell script would call, without running it. Pure.

Variables that the text sets are expanded, and so are defaults, arrays, the text's own folder and sums.
What is known only at run time (`$(nproc)`, a variable of another file) stays as written, and is named.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paddock.importing.shell_sums import reckoned
from paddock.importing.shell_words import Command, Remark, Word, WordPart, commands

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_PARAMETER = re.compile(r"\$\{?(\w+|[@*#])(?:\[[@*]\])?(?:(:?[-=?+])(.*))?\}?$", re.DOTALL)
_SPACE = "\0"  # within what is known only at run time
_OPENING, _CLOSING = frozenset({"if", "case"}), frozenset({"fi", "esac"})
_KEYWORDS = frozenset({"if", "then", "else", "elif", "while", "until", "do", "{", "!", "time"})
_DECLARING = frozenset({"export", "declare", "local", "readonly", "typeset"})
# Commands that say nothing of how a server runs.
_SILENT = frozenset(
    {
        "echo", "printf", "set", "shopt", "trap", "sleep", "wait", "kill", "pkill", "test", "[", "[[",
        "curl", "wget", "mkdir", "rm", "touch", "tee", "cat", "date", "true", "false", "return", "exit",
        "shift", "read", "command", "which", "fi", "done", "esac", "}", "for", "case", "function", "umask",
        "nvidia-smi", "rocm-smi", "clear", ":",
    }
)  # fmt: skip
_LONGEST = 1 << 20  # bytes of a file that somebody wrote by hand


@dataclass(frozen=True, slots=True)
class Call:
    """One command as the shell would run it."""

    words: tuple[str, ...]
    remarks: tuple[Remark, ...]
    line: int
    env: Mapping[str, str]  # what was exported before it
    folder: Path
    unknown: tuple[str, ...] = ()  # parts of its words that are known only at run time
    branched: tuple[str, ...] = ()  # variables in its words that a branch has set


@dataclass(slots=True)
class Shell:
    """The state of a shell while its text is read from top to bottom; branches are all taken."""

    folder: Path  # where it starts
    home: Path  # where the text lies
    args: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, list[str]] = field(default_factory=dict)
    exported: dict[str, str] = field(default_factory=dict)
    _unknown: list[str] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)  # variables that stand for parts of commands
    _remarks: list[Remark] = field(default_factory=list)  # comments that wait for a call
    _of_arrays: dict[str, list[Remark]] = field(default_factory=dict)
    _branches: int = 0  # around the present command
    _branched: dict[str, None] = field(default_factory=dict)  # variables that were set in a branch

    def calls(self, text: str) -> Iterator[Call]:
        """Every command that could matter, in order."""
        for command in commands(text):
            self._enter(command)
            for name, inside in command.arrays.items():
                self._set_array(name, inside)
            if not command.words:
                self._wait(command)
            elif call := self._call(command):
                yield call

    def _enter(self, command: Command) -> None:
        """Count the branches around it; who is set there may be set otherwise, or not at all."""
        first = command.words[0].literal if command.words and command.words[0].is_bare else ""
        self._branches += (first in _OPENING) - (first in _CLOSING)
        if self._branches > 0:
            self._branched |= dict.fromkeys(name.removesuffix("+") for name in command.arrays)

    def give_back(self, call: Call) -> None:
        """Its comments belong to the next call."""
        self._remarks[:0] = [Remark(remark.text, 0) for remark in call.remarks]

    @property
    def rest(self) -> list[str]:
        """Comments that no call followed."""
        return [remark.text for remark in self._remarks]

    def _call(self, command: Command) -> Call | None:
        words = list(command.words)
        while words and words[0].is_bare and words[0].literal in _KEYWORDS:
            words.pop(0)
        assigned, words = _split(words)
        if not words:
            self._assign(assigned)
            self._wait(command)
            return None
        name = words[0].literal
        if name in _DECLARING:
            self._declare(words)
        elif name == "cd":
            self._change_folder(words)
        elif name in ("source", ".") and self._take_settings(words):
            pass
        elif name not in _SILENT:
            return self._called(command, assigned, words)
        self._wait(command)
        return None

    def _wait(self, command: Command) -> None:
        self._remarks += [Remark(remark.text, 0) for remark in command.remarks]

    def _called(self, command: Command, assigned: list[Word], words: list[Word]) -> Call:
        own = dict(self._assignment(word) for word in assigned)
        expanded: list[str] = []
        remarks, self._remarks = self._remarks, []
        skipped = len(command.words) - len(words)
        for index, word in enumerate(words):
            at = len(expanded)
            remarks += [
                replace(r, after=at) for r in command.remarks if max(r.after - skipped, 0) == index
            ]
            expanded += self._placed(word, at, remarks)
        last = [r for r in command.remarks if r.after - skipped >= len(words)]
        remarks += [replace(r, after=len(expanded)) for r in last]
        meant = {name: v for name, v in self.exported.items() if name not in self._used}
        env, line = {**meant, **own}, words[0].line
        unknown = [one for one in self._unknown if any(one in word for word in expanded)]
        return Call(
            _written(expanded), tuple(remarks), line, env, self.folder, _written(unknown),
            tuple(name for name in self._branched if name in self._used),
        )  # fmt: skip

    def _placed(self, word: Word, at: int, remarks: list[Remark]) -> list[str]:
        for piece in word.pieces:
            name = piece.text.strip("${}").partition("[")[0]
            self._used.update({name} & self.arrays.keys())
            if piece.text.startswith("$") and name in self._of_arrays:
                inside = self._of_arrays.pop(name)
                remarks += [replace(remark, after=at + remark.after) for remark in inside]
        return self.expand(word)

    # ---- what changes its state ----

    def _assign(self, words: list[Word]) -> None:
        for word in words:
            name, value = self._assignment(word)
            self.variables[name] = value
            if self._branches > 0:
                self._branched[name] = None
            if name in self.exported:
                self.exported[name] = value

    def _assignment(self, word: Word) -> tuple[str, str]:
        found = _ASSIGNMENT.match(word.literal)
        assert found
        rest = Word(
            (WordPart("text", word.pieces[0].text[found.end() :]), *word.pieces[1:]), word.line
        )
        value = "".join(self._meaning(piece) for piece in rest.pieces)
        before = self.variables.get(found[1], "") if found[2] else ""
        return found[1], _at_home(before + value)

    def _declare(self, words: list[Word]) -> None:
        for word in words[1:]:
            if _ASSIGNMENT.match(word.literal):
                self._assign([word])
            name = word.literal.partition("=")[0].removesuffix("+")
            if words[0].literal == "export" and name in self.variables:
                self.exported[name] = self.variables[name]

    def _set_array(self, name: str, inside: Command) -> None:
        found = [] if not name.endswith("+") else list(self.arrays.get(name[:-1], []))
        remarks = [] if not name.endswith("+") else list(self._of_arrays.get(name[:-1], []))
        for index, word in enumerate(inside.words):
            here = [r for r in inside.remarks if r.after == index]
            remarks += [replace(r, after=len(found)) for r in here]
            found += self.expand(word)
        last = [r for r in inside.remarks if r.after >= len(inside.words)]
        remarks += [replace(r, after=len(found)) for r in last]
        self.arrays[name.removesuffix("+")] = found
        self._of_arrays[name.removesuffix("+")] = remarks

    def _change_folder(self, words: list[Word]) -> None:
        target = "".join("".join(self.expand(word)) for word in words[1:2])
        if target and "$" not in target:
            self.folder = self.folder / target

    def _take_settings(self, words: list[Word]) -> bool:
        """Read a sourced file, if it does nothing but set variables."""
        named = "".join("".join(self.expand(word)) for word in words[1:2])
        try:
            text = (self.folder / named).read_bytes()[:_LONGEST].decode("utf-8", "replace")
        except OSError:
            return False
        found = list(commands(text))
        if not named or not all(map(_only_sets, found)):
            return False
        for command in found:
            if command.words and command.words[0].literal in _DECLARING:
                self._declare(command.words)
            else:
                self._assign(command.words)
            for name, inside in command.arrays.items():
                self._set_array(name, inside)
        return True

    # ---- expansion ----

    def expand(self, word: Word) -> list[str]:
        """Expand a word into none, one or several."""
        whole = _PARAMETER.match(word.literal) if len(word.pieces) > 1 else None
        if found := whole or _only(word):
            if found[1] in ("@", "*"):
                return list(self.args)
            if found[1] in self.arrays:
                return list(self.arrays[found[1]])
        fields, has_quotes = [""], False
        for index, piece in enumerate(word.pieces):
            text = self._meaning(piece)
            text = _at_home(text) if index == 0 and piece.kind == "text" else text
            has_quotes = has_quotes or "quoted" in piece.kind
            if (
                piece.kind == "variable"
                and not piece.text.startswith("$(")
                and '"' not in piece.text
            ):
                first, *more = re.split(r"\s+", text) if text else [""]
                fields[-1] += first
                fields += more
            else:
                fields[-1] += text
        return fields if has_quotes else [one for one in fields if one]

    def _meaning(self, piece: WordPart) -> str:
        if piece.kind in ("text", "quoted"):
            return piece.text
        if piece.text.startswith("$(("):
            return self._sum(piece)
        if piece.text.startswith("$("):
            return self._substitution(piece)
        return self._parameter(piece)

    def _parameter(self, piece: WordPart) -> str:
        found = _PARAMETER.match(piece.text.removesuffix("}") if "{" in piece.text else piece.text)
        if not found:
            return self._not_known(piece)
        value, default = self._value(found[1]), found[3]
        if value == "" and (found[2] or "").startswith(":"):
            value = None
        if (found[2] or "").endswith("+"):
            return self._expanded(default) if value else ""
        if value is None and (found[2] or "")[-1:] in ("-", "="):
            return self._expanded(default)
        return self._not_known(piece) if value is None else value

    def _value(self, name: str) -> str | None:
        if name.isdecimal():
            given = self.args[int(name) - 1 : int(name)] if name != "0" else ()
            return given[0] if given else None
        if name in self.arrays:
            return " ".join(self.arrays[name])
        self._used.add(name)
        return self.variables.get(name, self.exported.get(name, self.environ.get(name)))

    def _expanded(self, text: str) -> str:
        inside = next(commands(f'"{text.strip(chr(34))}"'), Command())
        return "".join(self._meaning(piece) for word in inside.words for piece in word.pieces)

    def _sum(self, piece: WordPart) -> str:
        text = re.sub(r"\$?\{?([A-Za-z_]\w*)\}?", self._number, piece.text[3:-2])
        try:
            return str(reckoned(text.strip()))
        except ValueError:
            return self._not_known(piece)

    def _number(self, found: re.Match[str]) -> str:
        return self._value(found[1]) or "0"

    def _substitution(self, piece: WordPart) -> str:
        """Expand a substitution that gives a folder: the script's own, or the working directory."""
        text = piece.text[2:-1].strip()
        if "BASH_SOURCE" in text or "$0" in text:
            if "dirname" in text:
                above = re.search(r"(?:/\.\.)+", text)
                return str(
                    self.home.joinpath(*above[0].strip("/").split("/")) if above else self.home
                )
        elif text == "pwd":
            return str(self.folder)
        elif text.startswith(("realpath ", "readlink -f ")):
            word = shlex.quote(text.split()[-1].strip('"'))
            return self._expanded(word.strip("'"))
        return self._not_known(piece)

    def _not_known(self, piece: WordPart) -> str:
        """As written, in one piece however often it is expanded."""
        text = piece.text.replace(" ", _SPACE)
        self._unknown.append(text)
        return text


def _written(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.replace(_SPACE, " ") for word in words)


def _only(word: Word) -> re.Match[str] | None:
    """A word that is a parameter and nothing else, in quotes or without."""
    pieces = [piece for piece in word.pieces if piece.text]
    is_one = len(pieces) == 1 and pieces[0].text.startswith("$")
    return _PARAMETER.match(pieces[0].text.removesuffix("}")) if is_one else None


def _split(words: list[Word]) -> tuple[list[Word], list[Word]]:
    """The assignments before a command, and the command."""
    count = 0
    while count < len(words) and _is_assignment(words[count]):
        count += 1
    return words[:count], words[count:]


def _only_sets(command: Command) -> bool:
    assigned, rest = _split(list(command.words))
    return not rest or (not assigned and rest[0].literal in _DECLARING)


def _is_assignment(word: Word) -> bool:
    return word.pieces[:1] != () and bool(
        word.pieces[0].kind == "text" and _ASSIGNMENT.match(word.pieces[0].text)
    )


def _at_home(text: str) -> str:
    return str(Path.home()) + text[1:] if text == "~" or text.startswith("~/") else text
