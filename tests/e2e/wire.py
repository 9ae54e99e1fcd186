"""HTTP by hand, for what no client library would send, and server-sent events as they come."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

HELLO: Any = [{"role": "user", "content": "hi"}]
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Reply:
    """A whole reply."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Line:
    """One connection to the daemon."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes) -> None:
        self.writer.writelines(parts)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and headers of the next reply."""
        first, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in rest if line)
        return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}

    async def reply(self, *, bodiless: bool = False) -> Reply:
        """The next reply, whole; `bodiless`: to a HEAD."""
        status, headers = await self.head()
        body = b"" if bodiless else await self._body(headers)
        return Reply(status, headers, body)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join([chunk async for chunk in self.chunks()])
        return await self.reader.readexactly(int(headers["content-length"]))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The chunks of the body, to its proper end."""
        while length := int(await self.reader.readline(), 16):
            yield await self.reader.readexactly(length)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)

    async def ended(self) -> bool:
        """Whether the daemon closes the connection without another byte."""
        return await self.reader.read(1) == b""

    def hang_up(self, *, rudely: bool = False) -> None:
        """Close it; `rudely`: with a reset, as a killed process behind a NAT does."""
        if rudely:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        self.writer.close()


@asynccontextmanager
async def line(url: str, *, receive_buffer: int = 0) -> AsyncIterator[Line]:
    """A connection to the daemon at `url`, closed at the end; `receive_buffer` in bytes."""
    host, port = url.removeprefix("http://").split(":")
    sock = socket.socket()
    if receive_buffer:  # before it connects, or the window is agreed on already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def post(path: str, body: Any, *headers: str) -> bytes:
    """A whole POST."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head("POST", path, f"Content-Length: {len(content)}", *headers) + content


def head(method: str, path: str, *headers: str) -> bytes:
    """The head of a request, to its empty line."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode()


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event."""

    id: str
    name: str
    data: Any


async def server_events(reply: aiohttp.ClientResponse) -> AsyncGenerator[ServerEvent, None]:
    """The events of a stream as they come, comments left out."""
    fields: dict[str, str] = {}
    async for raw in reply.content:
        text = raw.decode().rstrip("\n")
        if text and not text.startswith(":"):
            name, _, value = text.partition(": ")
            fields[name] = value
        elif not text and "data" in fields:
            yield ServerEvent(
                fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])
            )
            fields = {}
