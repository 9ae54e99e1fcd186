"""A text that models.conf may become, read as models.conf is, without being there. Blocking.

It comes over HTTP: it is bounded, and while `web-editor` is `limited` no engine is started for it that
is not used already, since to ask a program for its flags is to run it.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from paddock.config.explain import Changes
from paddock.config.foreign import foreign
from paddock.config.ini import parse_ini
from paddock.config.models_conf import read_as
from paddock.config.profile import Problem, Stable
from paddock.config.reach import new_reach, reach_of
from paddock.config.settings import Paths
from paddock.daemon.collector import undisturbed
from paddock.daemon.profiles.roster import Roster, settled
from paddock.engine.engines import Engines, is_program
from paddock.errors import EngineError
from paddock.llama.flags import FlagSet

_MOST = 200  # problems
_LONGEST = 1 << 15  # letters of a value: some of 500 KB would take minutes to read
_LINES, _SECTIONS = 50_000, 5_000
_LARGE = 100_000  # letters, about 300 profiles


@dataclass(frozen=True, slots=True)
class Proposal:
    """What came of it."""

    stable: Stable | None  # None: it has errors
    problems: tuple[Problem, ...]  # in the file's order
    changes: Changes

    @property
    def is_cut(self) -> bool:
        """Whether there may be further problems."""
        return len(self.problems) >= _MOST

    @property
    def is_fine(self) -> bool:
        """Whether it can be written: warnings keep nobody from it."""
        return self.stable is not None and not any(p.severity == "error" for p in self.problems)


def proposed(text: str, roster: Roster, paths: Paths, *, limited: bool) -> Proposal:
    """What this text would mean. `limited`: new programs, and new files but models, are errors."""
    file = str(paths.config.absolute())
    if unusable := list(_unusable(text, file)):
        return Proposal(None, tuple(unusable[:_MOST]), Changes())
    engines = _KnownEngines(roster) if limited else roster.engines
    with undisturbed() if len(text) > _LARGE else nullcontext():
        stable, problems = read_as(
            text,
            paths.config,
            models_dir=paths.models_dir,
            flags_for=engines.flags,
            defaults_for=engines.defaults,
            before=roster.stable.profiles,
            most=_MOST,
        )
        if stable is None:
            return Proposal(None, problems, Changes())
        if limited and (beyond := dict.fromkeys(_beyond(stable, roster, file))):
            every = sorted((*problems, *beyond), key=lambda problem: problem.line)
            return Proposal(None, tuple(every[:_MOST]), Changes())
        stable, changes = settled(stable, roster.engines, roster.stable, trial=roster.trial)
        return Proposal(stable, problems, changes)


def _unusable(text: str, file: str) -> Iterator[Problem]:
    """What keeps it from being read at all."""
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        yield Problem("error", "holds a NUL character", "remove it", file, line)
    elif text.count("\n") > _LINES or text.count("\n[") > _SECTIONS:
        message = f"has more than {_LINES:,} lines or {_SECTIONS:,} sections"
        yield Problem("error", message, "edit it with an editor of your own", file)
    elif problem := foreign(text, file):
        yield problem
    elif len(text) > _LONGEST:
        sections, _ = parse_ini(text, file)
        for section in sections:
            for entry in section.entries:
                if len(entry.value) > _LONGEST:
                    message = f"{entry.key[:40]} has {len(entry.value):,} letters, more than any value needs"
                    yield Problem("error", message, "", file, entry.line, section.name)


class _KnownEngines:
    """Those that paddock.toml names or a profile uses already."""

    def __init__(self, roster: Roster) -> None:
        self._engines: Engines = roster.engines
        self._used = {profile.engine for profile in roster.stable.profiles.values()}

    def flags(self, name: str | None) -> FlagSet | None:
        """As `Engines.flags`. EngineError also for a program or an image that nothing uses yet."""
        if name and is_program(name) and name not in self._used:
            raise EngineError(
                f"engine {name!r} is in neither paddock.toml nor models.conf: over HTTP no new program is named",
                hint="`paddock engine add` gives it a name; or write it into the file itself",
            )
        return self._engines.flags(name)

    def defaults(self, name: str | None) -> tuple[str, ...]:
        return tuple(self._engines.defaults(name))


def _beyond(stable: Stable, roster: Roster, file: str) -> Iterator[Problem]:
    known = reach_of(roster.stable.profiles.values())
    for profile in stable.profiles.values():
        if profile.flags != getattr(roster.stable.profiles.get(profile.id), "flags", None):
            yield from new_reach(profile, known, roster.engines.flags(profile.engine), file)
