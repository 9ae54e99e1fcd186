"""A start of a llama-server becomes a section: flags as keys, its engine, its environment, its comments."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paddock.config.command_line import groups, is_flag
from paddock.config.model_files import Folders
from paddock.config.spellings import Modern, Use, modern
from paddock.config.vocabulary import RESERVED, WELL_KNOWN
from paddock.importing.launch import Launch
from paddock.importing.page import Page, PageSection
from paddock.importing.programs import DRIVE, ChosenEngine, Programs
from paddock.importing.tails import Keys, as_keys, key_of
from paddock.llama.flags import FlagSet, FlagSpec

_SECRET = re.compile(r".*(KEY|TOKEN|SECRET|PASSWORD)", re.IGNORECASE)
# NVIDIA's container runtime reads these; Paddock's containers get their GPUs without.
_OF_CONTAINERS = frozenset({"NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_VISIBLE_DEVICES"})
_FIRST = frozenset({"model", "hf-repo"})  # a profile is read by people too
_TAIL = "EXTRA_ARGS"
_ENV = "give it to the engine's `env` in paddock.toml"
_BRANCHED = "set in a branch of the script: all branches are read, and the last value counts"
_NOT_KNOWN = "its value is known only at run time"


@dataclass(slots=True)
class SectionFiller:
    """Fills sections from starts; all notes go to one page."""

    programs: Programs
    notes: Page

    def fill(self, section: PageSection, launch: Launch, where: str) -> None:
        """Fill a section from a start; notes on what is not carried over name `where` it was read."""
        settings, env = self._sorted(launch, where)
        chosen = self.programs.of(launch, env)
        filling = _Filling(section, launch, chosen, where, self.notes)
        filling.command()
        filling.settings(settings)
        filling.engine(env)
        _attach(section, launch, chosen.flags)

    def _sorted(self, launch: Launch, where: str) -> tuple[dict[str, str], dict[str, str]]:
        """Variables that are flags, and those that are its engine's."""
        settings, env = {}, {}
        for name, value in launch.env.items():
            if name.startswith("LLAMA_ARG_"):
                settings[name] = value
            elif _SECRET.fullmatch(name):
                self.notes.note(where, f"keys are not copied: {_ENV}", what=name)
            elif name not in _OF_CONTAINERS:
                env[name] = value
        devices = launch.env.get("NVIDIA_VISIBLE_DEVICES", "all")
        if launch.image and devices[:1].isdigit():
            env.setdefault("CUDA_VISIBLE_DEVICES", devices)
        return settings, env


@dataclass(slots=True)
class _Filling:
    """One section and what it is filled from."""

    section: PageSection
    launch: Launch
    chosen: ChosenEngine
    where: str
    notes: Page

    def command(self) -> None:
        """The flags of its command line."""
        words, lost = _known_only(self.launch, self.chosen.flags)
        place = _Place(self.launch, self.chosen.flags).place
        keys = as_keys(words, self.chosen.flags, place)
        for text, why in (*self.launch.left, *lost):
            self.notes.note(self.where, why, what=text)
        if self.launch.branched:
            self.notes.note(self.where, _BRANCHED, "look", ", ".join(self.launch.branched))
        self.section.aliases += [name for name in keys.aliases if name != self.section.id]
        for key, value in sorted(keys.keys, key=lambda pair: pair[0] not in _FIRST):
            self.section.add(key, value, self.where)
        self._tell(keys)
        if keys.tail:
            self.section.add(_TAIL, shlex.join(keys.tail), self.where)

    def _tell(self, keys: Keys) -> None:
        for text, why in keys.lost:
            self.notes.note(self.where, why, what=text)
            if self.chosen.problem and not _is_ours(text, self.chosen.flags):
                _keep_off(self.section, text, self.where)  # its own engine may know it
        for text, why in keys.changed:
            self.notes.note(self.where, why, "changed", text)

    def settings(self, variables: Mapping[str, str]) -> None:
        """`LLAMA_ARG_…` are flags too; a command line goes over them."""
        flags = self.chosen.flags or WELL_KNOWN
        known, uses = set(variables), [Use(name, value) for name, value in variables.items()]
        newest = modern(uses, flags)
        for at, (name, value) in enumerate(variables.items()):
            comments, new = self.launch.about.get(name, ()), newest.get(at)
            if new:
                self._rewritten(name, value, new, comments)
            elif found := flags.find(name):
                self._setting(found[0], value if not found[1] else _opposite(value), comments)
            else:
                why = "this engine has no such flag"
                self.notes.note(self.where, why, what=f"{name}={value}")
                self.section.after += comments
        for name in self.launch.about.keys() - known:  # of what is the engine's, or nobody's
            self.section.after += self.launch.about[name]

    def _rewritten(self, name: str, value: str, new: Modern, comments: Iterable[str]) -> None:
        """A variable of an older build."""
        why = f"written as {' '.join(new.words)}" if new.words else f"left out: {new.why}"
        self.notes.note(self.where, why, "changed", f"{name}={value}")
        if new.words and (found := (self.chosen.flags or WELL_KNOWN).find(new.words[0])):
            self._setting(found[0], new.words[1] if len(new.words) > 1 else "true", comments)
        else:
            self.section.after += comments

    def _setting(self, spec: FlagSpec, value: str, comments: Iterable[str] = ()) -> None:
        key = spec.name.removeprefix("--")
        is_given = self.section.entry(key) or key in _in_tail(self.section, self.chosen.flags)
        if key == "alias":
            self.section.aliases += [part.strip() for part in value.split(",")]
        elif RESERVED.fullmatch(spec.name):
            if key not in ("host", "port"):
                why = "Paddock sets it itself for every profile"
                self.notes.note(self.where, why, what=f"--{key}")
        elif not is_given:
            placed = _Place(self.launch, self.chosen.flags).place(spec.name, value)
            self.section.add(key, placed, self.where, comments)
            return
        self.section.after += comments

    def engine(self, env: Mapping[str, str]) -> None:
        """Set the engine's name; without one, its environment is lost."""
        chosen = self.chosen
        if chosen.name:
            self.section.add("engine", chosen.name, self.where, is_off=bool(chosen.problem))
        else:
            for name, value in env.items():
                self.notes.note(self.where, _ENV, what=f"{name}={value}")
        if chosen.problem:
            cure = "; until the # before `engine` goes, the default engine runs it"
            why = f"{chosen.problem}{cure if chosen.name else ''}"
            self.notes.note(self.where, why, "look", f"engine {chosen.name}".strip())


