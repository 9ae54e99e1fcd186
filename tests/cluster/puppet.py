"""A node that says, byte for byte, what a test has it say: no daemon, no engine, but real connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

from paddock.api.activity import Preview
from paddock.api.events import Snapshot
from paddock.api.placement import Plans
from paddock.api.types import ConfigInfo, InstanceInfo, ProfileInfo, Status
from paddock.http import sse

Says = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n"


class Puppet:
    """With these models ready."""

    def __init__(self, *models: str, cold: str = "") -> None:
        """`cold`: a model that is not loaded, of which `preview` is said."""
        self._models, self._cold = models, cold
        self.preview = Preview(profile=cold, state="unloaded")
        self.previewed, self.mute = 0, False  # times; whether that is never answered
        self.heard: list[bytes] = []  # the bodies of what was asked of a model
        self.left = 0  # how many of them were given up
        self.script: list[Says] = []  # for each request that comes; then `answers` for ever
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()

    def snapshot(self) -> Snapshot:
        """All of them ready, and nothing else."""
        instances = [
            InstanceInfo(id=f"{name}.1", profile=name, phase="ready", since="")
            for name in self._models
        ]
        status = Status(
            version="1",
            pid=1,
            started_at="",
            current=None,
            instances=instances,
            queue={},
            devices=[],
            config=ConfigInfo(path="", loaded_at=""),
        )
        rows = [ProfileInfo(id=name, state="ready", instance=f"{name}.1") for name in self._models]
        if self._cold:
            rows.append(ProfileInfo(id=self._cold, state="unloaded", size_mib=9000))
        return Snapshot(status=status, profiles=rows, variants=[])

    def cut(self) -> None:
        """Every connection breaks."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._one(head, reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _one(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path, lines = head.split(b" ")[1], head.lower().split(b"\r\n")
        length = next((int(one[15:]) for one in lines if one.startswith(b"content-length:")), 0)
        body = await reader.readexactly(length)
        if path == b"/events":
            writer.write(_HEAD % (b"text/event-stream", b"Connection: close\r\n"))
            writer.write(sse.encode(self.snapshot()))
            await reader.read()  # until whoever follows leaves
        elif path.startswith((b"/health", b"/plans")):
            await answers(msgspec.json.encode(Plans(plans=[], total=0, offset=0)))(writer, body)
        elif path.startswith(b"/preview/"):
            self.previewed += 1
            if self.mute:
                await hangs(writer, body)
            await answers(msgspec.json.encode(self.preview))(writer, body)
        else:
            self.heard.append(body)
            says = self.script.pop(0) if self.script else answers(b'{"ok":true}')
            try:
                await says(writer, body)
            except OSError:
                self.left += 1
                raise


def answers(body: bytes, *, status: str = "200 OK") -> Says:
    """A reply of known length."""

    async def say(writer: asyncio.StreamWriter, _: bytes) -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (status.encode(), len(body)) + body)
        await writer.drain()

    return say


def streams(*pieces: bytes, ends: bool = True, pause: float = 0.0) -> Says:
    """A reply in chunks; one that does not end breaks off instead."""

    async def say(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(_HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked\r\n"))
        for piece in pieces:
            await asyncio.sleep(pause)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        if not ends:
            raise await _broken(writer)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return say


def breaks(before: bytes = b"") -> Says:
    """The connection ends, after these bytes."""

    async def say(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(before)
        raise await _broken(writer)

    return say


async def hangs(writer: asyncio.StreamWriter, _: bytes) -> None:
    """Says nothing, until whoever asked has left."""
    while not writer.transport.is_closing():
        await asyncio.sleep(0.005)
    raise ConnectionResetError


async def _broken(writer: asyncio.StreamWriter) -> OSError:
    await writer.drain()
    writer.close()
    return ConnectionAbortedError()


@asynccontextmanager
async def puppet(*models: str, cold: str = "") -> AsyncIterator[Puppet]:
    """One that listens, inside the block."""
    made = Puppet(*models, cold=cold)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        made.cut()
