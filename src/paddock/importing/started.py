"""A start of a llama-server becomes a section: flags as keys, its engine, its environment, its comments."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from paddock.config.model_files import Folders
from paddock.config.vocabulary import RESERVED, WELL_KNOWN
from paddock.importing.launch import Launch
from paddock.importing.page import Page, Section
from paddock.importing.programs import Chosen, Programs
from paddock.importing.tails import Keys, as_keys, groups, is_flag, key_of
from paddock.llama.flags import FlagSet

_SECRET = re.compile(r".*(KEY|TOKEN|SECRET|PASSWORD)", re.IGNORECASE)
# NVIDIA's container runtime reads these; Paddock's containers get their GPUs without.
_OF_CONTAINERS = frozenset({"NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_VISIBLE_DEVICES"})
_FIRST = frozenset({"model", "hf-repo"})  # a profile is read by people too
_TAIL = "EXTRA_ARGS"
_NOT_KNOWN = "only a run could tell what it is"


@dataclass(slots=True)
class Starter:
    """Fills sections from starts; all notes go to one page."""

    programs: Programs
    notes: Page

    def fill(self, section: Section, launch: Launch, where: str) -> None:
        """`where` the command was read is told with whatever is not carried over."""
        settings, env = self._sorted(launch, where)
        chosen = self.programs.of(launch, env)
        words, lost = _known_only(launch, chosen.flags)
        keys = as_keys(words, chosen.flags, _Place(launch, chosen.flags).place)
        for text, why in (*launch.left, *lost):
            self.notes.note(where, why, what=text)
        self._take(section, keys, chosen, where)
        tail = {key_of(group, chosen.flags) for group in groups(keys.tail, chosen.flags)}
        self._settings(section, settings, launch, chosen, where, tail)
        self._engine(section, chosen, where)
        _attach(section, launch, chosen.flags)

    def _take(self, section: Section, keys: Keys, chosen: Chosen, where: str) -> None:
        section.aliases += [name for name in keys.aliases if name != section.id]
        for key, value in sorted(keys.keys, key=lambda pair: pair[0] not in _FIRST):
            section.add(key, value, where)
        for text, why in keys.lost:
            self.notes.note(where, why, what=text)
            if chosen.problem and not _is_ours(text, chosen.flags):  # its own engine may know it
                _keep_off(section, text, where)
        for text, why in keys.changed:
            self.notes.note(where, why, "changed", text)
        if keys.tail:
            section.add(_TAIL, shlex.join(keys.tail), where)

    # ---- environment ----

    def _sorted(self, launch: Launch, where: str) -> tuple[dict[str, str], dict[str, str]]:
        """Variables that are flags, and those that are its engine's."""
        settings, env = {}, {}
        for name, value in launch.env.items():
            if name.startswith("LLAMA_ARG_"):
                settings[name] = value
            elif _SECRET.fullmatch(name):
                told = "keys are not copied: give it to the engine's `env` in paddock.toml"
                self.notes.note(where, told, what=name)
            elif name not in _OF_CONTAINERS:
                env[name] = value
        devices = launch.env.get("NVIDIA_VISIBLE_DEVICES", "all")
        if launch.image and devices[:1].isdigit():
            env.setdefault("CUDA_VISIBLE_DEVICES", devices)
        return settings, env

    def _settings(
        self,
        section: Section,
        settings: dict[str, str],
        launch: Launch,
        chosen: Chosen,
        where: str,
        tail: set[str],
    ) -> None:
        """`LLAMA_ARG_…` are flags too; a command line goes over them."""
        place = _Place(launch, chosen.flags).place
        for name, value in settings.items():
            found = (chosen.flags or WELL_KNOWN).find(name)
            if not found:
                self.notes.note(where, "this engine has no such flag", what=f"{name}={value}")
                continue
            key = found[0].name.removeprefix("--")
            if key == "alias":
                section.aliases += [part.strip() for part in value.split(",")]
            elif (
                not section.entry(key) and key not in tail and not RESERVED.fullmatch(found[0].name)
            ):
                said = value if not found[1] else _opposite(value)
                section.add(key, place(found[0].name, said), where)

    # ---- the engine ----

    def _engine(self, section: Section, chosen: Chosen, where: str) -> None:
        if chosen.name:
            section.add("engine", chosen.name, where, is_off=bool(chosen.problem))
        if chosen.problem:
            cure = (
                "; until the # before `engine` goes, the default engine runs it"
                if chosen.name
                else ""
            )
            what = f"engine {chosen.name}".strip()
            self.notes.note(where, f"{chosen.problem}{cure}", "look", what)


@dataclass(frozen=True, slots=True)
class _Place:
    """Paths as they are on this machine."""

    launch: Launch
    flags: FlagSet | None

    def place(self, flag: str, value: str) -> str:
        found = (self.flags or WELL_KNOWN).find(flag)
        here = self.launch.mounts.on_host(value) if value.startswith("/") else value
        return (
            Folders(self.launch.folder, self.launch.folder).place(found[0], here) if found else here
        )


def _opposite(value: str) -> str:
    return "false" if value.lower() in ("1", "true", "on", "enabled", "") else "true"


def _known_only(launch: Launch, flags: FlagSet | None) -> tuple[list[str], list[tuple[str, str]]]:
    """Its words without the flags that hold what only a run could tell; those."""
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


def _keep_off(section: Section, text: str, where: str) -> None:
    words = shlex.split(text)
    if words and is_flag(words[0]):
        value = shlex.join(words[1:]) if len(words) > 2 else "".join(words[1:]) or "true"
        section.add(words[0].lstrip("-"), value, where, is_off=True)


# ---- comments ----


def _attach(section: Section, launch: Launch, flags: FlagSet | None) -> None:
    """Each comment of the command goes to the key of its flag, or of the next that became a key."""
    starts, at = [], 0
    tail = section.entry(_TAIL)
    in_tail = {key_of(g, flags) for g in groups(shlex.split(tail.value), flags)} if tail else set()
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


def _attach_one(section: Section, candidates: Iterable[str], text: str) -> None:
    for key in candidates:
        for entry in section.keys:
            if entry.key.lower() == key:
                entry.comments.append(text)
                return
    section.after.append(text)
