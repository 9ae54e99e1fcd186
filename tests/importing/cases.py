"""The corpus: configuration files of this project's own, in the shapes that people have, and what must come of each.

corpus/NAME/given        the files; @FOLDER@ stands for the folder that they are copied to
corpus/NAME/models.txt   model files to be there, a path in that folder a line
corpus/NAME/engines.txt  programs to be there, each behind the real llama-server: PATH, then flags that only it has
corpus/NAME/expected     models.conf, paddock.toml where there is one, notes.txt
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from paddock.llama.scripted import ScriptedModel, write
from tests.cli.conftest import Paddock
from tests.yard import engine_command

CORPUS = Path(__file__).with_name("corpus")
NAMES = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
FOLDER = "@FOLDER@"
_DATE = re.compile(r" on \d{4}-\d\d-\d\d\.")


@dataclass(frozen=True, slots=True)
class Result:
    """What an import made, with its folder's name taken out of it."""

    conf: str
    settings: str
    notes: str
    check: str  # what `paddock check` says of it
    status: int


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    folder: Path  # where it is laid out

    @property
    def home(self) -> Path:
        return CORPUS / self.name

    def expected(self, file: str) -> str:
        path = self.home / "expected" / file
        return path.read_text() if path.exists() else ""

    def lay_out(self, model: Path) -> None:
        """Its files, its models (links of one small real one), its programs."""
        for path in sorted((self.home / "given").rglob("*")):
            if path.is_file():
                target = self.folder / path.relative_to(self.home / "given")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(path.read_text().replace(FOLDER, str(self.folder)))
                shutil.copymode(path, target)
        for line in self._lines("models.txt"):
            target = self.folder / line
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(model, target)
        for line in ["bin/llama-server", *self._lines("engines.txt")]:
            program, *flags = line.split()
            engine(self.folder / program, flags)

    def _lines(self, file: str) -> list[str]:
        path = self.home / file
        return [line for line in path.read_text().splitlines() if line] if path.exists() else []

    @property
    def command(self) -> tuple[object, ...]:
        swap = self.folder / "config.yaml"
        return ("llama-swap", swap) if swap.exists() else ("wrapper", self.folder)

    def run(self, paddock: Paddock) -> Result:
        """Import it, and have the result checked."""
        out = self.folder / "out"
        out.mkdir()
        dry = paddock("import", *self.command, "--output", out, "--dry-run")
        assert dry.status == 0, dry.err
        made = paddock("import", *self.command, "--output", out)
        assert made.status == 0, made.err
        checked = paddock("check", out / "models.conf", "--settings", out / "paddock.toml")
        settings = out / "paddock.toml"
        return Result(
            self._plain((out / "models.conf").read_text()),
            self._plain(settings.read_text() if settings.exists() else ""),
            self._plain(_notes(dry.err)),
            self._plain(checked.out),
            checked.status,
        )

    def _plain(self, text: str) -> str:
        return _DATE.sub(".", text.replace(str(self.folder), FOLDER))


def _notes(output: str) -> str:
    """Less what paddock.toml would get, which is seen in the file itself."""
    return "".join(re.split(r"(?m)^.*paddock\.toml would get:$", output)[:1])


def model(folder: Path) -> Path:
    return write(folder / "any.gguf", ScriptedModel(say="I am any.", name="any"))


def engine(path: Path, flags: list[str]) -> None:
    """The tests' llama-server under this name; its help has these flags besides, as a fork's would."""
    command = " ".join(f"'{word}'" for word in engine_command())
    more = "\n".join(f"{flag} N    of this fork only" for flag in flags)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = --help ]; then {command} "$@"; cat <<"EOF"\n{more}\nEOF\nexit; fi\n'
        f'exec {command} "$@"\n'
    )
    path.chmod(0o755)
