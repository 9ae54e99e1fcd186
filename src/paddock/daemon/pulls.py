"""Downloads that clients asked for: each is a process `paddock pull --events`, and this reads what it says.

So the hub's library, its memory and its crashes stay out of the daemon. A pause ends the process and keeps what has come;
going on starts another one. With the daemon they end, what has come stays, and the next daemon goes on with those that ran:
`pulls.json` beside the history names them.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any

import msgspec

from paddock.api.pulls import PullFailure, PullFile, PullForecast, PullInfo, PullState
from paddock.atomic_write import atomic_write
from paddock.config.settings import Paths, Settings
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.configuration import Configuration
from paddock.daemon.faults import Faults
from paddock.daemon.profiles.rights import must_be_editable
from paddock.daemon.reports.publisher import Publisher
from paddock.errors import BadRequest, ConfigError, PaddockError, QueueFull
from paddock.extras import install_command
from paddock.hub.extra import is_installed
from paddock.hub.names import parsed
from paddock.hub.refusals import HubMissing

_AT_ONCE = 4  # downloads
_LINE = 8 << 20  # bytes of one line at most: a plan of many quantisations
_PUBLISH_EVERY = 1.0  # seconds
_GOES = 15.0  # seconds for a process to end after SIGTERM


@dataclass(frozen=True, slots=True)
class PullOrder:
    """How a download was asked for."""

    model: str
    name: str = ""
    rate: str = ""
    files_only: bool = False

    def words(self) -> Iterator[str]:
        """As the command takes it. Clients ask for the model afterwards by the name that they pulled."""
        yield self.model
        yield from ("--files-only",) if self.files_only else ("--alias", self.model)
        if self.name:
            yield from ("--name", self.name)
        if self.rate:
            yield from ("--rate", self.rate)


class Pulls:
    """Starts, pauses and ends downloads."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        book: PullBook,
        publisher: Publisher,
        configuration: Configuration,
        faults: Faults,
        *,
        listen: str,
    ) -> None:
        """`listen`: `host:port` of this daemon, by which its own command asks what runs."""
        self._listen, self._planning = listen, asyncio.Lock()
        self._paths, self._settings = paths, settings
        self._book, self._publisher = book, publisher
        self._configuration, self._faults = configuration, faults
        self._file = paths.state_dir / "pulls.json"
        self._is_closing = False
        self._numbers = count(1)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._ends_as: dict[
            str, PullState
        ] = {}  # what shall become of one, where somebody wants that
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wishes: dict[str, PullOrder] = {}  # for going on
        self._published: dict[str, float] = {}

    def start(
        self, model: str, *, name: str = "", rate: str = "", files_only: bool = False
    ) -> PullInfo:
        """The download of this model, begun if it is not under way. `files_only`: no profile is made of it.

        BadName, HubMissing, QueueFull, Forbidden say why not; whatever the hub says comes as the download's failure.
        """
        parsed(model)
        self._must_be_editable(files_only)
        if not is_installed():
            raise HubMissing(
                "downloads need the library huggingface_hub", hint=install_command("hub")
            )
        known = self._book.under_way(model)
        if known and known.state == "paused":
            return self.resume(known.id)
        if known:
            return known
        self._must_have_place()
        info = PullInfo(id=str(next(self._numbers)), model=model, state="running")
        self._wishes[info.id] = PullOrder(model, name, rate, files_only)
        self._begin(info)
        return info

    async def plan(self, model: str) -> PullForecast:
        """What it would be here. BadName, HubMissing, ConfigError with what the hub says."""
        parsed(model)
        if not is_installed():
            raise HubMissing(
                "downloads need the library huggingface_hub", hint=install_command("hub")
            )
        words = ["pull", model, "--dry-run", "--json", "--url", f"http://{self._listen}"]
        async with self._planning:
            process = await self._process(*words, stderr=asyncio.subprocess.PIPE)
            try:
                said, errors = await process.communicate()
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise ConfigError(_complaint(errors) or "there is no plan of it")
        return msgspec.json.decode(said, type=PullForecast)

    def resume(self, pull: str) -> PullInfo:
        """Go on with a paused one. BadRequest of one that is not; Forbidden."""
        info = self._book[pull]
        self._must_be_editable(self._wishes[pull].files_only)
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
        """Take a profile out of models.conf and delete its files, as `paddock remove --files` does. ConfigError, Forbidden."""
        must_be_editable(self._settings, "no profile is removed")
        words = ["remove", profile, "--files", "--yes", "--json"]
        process = await self._process(*words, stderr=asyncio.subprocess.PIPE)
        _, errors = await process.communicate()
        if process.returncode:
            raise ConfigError(_complaint(errors) or "it was not removed")
        await self._configuration.reload()

    def recall(self) -> None:
        """Go on with what ran when the last daemon ended."""
        with self._faults.caught("pulls"):
            try:
                wishes = msgspec.json.decode(self._file.read_bytes(), type=list[PullOrder])
            except (OSError, msgspec.MsgspecError):
                return  # there were none, or it is no list of ours
            for wish in wishes:
                with suppress(PaddockError):  # the extra is gone, or a name was changed by hand
                    self.start(
                        wish.model, name=wish.name, rate=wish.rate, files_only=wish.files_only
                    )

    def _write_down(self) -> None:
        """Which ones run, for the next daemon; not as they end with this one."""
        if self._is_closing:
            return
        running = [self._wishes[pull.id] for pull in self._book.all() if pull.state == "running"]
        with self._faults.caught("pulls"):
            if running or self._file.exists():
                atomic_write(self._file, msgspec.json.encode(running))

    async def close(self) -> None:
        """End all; the daemon goes, and the next one goes on with them."""
        self._is_closing = True
        for pull, process in self._running.items():
            self._ends_as[pull] = "paused"
            _interrupt(process)
        if tasks := list(self._tasks.values()):
            _, late = await asyncio.wait(tasks, timeout=_GOES)
            for task in late:
                task.cancel()

    # ---- one download ----

    def _must_be_editable(self, files_only: bool) -> None:
        if not files_only:
            must_be_editable(self._settings, "no profile is added")

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
            words = ["pull", "--events", *self._wishes[pull].words()]
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
            case {"event": "done", "profile": str(profile)}:  # "": its files alone
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
        if not is_reading:
            self._write_down()
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


def _complaint(errors: bytes) -> str:
    """What the command said that was wrong; empty where it said nothing."""
    lines = errors.decode(errors="replace").splitlines()
    return lines[0].removeprefix("error: ") if lines else ""


def _interrupt(process: asyncio.subprocess.Process) -> None:
    """By SIGTERM: what has come stays however it ends, and a daemon in the background is often deaf to SIGINT."""
    with suppress(ProcessLookupError):
        process.terminate()
