"""llama-swap's configuration: one profile for each model whose command is a llama-server."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paddock.config.model_files import Folders
from paddock.errors import ConfigError
from paddock.importing.macros import Macros
from paddock.importing.page import Page, Section, compose, plain
from paddock.importing.swap_words import MODEL_KEYS, SAMPLERS, TOP_KEYS
from paddock.importing.tails import Keys, as_keys
from paddock.importing.yaml_file import Yaml, items, mapping, read_yaml, text_of
from paddock.llama.flags import FlagSet

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def read_llama_swap(path: Path, flags: FlagSet | None, environ: Mapping[str, str]) -> Page:
    """The page; ConfigError where it is no configuration of llama-swap."""
    file = read_yaml(path)
    models = mapping(file.value.get("models"))
    if not models:
        raise ConfigError(f"{path} has no models", hint="name llama-swap's own configuration")
    return _Reading(file, flags, environ).page(models)


class _Reading:
    def __init__(self, file: Yaml, flags: FlagSet | None, environ: Mapping[str, str]) -> None:
        self._file, self._flags = file, flags
        folder = file.path.absolute().parent
        self._folders = Folders(folder, folder)
        self._macros = Macros(mapping(file.value.get("macros")), environ)
        self._notes = Page()
        self._programs: dict[str, str] = {}  # each llama-server, and where it was first named

    def page(self, models: Mapping[str, Any]) -> Page:
        found = [self._model(id_, mapping(model)) for id_, model in models.items()]
        sections = [section for section in found if section]
        self._top(sections)
        page = compose(sections, self._shared())
        page.notes[:0] = self._notes.notes
        return page

    # ---- what stands above the models ----

    def _shared(self) -> Section:
        shared = Section("*", self._file.where())
        if ttl := self._file.value.get("globalTTL"):
            shared.add("ttl", text_of(ttl), self._file.where("globalTTL"))
        return shared

    def _top(self, sections: list[Section]) -> None:
        hooks = mapping(mapping(self._file.value.get("hooks")).get("on_startup"))
        for id_ in items(hooks.get("preload")):
            for section in sections:
                if id_ in (section.id, *section.aliases):
                    where = self._file.where("hooks", "on_startup", "preload")
                    section.add("preload", "true", where)
        for key in self._file.value:
            if why := TOP_KEYS.get(str(key), "Paddock knows nothing like it"):
                self._notes.note(self._file.where(str(key)), why)

    # ---- one model ----

    def _model(self, id_: str, model: Mapping[str, Any]) -> Section | None:
        where = self._file.where("models", id_)
        if plain(id_) != id_ or not id_ or id_ == "*":
            self._notes.note(where, f"no name for a profile: {id_!r}")
            return None
        section = Section(id_, where)
        macros = self._macros.within(mapping(model.get("macros")), id_)
        words = self._command(id_, macros.expand(text_of(model.get("cmd"))))
        if words is None:
            return None
        self._named(section, model, macros)
        self._flags_of(section, words, model, macros)
        self._own_keys(section, model)
        return section

    def _note(self, id_: str, key: str, why: str, *, is_lost: bool = True) -> None:
        where = self._file.where("models", id_, key)
        self._notes.note(where, why, "lost" if is_lost else "changed")

    def _command(self, id_: str, text: str) -> list[str] | None:
        """The words after `llama-server`, the variables set before it among them; None: another program."""
        lines = [line.strip() for line in text.splitlines()]
        joined = " ".join(line.removesuffix("\\") for line in lines if not line.startswith("#"))
        try:
            words = shlex.split(joined)
        except ValueError as error:
            self._note(id_, "cmd", f"cannot be split into words: {error}")
            return None
        start = 1 if words[:1] and Path(words[0]).name == "env" else 0
        first = next((i for i in range(start, len(words)) if not _ASSIGNMENT.match(words[i])), 0)
        program = words[first] if words else ""
        if "llama-server" not in Path(program).name:
            self._note(id_, "cmd", _other_program(program))
            return None
        self._tell_program(id_, program)
        return [*words[start:first], *words[first + 1 :]]

    def _tell_program(self, id_: str, program: str) -> None:
        if "/" in program and program not in self._programs:
            self._programs[program] = id_
            why = (
                f"runs {program}; Paddock uses its own default engine. `engine = {program}` in a "
                "section, or an engine of paddock.toml, keeps that one"
            )
            self._note(id_, "cmd", why, is_lost=False)

    def _named(self, section: Section, model: Mapping[str, Any], macros: Macros) -> None:
        for key, name in (("name", "NAME"), ("description", "DESCRIPTION")):
            if told := macros.expand(text_of(model.get(key))):
                section.add(name, told, self._file.where("models", section.id, key))
        for alias in items(model.get("aliases")):
            section.aliases.append(text_of(mapping(alias).get("id") or alias))

    def _flags_of(
        self, section: Section, words: list[str], model: Mapping[str, Any], macros: Macros
    ) -> None:
        where = self._file.where("models", section.id, "cmd")
        count = next((i for i, w in enumerate(words) if w.startswith("-")), len(words))
        settings = [*words[:count], *map(macros.expand, map(text_of, items(model.get("env"))))]
        keys = as_keys(words[count:], self._flags, self._place)
        for text, why in keys.lost:
            self._notes.note(where, f"{text}: {why}")
        for text, why in keys.changed:
            self._notes.note(where, f"{text}: {why}", "changed")
        section.aliases += [name for name in keys.aliases if name != section.id]
        for name, value in keys.keys:
            section.add(name, value, where)
        self._environment(section, settings, keys)
        if keys.tail:
            section.add("EXTRA_ARGS", shlex.join(keys.tail), where)

    def _place(self, flag: str, value: str) -> str:
        found = self._flags.find(flag) if self._flags else None
        return self._folders.place(found[0], value) if found else value

    def _environment(self, section: Section, settings: list[str], keys: Keys) -> None:
        """`LLAMA_ARG_…` are flags too; a command line goes over them."""
        for setting in settings:
            name, _, value = setting.partition("=")
            found = self._flags.find(name) if self._flags and name.startswith("LLAMA_") else None
            if not found:
                why = f"{setting}: give it to an engine of paddock.toml ([engines.NAME] env)"
                self._note(section.id, "env", why)
            elif found[0].name[2:] not in dict(keys.keys):
                key = found[0].name[2:]
                section.add(key, self._place(found[0].name, value), f"{section.source}.env")

    # ---- what is not its command ----

    def _own_keys(self, section: Section, model: Mapping[str, Any]) -> None:
        here = {key: self._file.where("models", section.id, key) for key in model}
        if (ttl := model.get("ttl")) is not None and text_of(ttl) != "-1":
            section.add("ttl", text_of(ttl), here["ttl"])
        if model.get("unlisted"):
            section.add("hidden", "true", here["unlisted"])
        if limit := model.get("concurrencyLimit"):
            section.add("concurrency", text_of(limit), here["concurrencyLimit"])
        if grace := model.get("unloadTimeout"):
            section.add("stop-timeout", text_of(grace), here["unloadTimeout"])
        if priority := mapping(self._priorities()).get(section.id):
            section.add("priority", text_of(priority))
        for key in model:
            if why := MODEL_KEYS.get(str(key), "Paddock knows nothing like it"):
                self._note(section.id, str(key), why)
        self._filters(section, mapping(model.get("filters")))

    def _priorities(self) -> object:
        value: object = self._file.value
        for key in ("routing", "scheduler", "settings", "fifo", "priority"):
            value = mapping(value).get(key)
        return value

    def _filters(self, section: Section, filters: Mapping[str, Any]) -> None:
        stripped = {w.strip() for w in text_of(filters.get("stripParams")).split(",") if w.strip()}
        where = self._file.where("models", section.id, "filters", "stripParams")
        if stripped & SAMPLERS:
            section.add("sampler-policy", "force", where)
            told = "is `sampler-policy = force`: the profile's samplers count, all of them"
            self._notes.note(where, told, "changed")
        if others := ", ".join(sorted(stripped - SAMPLERS)):
            self._notes.note(where, f"{others}: Paddock relays requests as they are")
        for key in ("setParams", "setParamsByID"):
            if filters.get(key):
                where = self._file.where("models", section.id, "filters", key)
                why = "Paddock relays requests as they are: give the profile the flags that mean it"
                self._notes.note(where, why)


def _other_program(program: str) -> str:
    if Path(program).name in ("docker", "podman"):
        return "runs a container: name its image in the profile, `engine = container:IMAGE`"
    if not program:
        return "has no command"
    return f"runs {program}, and Paddock runs llama-server only"
