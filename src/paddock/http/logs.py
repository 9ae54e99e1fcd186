"""Logs of instances, past and present, as plain text."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aiohttp import web

from paddock.errors import BadRequest
from paddock.http.front import Front, Route

_TAIL = 100  # lines shown before following, unless told


async def logs(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The log of an instance, or of a profile's latest: all, its last lines, or on and on."""
    name = request.match_info["name"]
    files = front.daemon.logbook.files(name)
    follow = request.query.get("follow", "0") in {"1", "true"}
    lines = _lines(request, _TAIL if follow else None)
    past = await asyncio.to_thread(_read, files, lines)
    if not follow:
        return web.Response(body=past, content_type="text/plain", charset="utf-8")
    return await _follow(front, request, past, front.daemon.logbook.follow(name))


async def _follow(
    front: Front, request: web.Request, past: bytes, new: AsyncIterator[bytes]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/plain; charset=utf-8"})
    await response.prepare(request)
    task = asyncio.ensure_future(_copy(past, new, response))  # awaited here, cancelled at shutdown
    front.followers.add(task)
    try:
        await asyncio.wait((task,))
    finally:
        front.followers.discard(task)
        task.cancel()
    await response.write_eof()
    return response


async def _copy(past: bytes, new: AsyncIterator[bytes], response: web.StreamResponse) -> None:
    if past:
        await response.write(past)
    async for chunk in new:
        await response.write(chunk)


def _lines(request: web.Request, default: int | None) -> int | None:
    text = request.query.get("lines")
    if text is None:
        return default
    if not text.isdecimal():
        raise BadRequest(f"{text!r} is not a number of lines")
    return int(text)


def _read(files: Sequence[Path], lines: int | None) -> bytes:
    """The files in one, oldest first, or their last lines. A log is a few MiB at most."""
    text = b"".join(path.read_bytes() for path in files if path.exists())
    if lines is None:
        return text
    return b"".join(text.splitlines(keepends=True)[-lines:] if lines else [])
