"""What starts a llama-server with flags, and has no models.conf: compose files, systemd units, scripts.

Each start becomes a section, with the comments around it; what all have in common becomes `[*]`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from paddock.errors import ConfigError
from paddock.importing.compose_file import NAMES, dotenv
from paddock.importing.compose_services import Services
from paddock.importing.container_run import ContainerRun
from paddock.importing.key_comments import KeyComments
from paddock.importing.launch import Launch, Other, launches, router
from paddock.importing.page import GAP, Page, PageSection, compose, plain
from paddock.importing.programs import Known, Programs
from paddock.importing.sharing import share
from paddock.importing.shell import Call, Shell
from paddock.importing.started import SectionFiller
from paddock.importing.unit_file import SUFFIXES, Directive, Unit
from paddock.importing.yaml_file import read_yaml
from paddock.plain_file import read_plain

_LONGEST = 1 << 20  # bytes of a file that somebody wrote by hand
_GENERIC = re.compile(
    r"llama[-_.]?(?:cpp|server|cpp[-_]server)?|server|llm|start|run|serve|main", re.IGNORECASE
)
_VERB = re.compile(r"^(?:run|start|serve|launch)[-_.](?=\w)", re.IGNORECASE)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def read_starts(
    path: Path, known: Known, environ: Mapping[str, str], home: Path
) -> tuple[Page, Programs]:
    """The page of a file, or of all files of a folder, and the engines that it names; ConfigError without any."""
    files = list(_files(path))
    reading = _StartsReader(Programs(known, path.name), environ, home)
    for file in files:
        reading.read(file)
    if not reading.sections:
        raise ConfigError(
            f"nothing in {path} starts a llama-server",
            hint="name a folder with models.conf, a compose file, a systemd unit or a script, or one of these files",
            detail=(*reading.found, *(f"read {file}" for file in files)),
        )
    return reading.page(), reading.programs


def _files(path: Path) -> Iterator[Path]:
    """Compose files first, then units, then scripts."""
    if path.is_file():
        yield path
        return
    inside = sorted(one for one in path.iterdir() if one.is_file())
    yield from (one for name in NAMES for one in inside if one.name == name)
    yield from (one for one in inside if one.suffix in SUFFIXES)
    yield from (one for one in inside if one.suffix == ".sh" or _is_script(one))


def _is_script(path: Path) -> bool:
    if path.suffix:
        return False
    try:
        with path.open("rb") as file:
            head = file.read(80).split(b"\n", 1)[0]
    except OSError:
        return False
    return head.startswith(b"#!") and b"sh" in head


class _StartsReader:
    def __init__(self, programs: Programs, environ: Mapping[str, str], home: Path) -> None:
        self.programs, self.sections = programs, list[PageSection]()
        self._environ, self._home = environ, home
        self._notes = Page()
        self._filler = SectionFiller(programs, self._notes)
        self._shared = PageSection("*", "")

    def read(self, file: Path) -> None:
        if file.suffix in (".yml", ".yaml"):
            self._compose(file)
        elif file.suffix in SUFFIXES:
            self._unit(file)
        else:
            self._script(file)

    @property
    def found(self) -> tuple[str, ...]:
        """Its notes in lines: why a file that starts a server gives no profile."""
        return tuple(f"{one.where}: {one.why}" for one in self._notes.notes)

    def page(self) -> Page:
        engines = list({id(flags): flags for flags in self.programs.all_flags()}.values())
        share(self.sections, self._shared, engines)
        page = compose(self.sections, self._shared)
        page.notes[:0] = self._notes.notes
        return page

    def _add(self, launch: Launch, where: str, name: str, comments: list[str]) -> PageSection:
        """`name` is for the section, unless the command has one of its own, or it says nothing."""
        section = PageSection("", where, comments=comments)
        self._filler.fill(section, launch, where)
        section.id = self._id(section, name)
        section.aliases = [alias for alias in section.aliases if alias != section.id]
        self.sections.append(section)
        return section

    def _id(self, section: PageSection, name: str) -> str:
        model = section.entry("model") or section.entry("hf-repo")
        stem = Path(model.value).name.removesuffix(".gguf") if model else ""
        fallback = _SHARD.sub("", stem).lower()
        named = _VERB.sub("", name)
        named = "" if _GENERIC.fullmatch(named) else named
        found = next(filter(_is_name, (*section.aliases, named, fallback, name)), "model")
        taken = {one.id for one in self.sections}
        numbers = (f"{found}-{number}" for number in range(2, 1000))
        return found if found not in taken else next(one for one in numbers if one not in taken)

    # ---- compose ----

    def _compose(self, file: Path) -> None:
        yaml = read_yaml(file)
        comments = KeyComments.of(yaml, "services")
        environ = {**dotenv(file.parent), **self._environ}
        self._shared.comments += _with_gap(comments.head())
        above, known = comments.above("services"), len(self.sections)
        for one in Services(yaml, environ, comments, self._notes).found():
            section = self._add(one.launch, one.where, one.name, [])
            section.comments = [*_with_gap(above), *comments.above("services", one.name)]
            section.after += comments.below("services", one.name)
            section.after += comments.after("services", one.name)
            above = []
        if len(self.sections) > known and (end := comments.end()):
            self.sections[-1].after += [GAP, *end]
        for where, text in comments.lost():
            self._notes.note(where, "a comment about something that is not carried over", what=text)

    # ---- systemd ----

    def _unit(self, file: Path) -> None:
        unit = Unit.read(file, _text(file))
        found = list(self._of_unit(unit))
        if not found:
            return
        for lost in unit.lost(self._home):
            why = "Paddock's own unit can have it: packaging/paddock.service"
            self._notes.note(unit.where(lost), why, what=lost.value)
        comments = [text for one in unit.directives for text in one.comments]
        for directive, launch in found:
            bare = replace(launch, remarks=())
            section = self._add(bare, unit.where(directive), unit.path.stem.rstrip("@"), comments)
            section.after += unit.rest
            comments = []

    def _of_unit(self, unit: Unit) -> Iterator[tuple[Directive, Launch]]:
        if unit.is_template:
            self._notes.note(unit.path.name, "is a template: its instances are not named in it")
            return
        if quadlet := unit.container(self._home):
            directive, run = quadlet
            if other := router(run.flags):
                self._note_servers([other], unit.where(directive))
            elif run.is_llama:
                yield directive, _contained(run)
            return
        for directive, call in unit.calls(self._home):
            found = list(self._launches(call))
            self._note_servers(found, unit.where(directive))
            yield from ((directive, one) for one in found if isinstance(one, Launch))

    def _launches(self, call: Call) -> Iterator[Launch | Other]:
        return launches(call, Shell(call.folder, call.folder, environ=self._environ))

    def _note_servers(self, found: Iterable[Launch | Other], where: str) -> None:
        for one in found:
            if isinstance(one, Other) and one.is_server:
                self._notes.note(where, one.why)

    # ---- scripts ----

    def _script(self, file: Path) -> None:
        home = file.absolute().parent
        shell = Shell(home, home, environ=self._environ)
        known = len(self.sections)
        for call in shell.calls(_text(file)):
            found = list(launches(call, shell))
            starts = [one for one in found if isinstance(one, Launch)]
            self._note_flags(found, f"{file.name}:{call.line}")
            self._note_servers(found, f"{file.name}:{call.line}")
            if not starts:
                shell.give_back(call)
            for launch in starts:
                above = [remark.text for remark in launch.remarks if not remark.after]
                rest = tuple(remark for remark in launch.remarks if remark.after)
                where = f"{file.name}:{call.line}"
                self._add(replace(launch, remarks=rest), where, file.stem, above)
        if len(self.sections) > known:
            self.sections[-1].after += shell.rest

    def _note_flags(self, found: list[Launch | Other], where: str) -> None:
        """Note flags that follow a comment within a command: they are lost, as they were in the shell."""
        for one in found:
            if isinstance(one, Other) and one.words.startswith("-"):
                self._notes.note(where, one.why, what=one.words)


def _contained(run: ContainerRun) -> Launch:
    return Launch(
        tuple(run.flags), image=run.image, env=run.env, mounts=run.mounts, memory=run.memory
    )


def _with_gap(comments: list[str]) -> list[str]:
    return [*comments, GAP] if comments else []


def _is_name(text: str) -> bool:
    return (
        bool(text) and plain(text) == text and text != "*" and "]" not in text and "," not in text
    )


def _text(file: Path) -> str:
    try:
        return read_plain(file)[:_LONGEST].decode("utf-8-sig", "replace")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
