"""llama-swap's `cmd`: split as llama-swap splits it, and the comments among its lines. Pure."""

import re
import shlex
from dataclasses import dataclass

from paddock.importing.macros import Macros
from paddock.importing.shell_words import Remark

_WINDOWS = re.compile(r"(?:^|[\s\"'=])[A-Za-z]:\\\w")


@dataclass(frozen=True, slots=True)
class SwapCommand:
    words: tuple[str, ...]
    remarks: tuple[Remark, ...]


def split_command(text: str, macros: Macros) -> SwapCommand:
    """Comments go before macros are expanded, or a macro of several lines would begin one and end as words.

    Raises ValueError where quotes do not match.
    """
    kept: list[str] = []
    remarks: list[Remark] = []
    for line in text.split("\n"):
        if line.strip().startswith("#"):
            comment = line.strip()[1:].removeprefix(" ").rstrip()
            remarks.append(Remark(comment, _count(kept, macros)))
        else:
            kept.append(line)
    return SwapCommand(tuple(_words(kept, macros)), tuple(remarks))


def comments_in(text: str) -> list[str]:
    """The comments of a macro, which llama-swap drops after expanding it."""
    lines = (line.strip() for line in text.split("\n"))
    return [line[1:].removeprefix(" ") for line in lines if line.startswith("#")]


def _words(lines: list[str], macros: Macros) -> list[str]:
    expanded = macros.expand("\n".join(lines)).split("\n")
    real = (line.strip() for line in expanded if not line.strip().startswith("#"))
    joined = "\n".join(f"{line[:-1]} " if line.endswith("\\") else line for line in real)
    return words_of(joined)


def words_of(text: str) -> list[str]:
    """By the rules of a POSIX shell; where paths begin with a drive, a backslash is one."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    if _WINDOWS.search(text):
        lexer.escape = ""
    return list(lexer)


def _count(lines: list[str], macros: Macros) -> int:
    try:
        return len(_words(lines, macros))
    except ValueError:  # inside of quotes that go on over lines
        return 0
