"""Finds the flags of the engine that will run a profile, and asks for each engine's only once."""

from collections.abc import Callable
from pathlib import Path

from paddock.config.findings import Findings
from paddock.config.ini import Entry, Section
from paddock.config.model_files import at_home
from paddock.config.values import engine as engine_name
from paddock.errors import EngineError
from paddock.llama.flags import FlagSet

FlagsFor = Callable[[str | None], FlagSet | None]  # by engine name; None stands for the default one


class EngineFlags:
    def __init__(self, flags_for: FlagsFor, folder: Path, findings: Findings) -> None:
        self._flags_for = flags_for
        self._folder = folder  # of models.conf: an engine's path may start from it
        self._findings = findings
        self._known: dict[str | None, FlagSet | None] = {}

    def of(self, section: Section, shared: Section) -> FlagSet | None:
        """None, with a word about it in the findings, if there is no such engine."""
        own = _entry(section)
        entry, where = (own, section) if own else (_entry(shared), shared)
        name = self._name(entry)
        if name not in self._known:
            line = entry.line if entry else 0
            self._known[name] = self._ask(name, line, where.name if entry else "")
        return self._known[name]

    def place(self, name: str) -> str:
        """A path is made absolute; `native` and `embedded` stay as they are."""
        return str(self._folder / at_home(name)) if "/" in name else name

    def _name(self, entry: Entry | None) -> str | None:
        """What is no engine's name counts as the default here; it is reported where it is read."""
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
            self._findings.warning(message, line=line, section=section, code="no-engine")
        return flags


def _entry(section: Section) -> Entry | None:
    return next((e for e in section.entries if e.key.lower() == "engine"), None)
