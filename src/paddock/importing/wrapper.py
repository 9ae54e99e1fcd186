"""A hand-made wrapper in Docker: its models.conf line by line, its compose file's defaults as `[*]`.

Comments stay as they are. A wrapper pastes EXTRA_ARGS into a shell's words; Paddock splits it by a
shell's rules, so backslashes that a wrapper left alone are put into quotes.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from paddock.config.backslashes import kept_backslashes
from paddock.config.ini import read_text
from paddock.config.profile import Problem
from paddock.errors import ConfigError
from paddock.importing.compose_file import Compose, dotenv, read_compose
from paddock.importing.launch import Launch
from paddock.importing.page import Page, PageLine, remark
from paddock.importing.programs import Programs

_COMMENT = re.compile(r"\s+#.*$")
_EXPANDED = re.compile(r"\$[\w({]|`")
_BARE_JSON = re.compile(r'(?:^|\s)\{"')
_PATHS = frozenset({"model", "mmproj"})

NamePath = Callable[[Path], str]


def read_wrapper(
    folder: Path, place: NamePath, programs: Programs, cards: int = 0, target: str = ""
) -> Page:
    """The page. `place`: how models.conf names a file; `target`: margins for this machine's GPUs.

    Variables of the compose file that backends read become an engine of `programs`.
    """
    conf = folder / "models.conf"
    if not conf.is_file():
        raise ConfigError(f"there is no {conf}", hint="name the folder of a wrapper")
    text = read_text(conf)
    if isinstance(text, Problem):
        raise ConfigError(str(text))
    notes = Page()
    compose = read_compose(folder, _env(folder, notes), notes)
    if compose.env:
        _name_engine(compose, programs, notes)
    page = _WrapperReader(folder, compose, place, notes).page(text)
    _margins(page, cards, target)
    return page


def _name_engine(compose: Compose, programs: Programs, notes: Page) -> None:
    """The default engine with the compose file's environment, for all profiles."""
    chosen = programs.of(Launch((), program="llama-server"), compose.env)
    where = "docker-compose.yml environment"
    if chosen.problem:
        notes.note(where, chosen.problem, what=", ".join(compose.env))
    else:
        compose.defaults["engine"] = (chosen.name, where)


def _env(folder: Path, notes: Page) -> Mapping[str, str]:
    """What `.env` sets, unless a start script wrote it for one model."""
    found = dotenv(folder)
    if "MODEL" in found:
        notes.note(".env", "it is about one model, the one that was started last: not used")
        return {}
    return found


class _WrapperReader:
    def __init__(self, folder: Path, compose: Compose, place: NamePath, notes: Page) -> None:
        self._folder, self._compose, self._place = folder, compose, place
        self._page = notes
        self._section = ""

    def page(self, text: str) -> Page:
        lines = _joined(text)
        defaults = self._shared()
        head = next((i for i, line in enumerate(lines) if line[0].lstrip() == "[*]"), None)
        body = [new for line, number in lines for new in self._line(line, number)]
        own = _keys_of(body, "*")
        shared = [line for key, lines in defaults.items() if key not in own for line in lines]
        if head is None:
            first = _above_first_section(body)
            body[first:first] = [PageLine("[*]"), *shared, PageLine("")] if shared else []
        else:
            at = next(i for i, line in enumerate(body) if line.text == "[*]") + 1
            body[at:at] = shared
        self._page.lines = _last_counts(body, self._page)
        return self._page

    def _shared(self) -> dict[str, list[PageLine]]:
        """The defaults of the compose file by key, each below its comments."""
        found: dict[str, list[PageLine]] = {}
        for key, (value, where) in self._compose.defaults.items():
            if value and key.lower() not in _PATHS:
                line = PageLine(f"{key} = {self._value(key, value, where)}", where)
                found[_key(line)] = [*map(remark, self._compose.comments.get(key, ())), line]
        return found

    def _line(self, text: str, number: int) -> list[PageLine]:
        where, bare = f"models.conf:{number}", text.strip()
        if bare.startswith("[") and bare.endswith("]"):
            self._section = bare[1:-1].strip()
            return [PageLine(bare, f"{where} {bare}")]
        if not bare or bare[0] in "#;":
            return [PageLine(text.rstrip() if bare else "", where)]
        key, equals, value = (part.strip() for part in bare.partition("="))
        where = f"{where} [{self._section}] {key}"
        if not equals:
            self._page.note(where, "no key and no comment")
            return [PageLine(f"# {bare}", where)]
        comment = _COMMENT.search(value)
        kept = [PageLine(comment[0].strip(), where)] if comment else []
        value = _COMMENT.sub("", value)
        return [*kept, PageLine(f"{key} = {self._value(key, value, where)}", where)]

    def _value(self, key: str, value: str, where: str) -> str:
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if key.lower() == "extra_args":
            return self._tail(value, where)
        if key.lower() in _PATHS and value:
            return self._place(self._file(value))
        return value

    def _file(self, value: str) -> Path:
        """The file on this machine that the container would have found."""
        inside = value if value.startswith("/") else f"{self._compose.prefix}{value}"
        there = self._compose.mounts.on_host(inside) if inside.startswith("/") else value
        return Path(there) if there.startswith("/") else self._folder / "models" / value

    def _tail(self, value: str, where: str) -> str:
        if found := _EXPANDED.search(value):
            note = f"a shell would have expanded {found[0]}…; Paddock takes it as it stands"
            self._page.note(where, note, "changed")
        try:
            words = shlex.split(kept_backslashes(value))
        except ValueError:
            return value
        is_bare = _needs_quotes(value)
        if is_bare or words != shlex.split(value):
            words = value.split() if is_bare else words
            note = "quoted, so that a shell's rules keep its backslashes and quotes"
            self._page.note(where, note, "changed")
        placed = [
            self._compose.mounts.on_host(word) if word.startswith("/") else word for word in words
        ]
        return value if placed == shlex.split(value) else shlex.join(placed)


