"""Finds out what a llama-server can do, by its `--help` and `--version`, and remembers it on disk.

The cache has one JSON file per binary, keyed by path, size and time of change. It holds the two
texts as they came, so that a better parser needs no new run. A file that cannot be read counts as
missing.
"""

import contextlib
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import msgspec

from paddock.atomic_write import atomic_write
from paddock.engine.bounded_run import bounded_run
from paddock.engine.embedded_flags import REFUSED
from paddock.engine.engine import Engine, Kind
from paddock.engine.environment import engine_environment
from paddock.errors import EngineError
from paddock.llama.flags import parse_help

TIMEOUT = 30.0  # seconds for one question; 0.4 were measured with CUDA on an H200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that should be a llama-server."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    files: tuple[Path, ...]  # files whose change makes it another engine
    stamp: str = ""  # a change of this makes it another engine too

    @property
    def identity(self) -> str:
        return "|".join(
            [self.stamp, *map(_stamp, self.files)] if self.stamp else map(_stamp, self.files)
        )


class Answers(msgspec.Struct, frozen=True):
    """What it printed."""

    identity: str
    version: str
    help: str


def probe(
    candidate: Candidate, *, cache_dir: Path, environ: Mapping[str, str], timeout: float = TIMEOUT
) -> Engine:
    """The engine behind a candidate; EngineError says why it cannot be used."""
    cache = cache_dir / f"engine-{sha256(candidate.identity.encode()).hexdigest()[:16]}.json"
    answers = _remembered(cache, candidate.identity)
    if answers is None:
        answers = _asked(candidate, environ, timeout)
        _remember(cache, answers)
    return _engine(candidate, answers)


def devices(engine: Engine, *, environ: Mapping[str, str], timeout: float = TIMEOUT) -> list[str]:
    """The devices that it sees now, as its own lines. Raises EngineError."""
    env = engine_environment(environ) | dict(engine.env)
    candidate = Candidate(engine.name, engine.kind, engine.command, ())
    output = _run(candidate, "--list-devices", env, timeout).stdout
    lines = (line.strip() for line in output.splitlines() if line.startswith("  "))
    return [line for line in lines if line != "(none)"]


def _engine(candidate: Candidate, answers: Answers) -> Engine:
    flags = parse_help(answers.help)
    if candidate.kind == "embedded":
        flags = replace(flags, lacking=REFUSED)
    if candidate.kind == "container":
        flags = replace(flags, in_image=True)
    if flags.find("model") is None:
        raise EngineError(
            f"{candidate.command[0]} is no llama-server: its --help lists no --model",
            hint="name the path of a llama-server as the engine",
        )
    version = _version_line(answers.version)
    return Engine(
        name=candidate.name,
        kind=candidate.kind,
        command=candidate.command,
        version=version,
        build=_build_number(version),
        flags=flags,
        identity=candidate.identity,
    )


def _version_line(text: str) -> str:
    """The line after `version:`, wherever a backend's own messages put it."""
    found = re.search(r"^version: *(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def _build_number(version: str) -> int | None:
    """llama.cpp's build: `0.6.0 (build 11434, …)`, before `11434 (abc)`, else xllamacpp's last part."""
    found = re.search(r"build (\d+)|^(\d+) \(|^xllamacpp \d+\.\d+\.(\d+)", version)
    number = next((int(part) for part in found.groups() if part), 0) if found else 0
    return number or None  # built outside git it says 0


def _stamp(path: Path) -> str:
    facts = path.stat()
    return f"{path}:{facts.st_size}:{facts.st_mtime_ns}"


def _remembered(cache: Path, identity: str) -> Answers | None:
    try:
        answers = msgspec.json.decode(cache.read_bytes(), type=Answers)
    except (OSError, msgspec.DecodeError):
        return None
    return answers if answers.identity == identity else None


def _remember(cache: Path, answers: Answers) -> None:
    """Write it atomically; where that fails the engine will be asked again."""
    with contextlib.suppress(OSError):
        atomic_write(cache, msgspec.json.encode(answers))


def _asked(candidate: Candidate, environ: Mapping[str, str], timeout: float) -> Answers:
    env = engine_environment(environ)
    version = _run(candidate, "--version", env, timeout)
    help_text = _run(candidate, "--help", env, timeout)
    # The version goes to stderr (11434), behind what the backends have to say.
    return Answers(candidate.identity, version.stderr + version.stdout, help_text.stdout)


def _run(
    candidate: Candidate, question: str, env: dict[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    program = candidate.command[0]
    try:
        done = bounded_run([*candidate.command, question], environ=env, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise EngineError(
            f"{program} {question} did not answer within {timeout:g} s",
            hint="run it by hand; a GPU driver that hangs is the usual cause",
        ) from None
    except OSError as error:
        raise EngineError(
            f"{program} cannot be run: {error.strerror}",
            hint="is it executable, and built for this machine?",
        ) from error
    if done.returncode != 0:
        raise _failed(program, question, done)
    return done


def _failed(program: str, question: str, done: subprocess.CompletedProcess[str]) -> EngineError:
    last = done.stderr.strip().splitlines()[-10:]
    reason = last[-1] if last else f"exit code {done.returncode}"
    return EngineError(
        f"{program} {question} failed: {reason}", hint=_hint(done.stderr), detail=tuple(last)
    )


def _hint(stderr: str) -> str:
    if "error while loading shared libraries" in stderr:
        return "put the folder of the missing library on LD_LIBRARY_PATH, or install it again"
    return "run it by hand to see what is wrong"
