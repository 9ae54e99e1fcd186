"""What is wrong with models.conf, each with its line. Pure."""

import re
from dataclasses import dataclass

from paddock.api.types import ConfigInfo

_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+): (?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ConfProblem:
    """One mistake or warning; a line of None: it is about the whole."""

    line: int | None
    words: str  # `[glm] unknown key 'ctx-sise' (did you mean 'ctx-size'?)`

    @property
    def text(self) -> str:
        """`line 46: [glm] unknown key …`."""
        return f"line {self.line}: {self.words}" if self.line else self.words


def mistakes(config: ConfigInfo | None) -> tuple[ConfProblem, ...]:
    """Why models.conf, as it is now, changes nothing."""
    if config is None or config.error is None:
        return ()
    return _problems(config, config.error.log or [config.error.message])


def warnings(config: ConfigInfo | None) -> tuple[ConfProblem, ...]:
    """What is wrong with it all the same."""
    return _problems(config, config.warnings) if config else ()


def _problems(config: ConfigInfo, lines: list[str]) -> tuple[ConfProblem, ...]:
    return tuple(_problem(config.path, line) for line in lines)


def _problem(path: str, line: str) -> ConfProblem:
    """`PATH:46: WORDS` of the daemon's; whatever is about another file keeps its name."""
    found = _PLACE.fullmatch(line)
    if found and (found["file"] == path or path.endswith("/" + found["file"])):
        return ConfProblem(int(found["line"]), found["rest"])
    return ConfProblem(None, line)
