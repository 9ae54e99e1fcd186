"""A compose file whose services run llama-server with flags: each of those services is a start."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paddock.importing.compose_file import environment, substituted
from paddock.importing.container_run import ContainerRun, mib, take_device, take_gpus
from paddock.importing.env_file import read_env_file
from paddock.importing.key_comments import KeyComments
from paddock.importing.launch import Launch, launches, router
from paddock.importing.page import Page
from paddock.importing.shell import Call, Shell
from paddock.importing.shell_words import Remark
from paddock.importing.yaml_file import Yaml, items, mapping, text_of

_TOLD = {
    "ports": "Paddock answers at 127.0.0.1:8080: `listen` in paddock.toml",
    "build": "Paddock builds no images: `paddock engine build`, or name the image that this makes",
}
_OLD_SERVER = {"--server", "-s"}  # of images that hold all tools of llama.cpp


@dataclass(frozen=True, slots=True)
class Service:
    """One service that runs a llama-server."""

    name: str
    launch: Launch
    where: str


@dataclass(slots=True)
class Services:
    file: Yaml
    environ: Mapping[str, str]
    comments: KeyComments
    notes: Page

    def found(self) -> Iterator[Service]:
        """The services that run a llama-server; others are ignored."""
        for name, described in mapping(self.file.value.get("services")).items():
            service = mapping(described)
            run = self._run(name, service)
            if launch := self._launch(name, service, run):
                self._tell(name, service)
                yield Service(name, launch, self.file.where("services", name, "command"))

    def _text(self, value: object) -> str:
        return substituted(text_of(value), self.environ)

    def _words(self, value: object) -> list[str]:
        """The words of a command: a list as it is, a line split as a shell would."""
        if isinstance(value, list):
            return [self._text(word) for word in value]
        try:
            return shlex.split(self._text(value))
        except ValueError:
            return self._text(value).split()

    def _run(self, name: str, service: Mapping[str, Any]) -> ContainerRun:
        given = {**self._of_files(name, service), **environment(service.get("environment"))}
        run = ContainerRun(
            image=self._text(service.get("image")),
            command=self._words(service.get("command")),
            env={name: substituted(value, self.environ) for name, value in given.items()},
        )
        entry = self._words(service.get("entrypoint"))
        run.entrypoint, run.command = (
            (entry[0], [*entry[1:], *run.command]) if entry else ("", run.command)
        )
        folder = self.file.path.absolute().parent
        for volume in items(service.get("volumes")):
            if isinstance(volume, dict):
                mount = {key: self._text(value) for key, value in mapping(volume).items()}
                run.mounts.add_long(mount, folder)
            else:
                run.mounts.add_short(self._text(volume), folder)
        self._limits(service, run)
        return run

    def _of_files(self, name: str, service: Mapping[str, Any]) -> dict[str, str]:
        """The variables of its `env_file`."""
        out: dict[str, str] = {}
        given = service.get("env_file")
        for one in given if isinstance(given, list) else [given] if given else []:
            path = self._text(mapping(one).get("path") if isinstance(one, dict) else one)
            found = read_env_file(self.file.path.absolute().parent / path)
            if found is None:
                why = "cannot be read: what it sets is not carried over"
                self.notes.note(self.file.where("services", name, "env_file"), why, what=path)
            out |= found or {}
        return out

    def _limits(self, service: Mapping[str, Any], run: ContainerRun) -> None:
        resources = mapping(mapping(service.get("deploy")).get("resources"))
        limit = service.get("mem_limit") or mapping(resources.get("limits")).get("memory")
        run.memory = mib(self._text(limit))
        for device in items(mapping(resources.get("reservations")).get("devices")):
            if ids := items(mapping(device).get("device_ids")):
                take_gpus(run.env, f"device={','.join(map(self._text, ids))}")
        for device in items(service.get("devices")):
            take_device(run.env, self._text(device))

    def _launch(self, name: str, service: Mapping[str, Any], run: ContainerRun) -> Launch | None:
        words = [run.entrypoint, *run.command] if run.entrypoint else run.command
        remarks = self._remarks(name, service, len(words) - len(run.command))
        folder = Path(self._text(service.get("working_dir")) or "/")
        there = Path(run.mounts.on_host(str(folder)))
        call = Call(tuple(words), remarks, 0, run.env, there)
        if words and not words[0].startswith("-"):
            found = launches(call, Shell(there, there, environ={}))
            inner = next((one for one in found if isinstance(one, Launch)), None)
        elif run.is_llama or "LLAMA_ARG_MODEL" in run.env:
            old = bool(words) and words[0] in _OLD_SERVER
            inner = Launch(tuple(words[old:]), remarks, env=run.env, folder=there)
        else:
            return None
        if inner is None:
            return None
        if other := router(inner.words):
            self.notes.note(self.file.where("services", name, "command"), other.why)
            return None
        inner = replace(inner, mounts=run.mounts, about=self._about(name, service))
        if not run.image:  # it is built here, and so has no name
            return replace(inner, program="llama-server")
        return replace(inner, program="", image=run.image, memory=run.memory)

    def _remarks(self, name: str, service: Mapping[str, Any], shift: int) -> tuple[Remark, ...]:
        """Comments above its command, and among the items of that."""
        command = ("services", name, "command")
        above = tuple(Remark(text, 0) for text in self.comments.above(*command))
        return above + tuple(
            Remark(text, number + shift)
            for number, _ in enumerate(items(service.get("command")))
            for text in self.comments.above(*command, str(number))
        )

    def _about(self, name: str, service: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Comments by the variable that they stand above."""
        path = ("services", name, "environment")
        found: dict[str, tuple[str, ...]] = {}
        for number, variable in enumerate(environment(service.get("environment"))):
            above = [
                *self.comments.above(*path, variable),
                *self.comments.above(*path, f"{number}"),
            ]
            found |= {variable: tuple(above)} if above else {}
        return found

    def _tell(self, name: str, service: Mapping[str, Any]) -> None:
        for key, why in _TOLD.items():
            if key in service and not (key == "build" and "image" in service):
                self.notes.note(self.file.where("services", name, key), why)
