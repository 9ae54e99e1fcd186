"""llama-server's resumable streams: replies that go on without their reader, and can be read again.

A client that sends `X-Conversation-Id: ID::MODEL`, as llama-server's web page does, may leave before
a reply (`patiently`) or in the middle of it (`outlive`) and come back for it. The relay waits and reads on
until the reply has ended, so its instance is not taken for idle; whoever comes back needs no lease of
his own. Source: tools/server/server-stream.cpp and server-models.cpp of llama.cpp, build 11434; its
router, asked beside us by tests/e2e/test_router.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from aiohttp import web
from yarl import URL

from paddock.errors import BadRequest, NoSuchThing, StillLoading, UnknownModel, UpstreamGone
from paddock.http import upstream
from paddock.http.front import Front, Route
from paddock.http.reply_usage import ReplyUsage
from paddock.llama.reply import Reply

if TYPE_CHECKING:
    from paddock.daemon.activity.requests import Request
    from paddock.daemon.instances.endpoint import Endpoint

T = TypeVar("T")
ID_HEADER = "X-Conversation-Id"
_PATH, _ID = "/v1/stream", "conv_id"


async def resume(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What a conversation's reply has said since byte `from`, and what it says from now on."""
    endpoint = _endpoint(front, request)
    waits = front.daemon.requests.unanswered(request.query[_ID])
    if waits and (endpoint is None or waits.instance is None):
        raise StillLoading(f"this reply will come: {waits.profile} is being loaded for it")
    if endpoint is None:
        raise NoSuchThing("this reply is gone: it was never begun, or its model was unloaded")
    headers = upstream.request_headers(request)
    with endpoint.being_read():
        reply = await upstream.ask(endpoint, "GET", request.path_qs, headers, None)
        try:
            if waits and reply.status == HTTPStatus.NOT_FOUND:
                raise StillLoading(
                    f"this reply will come: {waits.profile} has just been loaded for it"
                )
            response = web.StreamResponse(
                status=reply.status,
                headers=upstream.reply_headers(reply, endpoint.profile, endpoint.instance),
            )
            await response.prepare(request)
            while chunk := await upstream.some(reply, endpoint):
                await response.write(chunk)
        finally:
            reply.close()
    return response


async def stop(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """End a conversation's reply, also one that is still waited for; 204 also where it is over."""
    endpoint = _endpoint(front, request)
    if waits := front.daemon.requests.unanswered(request.query[_ID]):
        front.daemon.requests.cancel(waits.id, "the request was stopped before its reply began")
    elif endpoint:
        with suppress(UpstreamGone):
            await end(endpoint, request.query[_ID])
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def lookup(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Which of these conversations have a reply to be read, in any ready instance."""
    content = await front.receiver.order(request)
    found: list[Any] = []
    endpoints = (x for x in front.daemon.endpoints() if front.is_listed(request, x.profile))
    for endpoint in endpoints:
        with suppress(UpstreamGone), endpoint.in_use():
            found += await _known(endpoint, content)
    return web.json_response(found)


def outlives(request: web.Request, listed: "Request") -> bool:
    """Whether the reader of a conversation's reply has left, and nobody ended the request."""
    transport = request.transport
    has_left = transport is None or transport.is_closing()
    return bool(listed.conversation) and has_left and not listed.cancelled


async def outlive(
    request: web.Request,
    listed: "Request",
    endpoint: "Endpoint",
    reply: Reply,
    usage: ReplyUsage,
) -> None:
    """Where the reader of a conversation's reply has left, read on in its place until it is over.

    Called when the handler's task was cancelled, or nothing could be written. Where somebody ended
    the request, now or meanwhile, the instance is asked to end it: a hang-up alone would not.
    """
    if not listed.conversation:
        return
    try:
        if outlives(request, listed):
            await _read_out(listed, endpoint, reply, usage)
    finally:
        if listed.cancelled:
            await end(endpoint, listed.conversation)


async def patiently(request: web.Request, listed: "Request", wait: Callable[[], Awaitable[T]]) -> T:
    """What `wait` gives; where a conversation's reader leaves meanwhile, it is waited for in its place.

    `wait` can be called again after it was cancelled. A hang-up is noticed twice, in either order: a
    write fails, and the task is cancelled, once.
    """
    was_cancelled = False
    while True:
        try:
            return await wait()
        except ConnectionError:
            if not outlives(request, listed):
                raise
        except asyncio.CancelledError:
            if was_cancelled or not outlives(request, listed):
                raise
            was_cancelled = True
            task = asyncio.current_task()
            assert task is not None, "a handler runs in a task"
            task.uncancel()


async def _read_out(
    listed: "Request", endpoint: "Endpoint", reply: Reply, usage: ReplyUsage
) -> None:
    """A hang-up is noticed twice, in either order: a write fails, and the task is cancelled, once."""
    task = asyncio.current_task()
    assert task is not None, "a handler runs in a task"
    was_cancelled = task.cancelling() > 0
    task.uncancel()
    while True:
        try:
            while piece := await upstream.some(reply, endpoint):
                usage.hear(piece)
        except asyncio.CancelledError:
            if was_cancelled or listed.cancelled or endpoint.gone:
                raise
            was_cancelled = True
            task.uncancel()
        else:
            return


async def end(endpoint: "Endpoint", conversation: str) -> None:
    """Have the instance end this conversation's reply, which no hang-up would."""
    path = str(URL(_PATH).with_query({_ID: conversation}))
    reply = await upstream.ask(endpoint, "DELETE", path, {}, None)
    reply.close()


def _endpoint(front: Front, request: web.Request) -> "Endpoint | None":
    """The instance that the conversation's id names; None where that is not loaded."""
    if not request.query.get(_ID):
        raise BadRequest(f"{_ID}, the conversation's id, is missing")
    conversation, _, model = request.query[_ID].rpartition("::")
    if not conversation:
        return None
    with suppress(UnknownModel):
        profile = front.named(request, model).profile.id
        return next((x for x in front.daemon.endpoints() if x.profile == profile), None)
    return None


async def _known(endpoint: "Endpoint", content: bytes) -> list[Any]:
    headers = {"Content-Type": "application/json"}
    reply = await upstream.ask(endpoint, "POST", f"{_PATH}s/lookup", headers, content)
    try:
        answer = await upstream.whole(reply, endpoint)
    finally:
        reply.close()
    if reply.status == HTTPStatus.BAD_REQUEST:
        raise BadRequest("the request body is not usable: conversation_ids, a list, is missing")
    try:
        sessions = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return []
    return sessions if isinstance(sessions, list) else []  # an older build has none
