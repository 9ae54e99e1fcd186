"""Heals a page until `paddock check` accepts it, whatever its sources held. Pure.

The page is read as the daemon would read it; what does not pass becomes a comment with its reason.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from paddock.config.profile import Problem
from paddock.importing.page import Kind, Page, PageLine
from paddock.importing.tails import trimmed
from paddock.llama.flags import FlagSet

Problems = Callable[[str], Sequence[Problem]]
_NO_FILE = "no such file: "
_LAYERS, _ALL_LAYERS = "numeric-gpu-layers", 99  # what people write for "all"
_OLD = "old-spelling"


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
