"""models.conf -> frozen profiles, or every problem in it at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paddock.config.engine_flags import DefaultsFor, EngineFlags, FlagsFor, no_defaults
from paddock.config.findings import Findings, TooManyProblems
from paddock.config.foreign import foreign
from paddock.config.hub_files import hub_name, with_files
from paddock.config.ini import Section, parse_ini, read_text
from paddock.config.layers import Layer, Setting, merge
from paddock.config.lint import lint
from paddock.config.model_files import Folders
from paddock.config.profile import Flag, Origin, Problem, Profile, Stable
from paddock.config.router_names import files_named, is_repository
from paddock.config.sections import Understood, old_switches, understand
from paddock.config.sharing import Sharing
from paddock.config.values import first_number
from paddock.config.variant import Variant
from paddock.config.variants import Variants, is_variant
from paddock.config.vocabulary import EXTRA_ARGS, IGNORED, REMOTE, WELL_KNOWN
from paddock.errors import ConfigError
from paddock.llama.flags import FlagSet

NOBODY: Mapping[str, Profile] = {}
NAMELESS = "default"  # llama.cpp's name for what stands before the first section


def load(
    path: Path,
    *,
    models_dir: Path | None = None,
    flags_for: FlagsFor,
    defaults_for: DefaultsFor = no_defaults,
    before: Mapping[str, Profile] = NOBODY,
) -> Stable:
    """The stable that the file describes; ConfigError lists every error in it.

    `before`: the profiles that were read last; of these it takes what is the same.
    """
    stable, problems = read(
        path, models_dir=models_dir, flags_for=flags_for, defaults_for=defaults_for, before=before
    )
    if stable:
        return stable
    errors = tuple(str(p) for p in problems if p.severity == "error")
    count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
    raise ConfigError(f"{path}: {count}", hint="correct the file", detail=errors)


def read(
    path: Path,
    *,
    models_dir: Path | None = None,
    flags_for: FlagsFor,
    defaults_for: DefaultsFor = no_defaults,
    before: Mapping[str, Profile] = NOBODY,
) -> tuple[Stable | None, tuple[Problem, ...]]:
    """The stable, None if there are errors, and all problems, warnings included, in file order."""
    text = read_text(path.absolute())
    if isinstance(text, Problem):
        return None, (text,)
    if problem := foreign(text, str(path.absolute())):
        return None, (problem,)
    return read_as(
        text,
        path,
        models_dir=models_dir,
        flags_for=flags_for,
        defaults_for=defaults_for,
        before=before,
    )


def read_as(
    text: str,
    path: Path,
    *,
    models_dir: Path | None = None,
    flags_for: FlagsFor,
    defaults_for: DefaultsFor = no_defaults,
    before: Mapping[str, Profile] = NOBODY,
    most: int = 0,
) -> tuple[Stable | None, tuple[Problem, ...]]:
    """As `read`, if the file had this text; `most`: no more problems are looked for, 0 = all."""
    path = path.absolute()
    folders = Folders(models_dir or path.parent / "models", path.parent)
    findings = Findings(str(path), most)
    engines = EngineFlags(flags_for, defaults_for, path.parent, findings)
    try:
        return _FileReader(path, folders, engines, findings, Sharing(before)).read(text)
    except TooManyProblems:
        return None, findings.problems


@dataclass(frozen=True, slots=True)
class _Built:
    profile: Profile
    aliases_line: int  # where the section gives it aliases; 0 where it does not


class _FileReader:
    def __init__(
        self,
        path: Path,
        folders: Folders,
        engines: EngineFlags,
        findings: Findings,
        sharing: Sharing,
    ) -> None:
        self._path, self._folders = path, folders
        self._engines, self._findings = engines, findings
        self._sharing = sharing

    def read(self, text: str) -> tuple[Stable | None, tuple[Problem, ...]]:
        sections, problems = parse_ini(text, str(self._path))
        self._findings.add(problems)
        named = self._by_name(sections)
        shared = named.pop("*", Section("*", 0, ()))
        if not named:  # `[*]` alone can be wrong too
            self._understand(shared, shared, shared)
        own = [section for section in named.values() if not is_variant(section)]
        built = [b for section in own if (b := self._profile(section, shared))]
        self._check_aliases(built)
        profiles = {b.profile.id: b.profile for b in built}
        variants = Variants(named, profiles, self._findings).read(self._flags_of(named, shared))
        return self._outcome(profiles, variants)

    def _flags_of(self, named: dict[str, Section], shared: Section) -> FlagSet | None:
        """Those that the default engine has, where there are variants to compare with them."""
        return self._engines.of(shared, shared) if any(map(is_variant, named.values())) else None

    def _outcome(
        self, profiles: dict[str, Profile], variants: dict[str, Variant]
    ) -> tuple[Stable | None, tuple[Problem, ...]]:
        found = self._findings
        if found.has_errors:
            return None, found.problems
        models = self._folders.models
        return Stable(self._path, models, profiles, found.warnings, variants), found.problems

    def _by_name(self, sections: tuple[Section, ...]) -> dict[str, Section]:
        named: dict[str, Section] = {}
        for section in map(_with_name, filter(_says_something, sections)):
            first = named.setdefault(section.name, section)
            if first is not section:
                self._twice(first, section)
            elif not section.name.isprintable():
                message = "a profile's name is printable text"
                self._findings.error(message, line=section.line, section=section.name)
        return named

    def _twice(self, first: Section, again: Section) -> None:
        was = f"in line {first.line}" if first.line else "before the first section"
        self._findings.error(
            f"section [{again.name}] in line {again.line} was already given {was}",
            line=again.line,
            hint="merge the two, or rename one",
        )

    def _understand(self, section: Section, own: Section, shared: Section) -> Understood:
        flags = self._engines.of(own, shared)
        below = {}
        if section is not shared:
            has_tail = any(e.key.lower() == EXTRA_ARGS for e in section.entries)
            below = old_switches(shared, flags, tail=not has_tail)
        return understand(section, flags, self._folders, self._findings, below)

    def _profile(self, section: Section, shared: Section) -> _Built | None:
        over = self._understand(section, section, shared)
        under = self._understand(shared, section, shared)
        lowest = self._engines.defaults(section, shared)
        profile = self._resolved(section, lowest, under, over)
        if not _has_model(profile):
            lowest += self._named(section)
            profile = self._resolved(section, lowest, under, over)
        if not _has_model(profile) and not self._no_model(section, over):
            return None
        flags = self._engines.of(section, shared)
        self._findings.add(lint(profile, under.origins | over.origins, flags, str(self._path)))
        aliases = over.origins.get("aliases")
        return _Built(self._sharing.of(profile), aliases.line if aliases else 0)

    def _named(self, section: Section) -> list[Setting]:
        """The files of the model that the section is named after, if there is one."""
        origin = Origin(section.name, "section", section.line)
        found = files_named(section.name, self._folders.models)
        specs = {flag: known[0] for flag in found if (known := WELL_KNOWN.find(flag))}
        return [Setting(specs[f], (f, str(path)), origin) for f, path in found.items()]

    def _no_model(self, section: Section, over: Understood) -> bool:
        """Report a section without a model, unless that was reported; whether it was meant as a profile."""
        if not section.line and not section.entries:
            return False  # its header is indented, which was reported
        if not section.line:
            message = (
                "these keys stand before the first section and name no model: no profile gets them"
            )
            hint = "write [*] above them if they are for all; llama-server has a model `default` of them"
            self._findings.warning(message, line=section.entries[0].line, hint=hint)
            return False
        flags = self._engines.of(section, section)
        if not over.lacks_model:
            can_fetch = flags is None or flags.find("hf-repo")
            repository = section.name if is_repository(section.name) else "user/model"
            hint = "write MODEL = file.gguf" + (f", or hf-repo = {repository}" if can_fetch else "")
            self._findings.error("has no model", line=section.line, section=section.name, hint=hint)
        return True

    def _resolved(
        self, section: Section, lowest: list[Setting], under: Understood, over: Understood
    ) -> Profile:
        flags = _merged(lowest, under, over)
        if hub := hub_name(flags):
            flags = with_files(flags, hub, self._folders.models, os.environ)
        files = {f.name: Path(f.values[0]) for f in flags if f.name in {"--model", "--mmproj"}}
        return Profile(
            id=section.name,
            line=section.line,
            model=files.get("--model"),
            mmproj=files.get("--mmproj"),
            flags=flags,
            hub=hub,
            comments=section.comments,
            **self._fields(under.fields | over.fields),
        )

    def _fields(self, fields: dict[str, object]) -> dict[str, Any]:
        kept: dict[str, Any] = {name: v for name, v in fields.items() if v is not None}
        if "speed_text" in kept:
            kept["expected_speed"] = first_number(kept["speed_text"])
        if "engine" in kept:
            kept["engine"] = self._engines.place(kept["engine"])
        return kept

    def _check_aliases(self, built: list[_Built]) -> None:
        """An id or alias means one profile only."""
        taken = {b.profile.id: f"the section in line {b.profile.line}" for b in built}
        for one in built:
            for alias in one.profile.aliases:
                if alias != one.profile.id:
                    self._check_alias(one.profile, alias, one.aliases_line, taken)

    def _check_alias(self, profile: Profile, alias: str, line: int, taken: dict[str, str]) -> None:
        if alias in taken:
            self._findings.error(
                f"alias {alias!r} in line {line} is taken by {taken[alias]}",
                line=line,
                section=profile.id,
                key="aliases",
            )
        taken.setdefault(alias, f"an alias of [{profile.id}] in line {line}")


def _has_model(profile: Profile) -> bool:
    return bool(profile.model) or any(profile.flag(name) for name in REMOTE)


def _says_something(section: Section) -> bool:
    """What stands before the first section is a profile, unless it is nothing or only `version`."""
    return bool(section.name) or any(e.key.lower() not in IGNORED for e in section.entries)


def _with_name(section: Section) -> Section:
    return section if section.name else replace(section, name=NAMELESS)


def _merged(lowest: list[Setting], under: Understood, over: Understood) -> tuple[Flag, ...]:
    """The model comes first: a command line is read by people too."""
    flags = merge(
        [
            Layer(tuple(lowest)),
            Layer(tuple(under.keys)),
            Layer(tuple(under.extra or ()), void=over.extra is not None),
            Layer(tuple(over.keys)),
            Layer(tuple(over.extra or ())),
        ]
    )
    return tuple(sorted(flags, key=lambda flag: flag.name != "--model"))
