"""Instances that misbehave on purpose: a Unix socket and what is said on it, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]

SSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nServer: llama.cpp\r\n"
    b"Access-Control-Allow-Origin: https://evil.example\r\nTransfer-Encoding: chunked\r\n\r\n"
)
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":" hello"}}]}\n\n'


@dataclass
class Heard:
    """What the instance was asked, and whether the asker hung up."""

    requests: list[bytes] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    def head(self) -> str:
        return self.requests[0].partition(b"\r\n\r\n")[0].decode().lower()

    def body(self) -> bytes:
        return self.requests[0].partition(b"\r\n\r\n")[2]


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def plain(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def instance(path: Path, say: Say) -> AsyncIterator[Heard]:
    """Listen on `path`; answer each request by `say`, then close the connection."""
    heard = Heard()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.requests.append(await _request(reader))
        both = {asyncio.ensure_future(say(writer)), asyncio.ensure_future(_watch(reader, heard))}
        done, pending = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.exception()  # a hang-up in the midst of a write is no news
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield heard
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    low = head.lower()
    if b"content-length:" not in low:
        return head
    length = int(low.split(b"content-length:")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def _watch(reader: asyncio.StreamReader, heard: Heard) -> None:
    try:
        while await reader.read(1024):
            pass
    except ConnectionError:
        pass
    heard.hung_up.set()
