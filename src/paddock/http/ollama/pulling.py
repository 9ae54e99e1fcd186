"""Ollama's pull, delete and copy: a model from a hub, in Ollama's words and with its NDJSON of progress.

A client that pulls `hf.co/OWNER/REPO:QUANT` asks for it by that name afterwards, so its profile has that alias.
"""

from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from paddock.api.events import AnyEvent, PullChanged
from paddock.api.pulls import PullInfo
from paddock.errors import BadRequest, NotHere, UnknownModel
from paddock.http.auth import Scope
from paddock.http.front import Front, Route
from paddock.http.management import read
from paddock.http.ollama.wire import Copied, Named
from paddock.http.pulls import remove_pulled
from paddock.http.sse import ticking
from paddock.hub.names import is_hub_name

_KEEP_ALIVE = 5.0  # seconds; Ollama repeats the last line
_SUCCESS: dict[str, object] = {"status": "success"}


async def pull(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Says that it is there, or fetches it from the hub if its name is one's and the key manages."""
    named = await read(front, request, Named)
    wanted = named.wanted or ""
    try:
        front.named(request, wanted)
    except UnknownModel as error:
        if not is_hub_name(wanted):
            hint = "a name from the hub has its owner: hf.co/OWNER/REPO:QUANT; " + error.hint
            raise NotHere(
                f"there is no model {wanted!r} here, and no library of Ollama's", hint=hint
            ) from error
        front.guard.check(request.method, request.headers, Scope.MANAGEMENT, acts=True)
        return await _fetched(front, request, wanted, streams=named.stream is not False)
    return web.Response(body=_line(_SUCCESS), content_type="application/x-ndjson")


async def delete(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Remove what was pulled, with its files."""
    wanted = (await read(front, request, Named)).wanted
    await remove_pulled(front, request, wanted or "")
    return web.Response()


async def copy(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Another name for a model: an alias of its profile."""
    wanted = await read(front, request, Copied)
    if not wanted.source or not wanted.destination:
        raise BadRequest("source and destination are needed")
    await front.daemon.editor.alias(front.named(request, wanted.source).id, wanted.destination)
    return web.Response()


async def _fetched(
    front: Front, request: web.Request, wanted: str, *, streams: bool
) -> web.StreamResponse:
    with front.daemon.bus.subscribe(None) as changes:
        info = front.daemon.pulls.start(wanted)
        if not streams:
            ended = await front.daemon.pulls.wait(info.id)
            words = _words(ended)[-1]
            return web.Response(body=_line(words), status=500 if "error" in words else 200)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await response.write(_line({"status": "pulling manifest"}))
        last: list[dict[str, object]] = []
        async with ticking(_of(changes, info.id), _KEEP_ALIVE) as ticks:
            async for now in ticks:
                last = last if now is None else _words(now)
                await response.write(b"".join(map(_line, last)))
        await response.write_eof()
        return response


async def _of(changes: AsyncIterator[AnyEvent], pull: str) -> AsyncIterator[PullInfo]:
    """How this download goes, up to its end or a pause."""
    async for event in changes:
        if isinstance(event, PullChanged) and event.pull.id == pull:
            yield event.pull
            if event.pull.state != "running":
                return


def _words(info: PullInfo) -> list[dict[str, object]]:
    """What Ollama says of it."""
    if info.state == "done":
        return [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}, _SUCCESS]
    if info.failure:
        return [{"error": f"pull model manifest: {info.failure.message}"}]
    if info.state != "running":
        return [{"error": f"the download was {info.state}"}]
    coming = [file for file in info.files if file.stage in ("fetching", "checking")]
    return [
        {"status": f"pulling {file.path}", "digest": file.path, "total": file.size, "completed": file.done}
        for file in coming
    ]  # fmt: skip


def _line(words: dict[str, object]) -> bytes:
    return msgspec.json.encode(words) + b"\n"
