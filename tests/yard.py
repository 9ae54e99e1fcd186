"""A real daemon, in this process or as one of its own, with real llama-servers behind it."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from paddock.api.types import Status
from paddock.config.settings import Paths, Settings
from paddock.daemon.daemon import Daemon
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.serve import running

# Nothing happens of which a test does not know: no plans before they are asked for, no probes.
QUIET = {"listen": "127.0.0.1:0", "plan_ahead": False, "probe_after": 0.0}
HEADER = "[*]\nthreads = 1\nctx-size = 1024\nparallel = 1\n"


def engine_command() -> tuple[str, ...]:
    """The argv of the tests' llama-server: a native one where there is one, else the embedded."""
    wanted = os.environ.get("PADDOCK_TEST_LLAMA_SERVER")
    cache = Path(os.environ.get("TMPDIR", "/tmp")) / "paddock-test-engines"
    cache.mkdir(exist_ok=True)
    try:
        return find_engine(wanted or "native", cache_dir=cache).command
    except EngineError:
        return find_engine("embedded", cache_dir=cache).command


def wrapper(path: Path, body: str) -> Path:
    """An engine that runs `body` (sh) before it becomes the real server; its help is the real one's.

    In `body`, `real "$@"` starts the server without becoming it.
    """
    command = " ".join(f"'{word}'" for word in engine_command())
    path.write_text(
        "#!/bin/sh\n"
        f'real() {{ {command} "$@"; }}\n'
        f'case "$1" in --help|--version) exec {command} "$@";; esac\n'
        f'{body}\nexec {command} "$@"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@dataclass
class Yard:
    """A running daemon and a client of it."""

    url: str
    http: aiohttp.ClientSession
    paths: Paths
    own: Daemon | None = None  # where it runs in this process

    @property
    def daemon(self) -> Daemon:
        assert self.own is not None
        return self.own

    async def get(self, path: str) -> Any:
        async with self.http.get(self.url + path) as reply:
            return await reply.json()

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.http.post(self.url + path, json=body) as reply:
            return reply.status, await reply.json()

    async def ask(self, model: str, **extra: Any) -> tuple[int, Any]:
        """One chat request; its status and reply."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **extra}
        return await self.post("/v1/chat/completions", body)

    async def answer(self, model: str, **extra: Any) -> str:
        status, reply = await self.ask(model, **extra)
        assert status == 200, reply
        return str(reply["choices"][0]["message"]["content"])

    async def status(self) -> Status:
        return msgspec.convert(await self.get("/status"), Status)

    async def until(self, true: Any, *, within: float = 60.0) -> Status:
        """The first status of which `true` holds."""
        async with asyncio.timeout(within):
            while not true(status := await self.status()):
                await asyncio.sleep(0.05)
        return status

    async def until_phase(self, profile: str, *phases: str) -> Status:
        return await self.until(
            lambda s: any(i.profile == profile and i.phase in phases for i in s.instances)
        )


def places(root: Path, conf: str) -> Paths:
    """A folder of its own for one daemon, with this models.conf."""
    root.mkdir(exist_ok=True)
    (root / "models.conf").write_text(HEADER + conf)
    return Paths(
        config=root / "models.conf",
        settings=root / "paddock.toml",
        models_dir=root / "models",
        state_dir=root / "state",
        runtime_dir=root / "run",
    )


@dataclass(frozen=True)
class _Anew:
    """Settings that a test reads by itself."""

    read: Callable[[], Settings]


@asynccontextmanager
async def yard(paths: Paths, *, settings: Any = None, **chosen: Any) -> AsyncIterator[Yard]:
    """A daemon in this process; its models end with it. `settings`, where given, reads them anew."""
    own = settings() if settings else Settings(**{**QUIET, "engine": _engine_name(), **chosen})
    paths.state_dir.mkdir(exist_ok=True)
    async with (
        running(paths, own, source=_Anew(settings) if settings else None) as daemon,
        aiohttp.ClientSession() as http,
    ):
        yield Yard(f"http://{daemon.listen[0]}", http, paths, daemon)


def _engine_name() -> str:
    command = engine_command()
    return command[0] if len(command) == 1 else "embedded"


class Process:
    """`paddock serve` as a process of its own; `under`: a command that becomes it."""

    def __init__(self, paths: Paths, *flags: str, under: Sequence[str] = ()) -> None:
        self.paths = paths
        argv = ["-m", "paddock", "serve", "--config", str(paths.config)]
        argv += ["--models-dir", str(paths.models_dir), "--state-dir", str(paths.state_dir)]
        argv += ["--listen", "127.0.0.1:0", "--engine", _engine_name(), *flags]
        self.log = paths.state_dir.parent / f"daemon-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            argv = [*under, sys.executable, *argv]
            self.popen = subprocess.Popen(argv, stdout=log, stderr=log)
        self.url = self._wait_for_address()

    def _wait_for_address(self) -> str:
        for _ in range(1200):
            if "answers at " in (text := self.log.read_text()):
                return text.split("answers at ")[1].split()[0]
            assert self.popen.poll() is None, text
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def end(self, number: signal.Signals) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(30)


@contextmanager
def process(paths: Paths, *flags: str, under: Sequence[str] = ()) -> Iterator[Process]:
    """A daemon of its own; whatever it leaves behind is killed at the end."""
    paths.state_dir.mkdir(exist_ok=True)
    daemon = Process(paths, *flags, under=under)
    try:
        yield daemon
    finally:
        daemon.popen.kill()
        daemon.popen.wait()
        sweep(paths)


def sweep(paths: Paths) -> None:
    """Kill every llama-server of this state folder."""
    for pid in servers(paths):
        os.kill(pid, signal.SIGKILL)


def servers(paths: Paths) -> list[int]:
    """The processes that listen on sockets of this daemon's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            roots = (str(paths.runtime_dir), str(paths.state_dir))
            if any(w.endswith(".sock") and w.startswith(roots) for w in words):
                found.append(int(entry.name))
    return found