def _needs_quotes(tail: str) -> bool:
    """Backslashes of patterns, and JSON that nobody quoted: a wrapper hands them on as they are."""
    has_quotes = re.search("[\"']", tail) is not None
    return ("\\" in tail and not has_quotes) or _BARE_JSON.search(tail) is not None


def _joined(text: str) -> list[tuple[str, int]]:
    """Its lines with their numbers; a command line that goes on over several is one."""
    out: list[tuple[str, int]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        goes_on = line[:1].isspace() and line.strip().startswith("-") and out
        if goes_on and out[-1][0].upper().startswith("EXTRA_ARGS"):
            out[-1] = (f"{out[-1][0].rstrip(chr(92))} {line.strip()}", out[-1][1])
        else:
            out.append((line, number))
    return out


# ---- where [*] goes ----


def _above_first_section(lines: list[PageLine]) -> int:
    """The line above the last block of comments before the first section."""
    at = next((i for i, line in enumerate(lines) if line.is_header), len(lines))
    while at and not lines[at - 1].text:
        at -= 1
    while at and lines[at - 1].text.startswith(("#", ";")):
        at -= 1
    return at


# ---- what is healed ----


def _key(line: PageLine) -> str:
    return line.text.partition("=")[0].strip().lower() if line.is_key else ""


def _keys_of(lines: list[PageLine], section: str) -> dict[str, str]:
    found, now = {}, ""
    for line in lines:
        now = line.text[1:-1] if line.is_header else now
        if now == section and _key(line):
            found[_key(line)] = line.text.partition("=")[2].strip()
    return found


def _last_counts(lines: list[PageLine], page: Page) -> list[PageLine]:
    """A wrapper takes the last of two; in models.conf that is an error."""
    seen: dict[tuple[int, str], int] = {}
    now, out = 0, list(lines)  # now: the line of the section's header
    for index, line in enumerate(lines):
        now = index if line.is_header else now
        if not _key(line):
            continue
        before = seen.get((now, _key(line)))
        if before is not None:
            page.note(lines[before].source, "given twice: the last one counts")
            out[before] = replace(lines[before], text=f"# {lines[before].text}")
        seen[now, _key(line)] = index
    return out


def _margins(page: Page, cards: int, target: str) -> None:
    if cards < 2 or "," not in target:
        return
    for line in page.lines:
        value = line.text.partition("=")[2].strip()
        if _key(line) == "fit_target" and value and "," not in value:
            why = f"one margin for {cards} unequal GPUs; this machine's would be {target}"
            page.note(line.source, why, "look")
