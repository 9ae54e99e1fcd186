"""systemd units and Podman's quadlets that start a llama-server: what they start, and their comments. Pure."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.importing.container_run import ContainerRun, mib, take_device
from paddock.importing.env_file import read_env_file
from paddock.importing.shell import Call
from paddock.importing.shell_words import Remark

SUFFIXES = (".service", ".container")
_FILE = "EnvironmentFile"
_MARKS = "@-:+!|"  # what may stand before a program
# Of a unit, what its owner may want again: Paddock's own unit can have it.
_TOLD = frozenset(
    {
        "Nice", "CPUAffinity", "CPUQuota", "CPUWeight", "NUMAPolicy", "NUMAMask", "MemoryMax", "MemoryHigh",
        "LimitMEMLOCK", "IOSchedulingClass", "CPUSchedulingPolicy", "OOMScoreAdjust", "User", _FILE,
        "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost", "PodmanArgs",
    }
)  # fmt: skip


_VARIABLE = re.compile(r"\$\{(\w+)\}|(?:^|\s)\$([A-Za-z_]\w*)(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Directive:
    key: str
    value: str
    line: int
    comments: tuple[str, ...]  # above it


@dataclass(slots=True)
class Unit:
    """One file."""

    path: Path
    directives: list[Directive] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)  # comments at its end

    @classmethod
    def read(cls, path: Path, text: str) -> "Unit":
        out, waiting = cls(path), []
        for number, line in _joined(text):
            bare = line.strip()
            if bare.startswith(("#", ";")):
                waiting.append(bare[1:].removeprefix(" "))
            elif "=" in bare and not bare.startswith("["):
                key, _, value = bare.partition("=")
                out.directives.append(Directive(key.strip(), value.strip(), number, tuple(waiting)))
                waiting = []
        out.rest = waiting
        return out

    @property
    def is_template(self) -> bool:
        """Whether it is `NAME@.service`: `%i` is known only when it is started."""
        return self.path.stem.endswith("@")

    def where(self, directive: Directive) -> str:
        return f"{self.path.name}:{directive.line} {directive.key}"

    def lost(self, home: Path) -> Iterator[Directive]:
        """What is not carried over; a file of variables only where it cannot be read."""
        for one in self.directives:
            is_read = one.key == _FILE and self._variables(one, home) is not None
            if one.key in _TOLD and not is_read:
                yield one

    def env(self, home: Path) -> dict[str, str]:
        """What it sets for what it starts; as in systemd its files go over its own lines."""
        values = (d.value for d in self.directives if d.key == "Environment")
        pairs = (word.partition("=") for value in values for word in _split(value))
        out = {name: value for name, _, value in pairs}
        for one in self.directives:
            out |= (self._variables(one, home) or {}) if one.key == _FILE else {}
        return out

    def _variables(self, directive: Directive, home: Path) -> dict[str, str] | None:
        """Of its file; None where that cannot be read."""
        return read_env_file(Path(self._specified(directive.value.removeprefix("-"), home)))

    def _is_partial(self, home: Path) -> bool:
        """Whether there are variables of which nothing is known here."""
        return any(one.key == _FILE for one in self.lost(home))

    def folder(self, home: Path) -> Path:
        found = [d.value for d in self.directives if d.key == "WorkingDirectory"]
        folder = self._specified(found[-1].lstrip("-"), home) if found else "/"
        return home if folder == "~" else Path(folder)

    def calls(self, home: Path) -> Iterator[tuple[Directive, Call]]:
        """What it starts."""
        env, is_partial = self.env(home), self._is_partial(home)
        for one in self.directives:
            if one.key == "ExecStart" and one.value:
                unset = _unset(one.value, env) if is_partial else ()
                known = {**env, **{name: f"${{{name}}}" for name in unset}}
                words = [_expanded(w, known) for w in _split(self._specified(one.value, home))]
                found = [part for word in words for part in word]
                found[:1] = [found[0].lstrip(_MARKS)] if found else []
                meant = {name: v for name, v in env.items() if not _is_used(name, one.value)}
                unknown = tuple(known[name] for name in unset)
                yield (
                    one,
                    Call(tuple(found), _remarks(self), one.line, meant, self.folder(home), unknown),
                )

    def container(self, home: Path) -> tuple[Directive, ContainerRun] | None:
        """What a quadlet runs."""
        run, at = ContainerRun(env=self.env(home)), None
        for one in self.directives:
            value = self._specified(one.value, home)
            if one.key == "Image":
                run.image, at = value, at or one
            elif one.key == "Exec":
                run.command, at = _split(value), one
            elif one.key == "Entrypoint":
                run.entrypoint = value
            elif one.key == "Volume":
                run.mounts.add_short(value, self.path.absolute().parent)
            elif one.key == "Memory":
                run.memory = mib(value)
            elif one.key == "AddDevice":
                take_device(run.env, value)
        return (at, run) if at and run.image else None

    def _specified(self, text: str, home: Path) -> str:
        """Expand `%h` and other specifiers whose value is known."""
        name = self.path.stem
        known = {
            "%h": str(home),
            "%n": self.path.name,
            "%N": name,
            "%p": name.partition("@")[0],
            "%%": "%",
        }
        for mark, meaning in known.items():
            text = text.replace(mark, meaning)
        return text


def _remarks(unit: Unit) -> tuple[Remark, ...]:
    """All comments of the file, which belong to the one command that it starts."""
    return tuple(Remark(text, 0) for one in unit.directives for text in one.comments)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines that go on behind a backslash are one; comments among them come first."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if whole and line.lstrip().startswith(("#", ";")):
            yield number, line
            continue
        first = first or number
        whole += line.removesuffix("\\") + " " if line.endswith("\\") else line
        if not line.endswith("\\"):
            yield first, whole
            whole, first = "", 0
    if whole:
        yield first, whole


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # systemd would not start it
        return text.split()


def _expanded(word: str, env: Mapping[str, str]) -> list[str]:
    """Expand `$NAME` into words and `${NAME}` into a part of one; unset variables are empty, as in systemd."""
    if word.startswith("$") and word[1:].isidentifier():
        return env.get(word[1:], "").split()
    for name, value in env.items():
        word = word.replace(f"${{{name}}}", value)
    return [word.replace("$$", "$")]


def _unset(command: str, env: Mapping[str, str]) -> list[str]:
    """The variables of a command that nothing sets."""
    found = (one[1] or one[2] for one in _VARIABLE.finditer(command))
    return [name for name in dict.fromkeys(found) if name not in env]


def _is_used(name: str, command: str) -> bool:
    """Whether the command itself uses the variable, so that it is not meant for the program."""
    return f"${{{name}}}" in command or f"${name}" in command.split()
