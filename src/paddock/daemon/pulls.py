"""Downloads that clients asked for: each is a process `paddock pull --events`, and this reads what it says.

So the hub's library, its memory and its crashes stay out of the daemon. A pause ends the process and keeps what has come;
going on starts another one. With the daemon they end, and what has come stays.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any

import msgspec

from paddock.api.pulls import PullFailure, PullFile, PullInfo, PullState
from paddock.atomic_write import atomic_write
from paddock.config.ini import read_text
from paddock.config.models_conf import read_as
from paddock.config.profile import NamedModel, Problem
from paddock.config.section_edit import with_alias
from paddock.config.settings import Paths
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.configuration import Configuration
from paddock.daemon.faults import Faults
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.reports.publisher import Publisher
from paddock.errors import BadRequest, ConfigError, QueueFull
from paddock.hub.extra import INSTALL, is_installed
from paddock.hub.names import parsed
from paddock.hub.refusals import HubMissing

_AT_ONCE = 4  # downloads
_LINE = 8 << 20  # bytes of one line at most: a plan of many quantisations
_PUBLISH_EVERY = 1.0  # seconds
_GOES = 15.0  # seconds for a process to end after SIGTERM


class Pulls:
    """Starts, pauses and ends downloads."""

    def __init__(
        self,
        paths: Paths,
        book: PullBook,
        publisher: Publisher,
        configuration: Configuration,
        roster: Roster,
        faults: Faults,
    ) -> None:
        self._paths, self._book, self._publisher = paths, book, publisher
        self._configuration, self._roster, self._faults = configuration, roster, faults
        self._numbers = count(1)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._ends_as: dict[
            str, PullState
        ] = {}  # what shall become of one, where somebody wants that
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, tuple[str, str]] = {}  # name and rate, for going on
        self._published: dict[str, float] = {}

    def start(self, model: str, *, name: str = "", rate: str = "") -> PullInfo:
        """The download of this model, begun if it is not under way.

        BadName, HubMissing, QueueFull say why not; whatever the hub says comes as the download's failure.
        """
        parsed(model)
        if not is_installed():
            raise HubMissing("downloads need the library huggingface_hub", hint=INSTALL)
        known = self._book.under_way(model)
        if known and known.state == "paused":
            return self.resume(known.id)
        if known:
            return known
        self._must_have_place()
        info = PullInfo(id=str(next(self._numbers)), model=model, state="running")
        self._asked[info.id] = name, rate
        self._begin(info)
        return info

    def resume(self, pull: str) -> PullInfo:
        """Go on with a paused one. BadRequest of one that is not."""
        info = self._book[pull]
        if info.state != "paused":
            raise BadRequest(f"the download of {info.model} is not paused")
        self._must_have_place()
        self._begin(info)
        return self._book[pull]

    def pause(self, pull: str) -> PullInfo:
        """End its process; what has come stays, and it can go on."""
        return self._end(pull, "paused")

    def cancel(self, pull: str) -> PullInfo:
        """End it for good. What has come stays on the disk for another pull of it."""
        info = self._book[pull]
        if info.state == "paused":
            self._note(info, state="cancelled")
            return self._book[pull]
        return self._end(pull, "cancelled")

    async def wait(self, pull: str) -> PullInfo:
        """The download once it is not running."""
        if task := self._tasks.get(pull):
            await asyncio.wait([task])
        return self._book[pull]

    async def remove(self, profile: str) -> None:
        """Take a profile out of models.conf and delete its files, as `paddock remove --files` does. ConfigError."""
        words = ["remove", profile, "--files", "--yes", "--json"]
        process = await self._process(*words, stderr=asyncio.subprocess.PIPE)
        _, errors = await process.communicate()
        if process.returncode:
            lines = errors.decode(errors="replace").splitlines()
            raise ConfigError(lines[0].removeprefix("error: ") if lines else "it was not removed")
        await self._configuration.reload()

    async def alias(self, named: NamedModel, alias: str) -> None:
        """Give a model one more name in models.conf. ConfigError where that would be wrong there."""
        section = named.variant.id if named.variant else named.profile.id
        await asyncio.to_thread(self._write_alias, section, alias)
        await self._configuration.reload()

    def _write_alias(self, section: str, alias: str) -> None:
        file = self._paths.config
        text = read_text(file)
        if isinstance(text, Problem):
            raise ConfigError(str(text))
        if not alias.isprintable() or set(alias) & set(",[];#"):
            raise BadRequest(f"a model cannot be called {alias!r}")
        after = with_alias(text, section, alias)
        self._must_read(after)
        atomic_write(file, after.encode())

    def _must_read(self, text: str) -> None:
        """ConfigError where this would be no models.conf."""
        engines, paths = self._roster.engines, self._paths
        stable, problems = read_as(
            text,
            paths.config,
            models_dir=paths.models_dir,
            flags_for=engines.flags,
            defaults_for=engines.defaults,
        )
        if stable is None:
            errors = [str(problem) for problem in problems if problem.severity == "error"]
            raise ConfigError("models.conf is left as it is", detail=tuple(errors))

    async def close(self) -> None:
        """End all; the daemon goes."""
        for pull, process in self._running.items():
            self._ends_as[pull] = "paused"
            _interrupt(process)
        if tasks := list(self._tasks.values()):
            _, late = await asyncio.wait(tasks, timeout=_GOES)
            for task in late:
                task.cancel()

    # ---- one download ----

    def _must_have_place(self) -> None:
        if sum(pull.state == "running" for pull in self._book.all()) >= _AT_ONCE:
            raise QueueFull(
                f"{_AT_ONCE} downloads are under way", hint="wait for one of them, or pause it"
            )

    def _end(self, pull: str, ends_as: PullState) -> PullInfo:
        info = self._book[pull]
        if info.state != "running":
            raise BadRequest(f"the download of {info.model} is not running")
        self._ends_as[pull] = ends_as
        if running := self._running.get(pull):  # else its process has not begun yet
            _interrupt(running)
        return info

    def _begin(self, info: PullInfo) -> None:
        self._note(info, state="running", failure=None)
        self._tasks[info.id] = asyncio.create_task(self._run(info.id))  # close() ends it

    async def _run(self, pull: str) -> None:
        with self._faults.caught("pulls"):
            name, rate = self._asked[pull]
            model = self._book[pull].model  # clients ask for it by that name afterwards
            words = ["pull", model, "--events", "--alias", model, *_options(name, rate)]
            process = await self._process(*words, stderr=asyncio.subprocess.DEVNULL)
            self._running[pull] = process
            if pull in self._ends_as:
                _interrupt(process)
            try:
                await self._read(pull, process)
            finally:
                del self._running[pull]
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            return
        self._fail(pull, "internal", "an unexpected error; the daemon's log has it")

    async def _read(self, pull: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        last: dict[str, Any] = {}
        async for line in process.stdout:
            with suppress(msgspec.MsgspecError):
                last = msgspec.json.decode(line, type=dict[str, Any])
                self._hear(pull, last)
        status = await process.wait()
        ends_as = self._ends_as.pop(pull, None)
        match last:
            case {"event": "done", "profile": str(profile)}:
                await self._configuration.reload()
                self._note(self._book[pull], state="done", profile=profile, rate=None, eta=None)
            case _ if ends_as:
                self._note(self._book[pull], state=ends_as, rate=None, eta=None, note="")
            case {"event": "failed", "code": str(code), "message": str(message)}:
                self._fail(pull, code, message, str(last.get("hint", "")))
            case _:
                self._fail(pull, "internal", f"its process ended with status {status}")

    def _hear(self, pull: str, said: dict[str, Any]) -> None:
        info = self._book[pull]
        match said:
            case {"event": "plan", "plan": {"chosen": str(chosen)}}:
                self._note(info, quantisation=chosen)
            case {"event": "progress"}:
                files = msgspec.convert(said.get("files", []), list[PullFile])
                changes = {name: said.get(name) for name in ("rate", "eta")}
                note = str(said.get("note", ""))
                self._note(info, is_reading=True, files=files, note=note, **changes)
            case _:  # the last lines, which `_read` judges
                return

    def _fail(self, pull: str, code: str, message: str, hint: str = "") -> None:
        failure = PullFailure(code=code, message=message, hint=hint)
        self._note(self._book[pull], state="failed", failure=failure, rate=None, eta=None, note="")

    def _note(self, info: PullInfo, *, is_reading: bool = False, **changes: Any) -> None:
        """Write it down and publish it; of readings one a second."""
        changed = msgspec.structs.replace(info, **changes)
        self._book.write(changed)
        now = monotonic()
        if is_reading and now - self._published.get(info.id, 0.0) < _PUBLISH_EVERY:
            return
        self._published[info.id] = now
        self._publisher.pull_changed(changed)

    async def _process(self, *words: str, stderr: int) -> asyncio.subprocess.Process:
        """The program itself, on this daemon's files."""
        paths = self._paths
        own = (
            "--config",
            paths.config,
            "--settings",
            paths.settings,
            "--models-dir",
            paths.models_dir,
        )
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "paddock", *words, *map(str, own), "--state-dir", str(paths.state_dir),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=_LINE,
            start_new_session=True,
            env=dict(os.environ),
        )  # fmt: skip


def _interrupt(process: asyncio.subprocess.Process) -> None:
    """By SIGTERM: what has come stays however it ends, and a daemon in the background is often deaf to SIGINT."""
    with suppress(ProcessLookupError):
        process.terminate()


def _options(name: str, rate: str) -> Iterator[str]:
    if name:
        yield from ("--name", name)
    if rate:
        yield from ("--rate", rate)
