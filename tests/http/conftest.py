"""A front over stalls: real llama-servers where the answer matters, scripted sockets elsewhere."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from paddock.config.keys import NamedKey
from paddock.config.profile import Profile
from paddock.config.settings import Settings
from paddock.core.model import InstanceId, ProfileId
from paddock.daemon.instances.endpoint import Endpoint
from paddock.http.server import bind, build_app, serving
from paddock.llama.scripted import ScriptedModel, write
from tests.engine import server
from tests.http.stable import Folders, Stable, Stall


def engine() -> list[str]:
    """The llama-server of the tests: a native one where named, else the embedded one."""
    native = os.environ.get("PADDOCK_TEST_LLAMA_SERVER")
    return [native] if native else [sys.executable, "-P", "-m", "paddock.engine.embedded_server"]


@pytest.fixture(scope="session")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a llama-server that says `Hello from the paddock.`"""
    folder = tmp_path_factory.mktemp("talker")
    model = write(folder / "m.gguf", ScriptedModel(say="Hello from the paddock."))
    with server.ready(engine(), folder, "-m", str(model), "-c", "1024", "-t", "1") as live:
        yield live.socket


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a llama-server with one slot that never stops talking."""
    folder = tmp_path_factory.mktemp("endless")
    model = write(folder / "m.gguf", ScriptedModel(say="On and on.", endless=True))
    flags = ("-c", "32768", "-t", "1", "-np", "1", "--slots", "--context-shift")
    with server.ready(engine(), folder, "-m", str(model), *flags) as live:
        yield live.socket


@dataclass
class Yard:
    """A running front, its stable, and a client of it."""

    stable: Stable
    base: str
    http: aiohttp.ClientSession

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.base.removeprefix("http://").split(":")
        return host, int(port)

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        async with self.http.post(self.base + path, json=body, headers=headers) as reply:
            return reply.status, await reply.json()

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(self.base + path, headers=headers) as reply:
            return reply.status, await reply.json()


Open = Callable[..., Any]


@pytest.fixture
async def open_yard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """Open a front: `await open_yard({"name": socket}, keep_alive_after=…)`."""
    async with AsyncExitStack() as stack:

        async def open_one(
            sockets: dict[str, Path],
            *,
            ready: bool = True,
            hidden: bool = False,
            keys: tuple[NamedKey, ...] = (),
            **settings: Any,
        ) -> Yard:
            stalls = []
            for name, socket in sockets.items():
                endpoint = Endpoint(InstanceId(f"{name}.1"), ProfileId(name), str(socket))
                stack.push_async_callback(endpoint.hang_up)
                profile = Profile(
                    id=name,
                    line=1,
                    model=Path("/m.gguf"),
                    flags=(),
                    aliases=(f"{name}-alias",),
                    hidden=hidden,
                )
                stall = Stall(profile, endpoint)
                if ready:
                    stall.ready.set()
                stalls.append(stall)
            stable = Stable(msgspec.structs.replace(Settings(), **settings), stalls)
            stable.keyring.take(keys)
            stable.paths = Folders(tmp_path_factory.mktemp("state"))
            app = build_app(stable)  # type: ignore[arg-type]  # the same interface
            [bound] = await stack.enter_async_context(serving(app, bind("127.0.0.1:0"), grace=1.0))
            stack.callback(stable.bus.close)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Yard(stable, f"http://{bound}", session)

        yield open_one


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until it holds; pytest's time-out is the limit."""
    while not condition():
        await asyncio.sleep(0.005)
