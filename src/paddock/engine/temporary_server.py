"""A llama-server outside of the daemon, started as the daemon would, for the length of a block."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from paddock.config.profile import Profile
from paddock.engine.engine import Engine
from paddock.engine.environment import NO_GPU
from paddock.engine.launch import command, environment
from paddock.llama.client import connect, health
from paddock.llama.process import Child, Plumbing, spawn

_LOOK_EVERY = 0.05  # seconds; an engine without the child protocol gives no notice of being ready
_STOP = 5.0  # seconds between asking it to end and killing it


@dataclass(frozen=True, slots=True)
class TemporaryServer:
    """Such a server, and the session to ask it with."""

    child: Child
    log: Path
    session: aiohttp.ClientSession

    async def ready(self) -> bool:
        """Wait until it serves, or has ended; whether it serves."""
        ended = asyncio.ensure_future(self.child.wait())
        try:
            while not ended.done():
                if await health(self.session) == "ready":
                    return True
                await asyncio.wait([ended], timeout=_LOOK_EVERY)
            return False
        finally:
            ended.cancel()


@asynccontextmanager
async def temporary_server(
    engine: Engine, profile: Profile, folder: Path, *, blind: bool = False
) -> AsyncIterator[TemporaryServer]:
    """A server of this profile for the length of the block; `folder`, new, is for socket and log.

    The folder's path must be short enough for a socket. `blind`: it sees no GPU, and so takes
    nothing of one that may be full. OSError if it cannot be started.
    """
    plumbing = Plumbing(folder)
    plumbing.folder.mkdir(parents=True)
    socket = str(folder / "s.sock")
    env = _environment(engine) | (NO_GPU if blind else {})
    child = spawn(_command(engine, profile, socket), env, plumbing)
    try:
        async with connect(socket) as session:
            yield TemporaryServer(child, plumbing.log, session)
    finally:
        await child.stop(_STOP)


def _command(engine: Engine, profile: Profile, socket: str) -> list[str]:
    """With the engine's own flags, which models.conf adds for the daemon's instances."""
    program = len(engine.command)
    argv = command(engine, profile, socket=socket)
    return [*argv[:program], *engine.always, *argv[program:]]


def _environment(engine: Engine) -> dict[str, str]:
    """As the daemon's, without the child protocol: nobody here writes to its standard input."""
    found = environment(engine, os.environ)
    del found["LLAMA_SERVER_ROUTER_PORT"]
    return found
