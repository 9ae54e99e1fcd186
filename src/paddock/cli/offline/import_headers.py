"""What the headers of the model files say against a models.conf in the making, as problems with lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from paddock.config.profile import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from paddock.api.placement import Advice
    from paddock.cli.offline.files import Files
    from paddock.config.engines import EngineSpec
    from paddock.config.profile import Profile, Stable


def header_problems(
    files: Files, engines: Mapping[str, EngineSpec], stable: Stable, text: str
) -> tuple[Problem, ...]:
    """The errors that `paddock check` would add, at the line of their profile that is to blame."""
    from paddock.cli.offline.profile_facts import facts_of
    from paddock.placement.advice import advise

    settings = msgspec.structs.replace(
        files.settings, engines={**files.settings.engines, **engines}
    )
    found = facts_of(replace(files, settings=settings), stable.profiles.values())
    lines = text.splitlines()
    return tuple(
        _problem(facts.profile, advice, lines)
        for facts in found
        for advice in advise(facts)
        if advice.severity == "error"
    )


def _problem(profile: Profile, advice: Advice, lines: list[str]) -> Problem:
    """A key of `[*]` is right for others: there the whole profile is to blame."""
    is_own = advice.line in _own_lines(profile, lines)
    line = advice.line if is_own else profile.line
    key = lines[line - 1].partition("=")[0].strip() if is_own else ""
    return Problem("error", advice.message, advice.hint, "", line, profile.id, key, "file")


def _own_lines(profile: Profile, lines: list[str]) -> range:
    """From its header to the next."""
    rest: Iterator[int] = (n for n in range(profile.line, len(lines)) if lines[n].startswith("["))
    return range(profile.line, next(rest, len(lines)) + 1)