@dataclass(frozen=True, slots=True)
class _Place:
    """Paths as they are on this machine."""

    launch: Launch
    flags: FlagSet | None

    def place(self, flag: str, value: str) -> str:
        found = (self.flags or WELL_KNOWN).find(flag)
        if DRIVE.match(value):  # of another system: nothing here matches it
            return value
        here = self.launch.mounts.on_host(value) if value.startswith("/") else value
        return (
            Folders(self.launch.folder, self.launch.folder).place(found[0], here) if found else here
        )


def _opposite(value: str) -> str:
    return "false" if value.lower() in ("1", "true", "on", "enabled", "") else "true"


def _known_only(launch: Launch, flags: FlagSet | None) -> tuple[list[str], list[tuple[str, str]]]:
    """The words without flags whose values are known only at run time, and those flags."""
    kept: list[str] = []
    lost = []
    for group in groups(launch.words, flags):
        if any(part in word for part in launch.unknown for word in group):
            lost.append((shlex.join(group), _NOT_KNOWN))
        else:
            kept += group
    return kept, lost


def _is_ours(text: str, flags: FlagSet | None) -> bool:
    """A flag that Paddock sets, and that may hold a key."""
    name = key_of(tuple(shlex.split(text)[:1]), flags)
    return RESERVED.fullmatch(f"--{name}") is not None


def _keep_off(section: PageSection, text: str, where: str) -> None:
    words = shlex.split(text)
    if words and is_flag(words[0]):
        value = shlex.join(words[1:]) if len(words) > 2 else "".join(words[1:]) or "true"
        section.add(words[0].lstrip("-"), value, where, is_off=True)


def _in_tail(section: PageSection, flags: FlagSet | None) -> set[str]:
    """The keys that its EXTRA_ARGS stand for."""
    tail = section.entry(_TAIL)
    words = shlex.split(tail.value) if tail else []
    return {key_of(group, flags) for group in groups(words, flags)}


# ---- comments ----


def _attach(section: PageSection, launch: Launch, flags: FlagSet | None) -> None:
    """Each comment of the command goes to the key of its flag, or of the next that became a key."""
    starts, at = [], 0
    in_tail = _in_tail(section, flags)
    for group in groups(launch.words, flags):
        key = key_of(group, flags)
        starts.append((at, _TAIL.lower() if key in in_tail else key))
        at += len(group)
    first = next((e.key.lower() for e in section.keys if e.key in _FIRST), "")
    for one in launch.remarks:
        if not one.after and not one.is_beside and first:  # about the whole command
            _attach_one(section, [first], one.text)
            continue
        _attach_one(section, _candidates(starts, one.after, is_beside=one.is_beside), one.text)


def _candidates(starts: list[tuple[int, str]], after: int, *, is_beside: bool) -> Iterable[str]:
    before = [key for at, key in starts if at < after]
    behind = [key for at, key in starts if at >= after]
    return [*before[-1:], *behind] if is_beside else behind


def _attach_one(section: PageSection, candidates: Iterable[str], text: str) -> None:
    for key in candidates:
        for entry in section.keys:
            if entry.key.lower() == key:
                entry.comments.append(text)
                return
    section.after.append(text)
