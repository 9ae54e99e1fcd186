"""Profiles added to a models.conf that is there: drafted, checked as a whole, then appended. Prints nothing.

Start at `addition_of_file`, `addition_of_folder` and `append`. What stands in the file is kept byte for byte.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.atomic_write import atomic_write
from paddock.cli.offline.draft import nothing_to_serve
from paddock.cli.offline.inquiry import machine_for, read_headers
from paddock.cli.offline.planning import Local
from paddock.cli.offline.profile_facts import facts_of, with_refusals
from paddock.config.ini import read_text
from paddock.config.model_files import at_home
from paddock.config.model_folder import look_around, look_into
from paddock.config.model_kinds import sort_out
from paddock.config.model_places import Places
from paddock.config.models_conf import read_as
from paddock.config.profile import Problem
from paddock.errors import ConfigError
from paddock.llama.gguf import shards
from paddock.placement import draft_text
from paddock.placement.advice import advise
from paddock.placement.draft import DraftEntry, entries
from paddock.plain_file import oddity, read_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from paddock.api.placement import Plan
    from paddock.cli.offline.files import Files
    from paddock.cli.offline.inquiry import InquiryProgress
    from paddock.config.model_folder import ModelFile
    from paddock.config.model_kinds import Sorted, UsableModel
    from paddock.config.profile import Stable
    from paddock.placement.draft_machine import Machine


@dataclass(frozen=True, slots=True)
class Addition:
    """Profiles that models.conf does not have yet."""

    files: Files
    before: str  # all of models.conf as it was read
    sections: str  # what is put at its end
    entries: tuple[DraftEntry, ...]
    stable: Stable  # as models.conf will be read

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.id for entry in self.entries)

    def plans(self) -> list[Plan]:
        """Where each would lie, by its own engine; loads nothing."""
        here = Local(self.files)
        return [here.plan(self.stable.profiles[name]) for name in self.names]


def addition_of_file(
    model: Path,
    files: Files,
    *,
    name: str | None,
    progress: InquiryProgress,
    source: str = "",
    alias: str = "",
) -> Addition:
    """A profile for one GGUF file, with the projector that lies beside it. `source`: where it was fetched from.

    ConfigError where the file is no model that can be served, models.conf has it already, or `paddock check` would
    refuse what came of it.
    """
    target = _Target.of(files)
    if name is not None:
        _must_be_a_name(name)
    path = _model_file(model)
    if profile := target.profile_of(path):
        hint = "--name NAME adds another profile of the same file"
        if name is None:
            raise ConfigError(f"[{profile}] has {path} already", hint=hint)
    top = _top(path, files)
    found = sort_out(read_headers(_beside(path, top), files.paths.state_dir, progress))
    machine = machine_for(files, [_served(path, found)], progress)
    [entry] = entries([_served(path, found)], machine, taken=target.names)
    entry = replace(entry, id=name or entry.id, source=source, alias=alias)
    outline = _outline(top, files, machine=machine, new=[entry])
    return target.with_sections(draft_text.sections(outline), [entry])


def addition_of_folder(folder: Path, files: Files, progress: InquiryProgress) -> Addition | None:
    """A profile for each model of the folder that models.conf does not have; None where it has them all.

    ConfigError where the folder has no model that can be served.
    """
    target = _Target.of(files)
    contents = look_into(folder)
    found = sort_out(read_headers(contents.files, files.paths.state_dir, progress))
    if not found.models:
        found.left_out = sorted([*contents.left_out, *found.left_out], key=lambda one: one.path)
        raise nothing_to_serve(folder, found)
    new = [model for model in found.models if not target.profile_of(model.file.path)]
    if not new:
        return None
    machine = machine_for(files, found.models, progress)
    profiles = entries(new, machine, taken=target.names)
    outline = _outline(folder, files, machine=machine, new=profiles)
    return target.with_sections(draft_text.sections(outline), profiles)


def append(addition: Addition) -> None:
    """Write models.conf whole or not at all. ConfigError where it was changed since it was read."""
    after = addition.before + _joined(addition.before, addition.sections)
    replace_text(addition.files.paths.config, addition.before, after)


def replace_text(file: Path, seen: str, after: str) -> None:
    """Write the file whole or not at all, with its byte order mark. ConfigError where it is not as it was `seen`."""
    try:
        before = read_plain(file)
        if before.decode("utf-8-sig") != seen:
            raise ConfigError(f"{file} was changed in the meantime", hint="try again")
        mark = BOM_UTF8 if before.startswith(BOM_UTF8) else b""
        atomic_write(file, mark + after.encode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} was changed in the meantime", hint="try again") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error


# ---- models.conf as it is ----


@dataclass(frozen=True, slots=True)
class _Target:
    """The models.conf that is added to."""

    files: Files
    text: str
    stable: Stable

    @classmethod
    def of(cls, files: Files) -> _Target:
        files.must_exist()
        text = _text(files.paths.config)
        stable, problems = _read(text, files)
        if stable is None:
            raise _refused(f"{files.paths.config} has errors already", problems, "correct the file")
        return cls(files, text, stable)

    @property
    def names(self) -> Collection[str]:
        profiles = self.stable.profiles.values()
        return {name for one in profiles for name in (one.id, *one.aliases)}

    def profile_of(self, path: Path) -> str:
        """The profile that has this model; "" where none has."""
        real = path.resolve()
        own = ((one.id, one.model) for one in self.stable.profiles.values())
        return next((id_ for id_, model in own if model and _first(model).resolve() == real), "")

    def with_sections(self, sections: str, new: Sequence[DraftEntry]) -> Addition:
        """Read as it would be afterwards. ConfigError where `paddock check` would refuse it."""
        conf = self.files.paths.config
        text = self.text + _joined(self.text, sections)
        stable, problems = _read(text, self.files)
        if stable is None:
            raise _refused(f"{conf} is left as it is: this would be wrong in it", problems)
        wanted = {entry.id for entry in new}
        if set(stable.profiles) - set(self.stable.profiles) != wanted:
            names = ", ".join(map(repr, sorted(wanted)))
            raise ConfigError(f"a profile cannot be called {names}", hint="choose another --name")
        self._must_load(stable, wanted)
        return Addition(self.files, self.text, sections, tuple(new), stable)

    def _must_load(self, stable: Stable, wanted: Iterable[str]) -> None:
        profiles = [stable.profiles[name] for name in wanted]
        facts = with_refusals(self.files, facts_of(self.files, profiles))
        wrong = [a for one in facts for a in advise(one) if a.severity == "error"]
        if wrong:
            detail = tuple(f"[{a.profile}] {a.message}" for a in wrong)
            raise ConfigError(
                f"{self.files.paths.config} is left as it is: this would not load", detail=detail
            )


def reread(text: str, files: Files, what: str) -> Stable:
    """What models.conf would be with this text. ConfigError, about `what`, where `paddock check` would refuse it."""
    stable, problems = _read(text, files)
    if stable is None:
        raise _refused(f"{files.paths.config} is left as it is: {what} would be wrong", problems)
    return stable


def problems_of(text: str, files: Files) -> tuple[Problem, ...]:
    """Everything that would be wrong in models.conf if it had this text."""
    return _read(text, files)[1]


def _read(text: str, files: Files) -> tuple[Stable | None, tuple[Problem, ...]]:
    engines = files.engines
    return read_as(
        text,
        files.paths.config,
        models_dir=files.paths.models_dir,
        flags_for=engines.flags,
        defaults_for=engines.defaults,
    )


def _refused(message: str, problems: Iterable[Problem], hint: str = "") -> ConfigError:
    errors = tuple(str(problem) for problem in problems if problem.severity == "error")
    return ConfigError(message, hint=hint, detail=errors)


def _text(file: Path) -> str:
    text = read_text(file)
    if isinstance(text, Problem):
        raise ConfigError(str(text))
    return text


def _joined(before: str, sections: str) -> str:
    """With an empty line before it, and the line ends that the file has."""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    text = gap + sections
    return text.replace("\n", "\r\n") if "\r\n" in before else text


def _must_be_a_name(name: str) -> None:
    """Raise where no section can be called so, or `[*]` would be meant."""
    is_plain = name.isprintable() and name == name.strip() and not set(name) & set("[]")
    if not name or name == "*" or not is_plain:
        raise ConfigError(
            f"a profile cannot be called {name!r}",
            hint="choose another --name: letters and digits, and signs but [ ] within it",
        )


# ---- the model ----


def _model_file(model: Path) -> Path:
    """Its first shard, as an absolute path."""
    path = Path(at_home(str(model))).absolute()
    if path.is_dir():
        hint = f"`paddock init {model}` adds what is new in a folder"
        raise ConfigError(f"{path} is a folder", hint=hint)
    if odd := oddity(path):
        raise ConfigError(f"{path} is {odd} instead of a file")
    if not path.exists():
        raise ConfigError(f"there is no file {path}")
    if path.suffix.lower() != ".gguf":
        raise ConfigError(f"{path} does not end in .gguf", hint="name a GGUF file")
    return _first(path)


def _first(path: Path) -> Path:
    return shards(path)[0]


def _top(path: Path, files: Files) -> Path:
    """The folder that `paddock init` would have been given: the models folder, or one like it."""
    if path.is_relative_to(files.paths.models_dir):
        return files.paths.models_dir
    # A folder `MODEL-GGUF` holds one model, below its publisher's.
    is_repository = path.parent.name.lower().endswith("-gguf")
    return path.parent.parent.parent if is_repository else path.parent


def _beside(path: Path, top: Path) -> list[ModelFile]:
    if found := look_around(path, top):
        return found
    raise ConfigError(f"models.conf cannot hold the name of {str(path)!r}", hint="rename it")


def _served(path: Path, found: Sorted) -> UsableModel:
    """The model. ConfigError says what the file is instead."""
    real = path.resolve()
    for model in found.models:
        if model.file.path.resolve() == real:
            return model
    reasons = {one.path.resolve(): one.why for one in found.left_out}
    for model in found.models:
        if model.projector:
            reasons[model.projector.path.resolve()] = (
                f"the projector of {model.file.path}: name that"
            )
    why = reasons.get(real, "a draft model: write it as `model-draft` into another profile")
    raise ConfigError(f"{path} gets no profile: {why}")


def _outline(
    top: Path, files: Files, *, machine: Machine, new: Sequence[DraftEntry]
) -> draft_text.DraftOutline:
    return draft_text.DraftOutline(
        folder=top,
        today=datetime.now(UTC).astimezone().date(),
        machine=machine,
        entries=new,
        drafts=(),
        left_out=(),
        place=Places.beside_others(top, files.paths).written,
    )
