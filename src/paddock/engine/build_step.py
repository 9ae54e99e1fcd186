"""Runs the programs of a build: logs every line, reports progress, explains a failure."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paddock.errors import EngineError

ReportProgress = Callable[[str, float | None], None]  # what goes on, and how much is done (0 to 1)

_SHOWN = 15  # lines with a failure
_STEP = re.compile(r"\[ *(?:(?P<done>\d+)/(?P<of>\d+)|(?P<percent>\d+)%)\]")  # ninja's, make's
_ERROR = re.compile(r"\berror\b|\bFAILED\b|\bfatal\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BuildSteps:
    """Runs each program of one build to its end, with the log and the environment that they share."""

    log: Path  # grows by what each prints
    report: ReportProgress
    environ: Mapping[str, str]

    def run(
        self, what: str, words: Sequence[str], *, cwd: Path | None = None, hint: str = ""
    ) -> None:
        """Raises EngineError with the first lines from its first error on, else the last ones."""
        self.report(what, None)
        output: list[str] = []
        with self.log.open("a", buffering=1, encoding="utf-8") as log:
            print(f"$ {shlex.join(words)}", file=log, flush=True)
            status = self._follow(what, words, cwd, log, output)
        if status:
            raise EngineError(
                f"{what} failed: exit code {status}", hint=hint or f"all of it: {self.log}",
                detail=tuple(error_lines(output)),
            )  # fmt: skip

    def _follow(
        self, what: str, words: Sequence[str], cwd: Path | None, log: IO[str], output: list[str]
    ) -> int:
        try:
            process = subprocess.Popen(
                [*_politely(), *words],
                cwd=cwd, env=dict(self.environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise EngineError(f"{words[0]} cannot be run: {error.strerror}") from error
        with process:
            for line in process.stdout or ():
                log.write(line)
                output.append(line.rstrip())
                if (fraction := done(line)) is not None:
                    self.report(what, fraction)
        return process.returncode


def done(line: str) -> float | None:
    """The fraction done (0 to 1) that a line of ninja or make reports; None in any other line."""
    found = _STEP.match(line)
    if not found:
        return None
    if found["percent"]:
        return int(found["percent"]) / 100
    return int(found["done"]) / max(1, int(found["of"]))


def error_lines(output: Sequence[str]) -> Sequence[str]:
    """The lines that explain a failure: from the first error on, as parallel compilers print after it."""
    first = next((i for i, line in enumerate(output) if _ERROR.search(line)), None)
    return output[-_SHOWN:] if first is None else output[first : first + _SHOWN]


def _politely() -> list[str]:
    """With low priority, as models may run meanwhile."""
    nice = shutil.which("nice")
    return [nice, "-n", "10"] if nice else []
