"""Server-sent events: the bus for dashboards, one switch for its waiting client, the router's feed.

Source of the format: the HTML standard, section "Server-sent events". The bus closes its readers
when the daemon ends, which ends these streams.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec
from aiohttp import web

from paddock.api.events import AnyEvent, PullChanged, SwitchEnded, SwitchProgress
from paddock.api.types import SwitchResult
from paddock.http import listing, router
from paddock.http.auth import Scope
from paddock.http.front import Front, Route
from paddock.http.query import number

if TYPE_CHECKING:
    from paddock.daemon.jobs import Job

KEEP_ALIVE = 15.0  # seconds of silence before a comment
SILENCE = b": keep-alive\n\n"
_HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}

T = TypeVar("T")


async def events(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Everything that happens: a snapshot first, or what came after `Last-Event-ID`."""
    await front.daemon.look_at_files()
    with front.daemon.bus.subscribe(_after(request), readings=True) as changes:
        async with stream(request) as response, ticking(changes, KEEP_ALIVE) as ticks:
            async for event in ticks:
                await response.write(SILENCE if event is None else encode(event))
    return response


async def router_events(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The same facts, as far as llama.cpp's router has words for them."""

    def row(profile: str) -> router.Model | None:
        return listing.row(front, profile)

    with front.daemon.bus.subscribe(None) as changes:
        async with stream(request) as response, ticking(changes, KEEP_ALIVE) as ticks:
            async for event in ticks:
                if event is not None and not _is_for(front, request, event):
                    continue
                if words := [SILENCE] if event is None else router.events_of(event, row):
                    await response.write(b"".join(words))
    return response


def _is_for(front: Front, request: web.Request, event: AnyEvent) -> bool:
    """Whether the key may hear of the model that this is about."""
    if isinstance(event, PullChanged):  # of no profile yet
        return front.guard.allows(request.headers, Scope.MANAGEMENT)
    profile = getattr(event, "profile", None)
    return profile is None or front.is_listed(request, profile)


async def switching(
    front: Front, request: web.Request, profile: str, *, force: bool
) -> web.StreamResponse:
    """One switch: its progress as it goes, then how it ended. Leaving the stream stops nothing."""
    with front.daemon.bus.subscribe(None) as changes:
        job = front.daemon.switch(profile, force=force)
        headers = {"location": f"/jobs/{job.id}"}
        async with stream(request, headers) as response:
            async with ticking(_until(changes, job), KEEP_ALIVE) as ticks:
                async for event in ticks:
                    if event is None:
                        await response.write(SILENCE)
                    elif isinstance(event, SwitchProgress) and event.profile == profile:
                        await response.write(encode(event))
            await response.write(encode(_ending(await job.wait())))
    return response


def encode(event: AnyEvent) -> bytes:
    """One event of the bus on the wire; `id` is its number, where it has one."""
    name = event.__struct_config__.tag
    number = f"id: {event.seq}\n" if event.seq else ""
    return f"{number}event: {name}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n"


@asynccontextmanager
async def ticking(source: AsyncIterator[T], every: float) -> AsyncIterator[AsyncIterator[T | None]]:
    """What comes from `source`, and None whenever nothing came for `every` seconds."""
    pending: set[asyncio.Task[T]] = set()

    async def ticks() -> AsyncIterator[T | None]:
        while True:
            if not pending:  # awaited below, or cancelled when the block is left
                pending.add(asyncio.ensure_future(_next(source)))
            done, _ = await asyncio.wait(pending, timeout=every)
            if not done:
                yield None
                continue
            try:
                item = pending.pop().result()
            except StopAsyncIteration:
                return
            yield item

    try:
        yield ticks()
    finally:
        for task in pending:
            task.cancel()


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source)


async def _until(changes: AsyncIterator[AnyEvent], job: "Job") -> AsyncIterator[AnyEvent]:
    """The changes until the job has ended, whichever of the two is heard of first."""
    ended = asyncio.ensure_future(job.wait())  # cancelled here: the job itself is the daemon's
    change = asyncio.ensure_future(_next(changes))
    try:
        while True:
            await asyncio.wait((ended, change), return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and not change.done():
                return
            with suppress(StopAsyncIteration):
                yield change.result()
                change = asyncio.ensure_future(_next(changes))
                continue
            return
    finally:
        ended.cancel()
        change.cancel()


def _ending(result: SwitchResult) -> SwitchEnded:
    assert result.outcome != "running", "a job that was waited for has ended"
    return SwitchEnded(
        profile=result.model,
        outcome=result.outcome,
        seconds=result.seconds or 0.0,
        instance=result.instance,
        restored=result.restored,
        failure=result.failure,
    )


def _after(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID") or request.query.get("after")
    if text is None:
        return None
    return number(text, "the number of an event")


@asynccontextmanager
async def stream(
    request: web.Request, headers: dict[str, str] | None = None
) -> AsyncIterator[web.StreamResponse]:
    """A reply that goes on for the length of the block."""
    response = web.StreamResponse(headers=_HEADERS | (headers or {}))
    await response.prepare(request)
    yield response
    await response.write_eof()
