"""Logs of instances, past and present, as plain text."""

import asyncio
from collections.abc import Iterator

from aiohttp import web

from paddock.daemon.logs.log_reading import LogReading
from paddock.errors import BadRequest
from paddock.http.front import Front, Route
from paddock.http.query import number

_TAIL = 100  # lines shown before following, by default


async def logs(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The log of an instance, or of a profile's latest: all, its last lines, or on and on.

    With `runs=all` that of all runs of a profile, or of everybody where none is named.
    """
    name = request.match_info.get("name")
    logbook = front.daemon.logbook
    reading = logbook.read_on(name) if not name or _every_run(request) else logbook.read(name)
    follow = request.query.get("follow", "0") in {"1", "true"}
    past = reading.past(_lines(request, _TAIL if follow else None))
    response = web.StreamResponse(headers={"content-type": "text/plain; charset=utf-8"})
    first = await asyncio.to_thread(
        next, past, b""
    )  # what cannot be read is refused before it begins
    await response.prepare(request)
    task = asyncio.ensure_future(_copy(first, past, reading, response, follow=follow))
    front.followers.add(task)  # awaited here, cancelled at shutdown
    try:
        await asyncio.wait((task,))
    finally:
        front.followers.discard(task)
        task.cancel()
    await response.write_eof()
    return response


async def _copy(
    first: bytes,
    past: Iterator[bytes],
    reading: LogReading,
    response: web.StreamResponse,
    *,
    follow: bool,
) -> None:
    piece = first
    while piece:
        await response.write(piece)
        piece = await asyncio.to_thread(next, past, b"")
    if follow:
        async for piece in reading.follow():
            await response.write(piece)


def _every_run(request: web.Request) -> bool:
    wanted = request.query.get("runs", "latest")
    if wanted not in {"latest", "all"}:
        raise BadRequest(f"runs={wanted}: say `latest` or `all`")
    return wanted == "all"


def _lines(request: web.Request, default: int | None) -> int | None:
    text = request.query.get("lines")
    return default if text is None else number(text, "a number of lines")
