"""llama-swap's configuration: a section for each model, a profile for each whose command starts a llama-server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paddock.errors import ConfigError
from paddock.importing.key_comments import KeyComments
from paddock.importing.launch import Launch, Other, launches
from paddock.importing.macros import Macros
from paddock.importing.page import GAP, Page, PageSection, compose, plain
from paddock.importing.programs import Known, Programs
from paddock.importing.sharing import share
from paddock.importing.shell import Call, Shell
from paddock.importing.started import SectionFiller
from paddock.importing.swap_command import split_command
from paddock.importing.swap_keys import ModelKeys
from paddock.importing.swap_shared import Shared
from paddock.importing.swap_words import TOP_KEYS, strange
from paddock.importing.yaml_file import items, mapping, read_yaml, text_of


def read_llama_swap(path: Path, known: Known, environ: Mapping[str, str]) -> tuple[Page, Programs]:
    """The page, and the engines that it names; ConfigError where it is no configuration of llama-swap."""
    file = read_yaml(path)
    models = mapping(file.value.get("models"))
    if not models:
        raise ConfigError(f"{path} has no models", hint="name llama-swap's own configuration")
    notes = Page()
    programs = Programs(known, path.name)
    reading = _SwapReader(
        KeyComments.of(file, "models"),
        Macros(mapping(file.value.get("macros")), environ),
        SectionFiller(programs, notes),
        Shell(path.absolute().parent, path.absolute().parent, environ=environ),
    )
    return reading.page(models), programs


class _SwapReader:
    def __init__(
        self, comments: KeyComments, macros: Macros, filler: SectionFiller, shell: Shell
    ) -> None:
        self._comments, self._file = comments, comments.file
        self._macros, self._filler, self._shell = macros, filler, shell
        self._notes = filler.notes
        self._variants: dict[str, list[PageSection]] = {}  # by their profile's id

    def page(self, models: Mapping[str, Any]) -> Page:
        head = self._comments.head()
        above = self._comments.above("models")
        sections = [self._section(id_, mapping(model)) for id_, model in models.items()]
        if above:
            sections[0].comments[:0] = [*above, GAP]
        self._preload(sections)
        page = self._composed(sections, head)
        for key in self._file.value:
            if why := TOP_KEYS.get(key, ""):
                self._notes.note(self._file.where(key), why)
        for path in strange(self._file.value):
            self._notes.note(self._file.where(*path), "neither llama-swap nor Paddock knows it")
        for where, text in self._comments.lost():
            why = "a comment about something that is not carried over"
            self._notes.note(where, why, what=text)
        page.notes[:0] = self._notes.notes
        return page

    def _composed(self, sections: list[PageSection], head: list[str]) -> Page:
        profiles = [section for section in sections if not section.left_out]
        shared = Shared(self._comments, self._macros, head)
        section = shared.section()
        engines = list({id(f): f for f in self._filler.programs.all_flags()}.values())
        share(profiles, section, engines)
        shared.comment(section, profiles, engines)
        if sections and (end := self._comments.end()):
            last = sections[-1]
            last.after += [GAP, *end] if last.after or not last.left_out else end
        return compose([x for s in sections for x in (s, *self._variants.get(s.id, ()))], section)

    def _preload(self, sections: list[PageSection]) -> None:
        hooks = mapping(mapping(self._file.value.get("hooks")).get("on_startup"))
        wanted = {self._macros.expand(text_of(id_)) for id_ in items(hooks.get("preload"))}
        for section in sections:
            if not wanted.isdisjoint({section.id, *section.aliases}):
                where = self._file.where("hooks", "on_startup", "preload")
                section.add("preload", "true", where)

    # ---- one model ----

    def _section(self, id_: str, model: Mapping[str, Any]) -> PageSection:
        where = self._file.where("models", id_)
        section = PageSection(id_, where)
        start = self._start(section, model)
        section.comments = self._comments.above("models", id_)
        if isinstance(start, Other):
            section.left_out = start.why
            self._notes.note(self._file.where("models", id_, "cmd"), start.why)
        else:
            self._filled(section, model, start)
        section.after += self._comments.below("models", id_) + self._comments.after("models", id_)
        return section

    def _start(self, section: PageSection, model: Mapping[str, Any]) -> Launch | Other:
        id_ = section.id
        if plain(id_) != id_ or not id_ or id_ == "*" or "]" in id_:
            return Other("", f"no name for a profile: {id_!r}")
        macros = self._macros.within(mapping(model.get("macros")), id_)
        try:
            command = split_command(text_of(model.get("cmd")), macros)
        except ValueError as error:
            return Other("", f"cannot be split into words: {error}")
        env = dict(
            macros.expand(text_of(one)).partition("=")[::2] for one in items(model.get("env"))
        )
        call = Call(command.words, command.remarks, 0, env, self._shell.folder)
        found = list(launches(call, self._shell))
        return next((one for one in found if isinstance(one, Launch)), found[0])

    def _filled(self, section: PageSection, model: Mapping[str, Any], start: Launch) -> None:
        macros = self._macros.within(mapping(model.get("macros")), section.id)
        keys = ModelKeys(section, model, macros, self._comments, self._notes)
        keys.names()
        count = len(section.keys)
        above = self._comments.above("models", section.id, "cmd")
        self._filler.fill(section, start, self._file.where("models", section.id, "cmd"))
        if len(section.keys) > count:
            section.keys[count].comments[:0] = above
        keys.rest(self._priority(section.id))
        self._variants[section.id] = keys.variants

    def _priority(self, id_: str) -> str:
        value: object = self._file.value
        for key in ("routing", "scheduler", "settings", "fifo", "priority", id_):
            value = mapping(value).get(key)
        return self._macros.expand(text_of(value))
