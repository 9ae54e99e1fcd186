"""Finds the flags that a profile's engine knows and always gets; asks each engine once."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from paddock.config.command_line import Complaint, read_tail
from paddock.config.engines import CONTAINER, how_to_get_an_engine
from paddock.config.findings import Findings
from paddock.config.ini import Entry, Section
from paddock.config.layers import Setting
from paddock.config.model_files import at_home
from paddock.config.profile import Origin
from paddock.config.values import engine as engine_name
from paddock.errors import EngineError
from paddock.llama.flags import FlagSet

# By engine name; None stands for the default one.
FlagsFor = Callable[[str | None], FlagSet | None]
DefaultsFor = Callable[[str | None], Sequence[str]]  # words of a command line


def no_defaults(_engine: str | None) -> Sequence[str]:
    return ()


class EngineFlags:
    def __init__(
        self, flags_for: FlagsFor, defaults_for: DefaultsFor, folder: Path, findings: Findings
    ) -> None:
        self._flags_for, self._defaults_for = flags_for, defaults_for
        self._folder = folder  # of models.conf: an engine's path may start from it
        self._findings = findings
        self._known: dict[str | None, FlagSet | None] = {}

    def of(self, section: Section, shared: Section) -> FlagSet | None:
        """The engine's flags; None, with a finding, if there is no such engine."""
        name, entry, where = self._chosen(section, shared)
        if name not in self._known:
            line = entry.line if entry else 0
            self._known[name] = self._ask(name, line, where.name if entry else "")
        return self._known[name]

    def defaults(self, section: Section, shared: Section) -> list[Setting]:
        """The flags that the engine gives every profile, as paddock.toml says."""
        flags = self.of(section, shared)
        name, entry, where = self._chosen(section, shared)
        words = self._defaults_for(name) if flags else ()
        found = []
        for item in read_tail(shlex.join(words), flags):
            if isinstance(item, Complaint):
                message = f"the engine's own flags, in paddock.toml: {item.message}"
                line = entry.line if entry else 0
                report = self._findings.error if item.is_error else self._findings.warning
                report(message, line=line, section=where.name, hint=item.hint, code=item.code)
            else:
                found.append(
                    Setting(
                        item.spec, item.words, Origin(f"engine {name}" if name else "engine", "")
                    )
                )
        return found

    def _chosen(
        self, section: Section, shared: Section
    ) -> tuple[str | None, Entry | None, Section]:
        own = _entry(section)
        entry, where = (own, section) if own else (_entry(shared), shared)
        return self._name(entry), entry, where

    def place(self, name: str) -> str:
        """A path made absolute; names and images as they are."""
        is_path = "/" in name and not name.startswith(CONTAINER)
        return str(self._folder / at_home(name)) if is_path else name

    def _name(self, entry: Entry | None) -> str | None:
        """The engine's name; an invalid one counts as the default here and is reported where it is read."""
        try:
            return self.place(engine_name(entry.value)) if entry and entry.value else None
        except ValueError:
            return None

    def _ask(self, name: str | None, line: int, section: str) -> FlagSet | None:
        try:
            flags = self._flags_for(name)
        except EngineError as error:
            self._findings.error(
                error.message, line=line, section=section, hint=error.hint, code="no-engine"
            )
            return None
        if flags is None:
            message = "no engine is installed: flags and their values were not checked"
            self._findings.warning(
                message, line=line, section=section, hint=how_to_get_an_engine(), code="no-engine"
            )
        return flags


def _entry(section: Section) -> Entry | None:
    return next((e for e in section.entries if e.key.lower() == "engine"), None)
