"""The Model Context Protocol over HTTP: one message in, one reply out, as JSON or as a stream.

Stateless: a session is a name that we make up and keep nothing under, so that a client finds its
own calls again to cancel them, also over a restart of the daemon. A call whose client hangs up is
cancelled, because nobody could get its result any more.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol
from uuid import uuid4

import msgspec
from aiohttp import web

from paddock.api import mcp
from paddock.config.settings import Settings
from paddock.http import sse
from paddock.http.front import Front, Handler, Route
from paddock.http.mcp_caller import Caller
from paddock.http.mcp_tools import call
from paddock.http.receiving import Receiver

_SESSION, _VERSION = "Mcp-Session-Id", "MCP-Protocol-Version"
_JSON = "application/json"


class McpFront(Protocol):
    """What these handlers need of whoever serves them: a daemon's `Front`, or that of many machines."""

    receiver: Receiver
    calls: dict[tuple[str, mcp.Id], "asyncio.Task[Any]"]

    @property
    def settings(self) -> Settings: ...


# Runs a tool for a request of this front; the last is for signs of progress. Never raises PaddockError.
RunTool = Callable[
    [Any, web.Request, mcp.ToolCall, Callable[[bytes], None]], Coroutine[Any, Any, dict[str, Any]]
]


def posting(run: RunTool) -> Handler:
    """A handler of messages whose tools are run so."""

    async def post(front: McpFront, request: web.Request, route: Route) -> web.StreamResponse:
        """Answer one message, or a batch where the client's version has them."""
        return await _posted(front, request, run)

    return post


async def _run_here(
    front: Front, request: web.Request, wanted: mcp.ToolCall, tell: Callable[[bytes], None]
) -> dict[str, Any]:
    return await call(Caller(front, request, wanted.progress_token, tell), wanted)


post = posting(_run_here)


async def _posted(front: McpFront, request: web.Request, run: RunTool) -> web.StreamResponse:
    version = request.headers.get(_VERSION, mcp.ASSUMED)
    message = mcp.read(await front.receiver.order(request), version)
    if isinstance(message, list):
        return await _batch(front, request, message, run)
    if isinstance(message, mcp.RpcNotification):
        return _noticed(front, request, message)
    if isinstance(message, mcp.Refusal):
        return _json(mcp.refused(message), status=400)
    if wrong := mcp.checked(message, version):
        return _json(mcp.refused(wrong), status=400)
    if (found := _at_once(message)) is not None:
        headers = {_SESSION: uuid4().hex} if message.method == "initialize" else None
        return _json(found, headers=headers)
    return await _called(RunningCall(front, request, message, run), front, request)


async def delete(front: McpFront, request: web.Request, route: Route) -> web.StreamResponse:
    """A client says goodbye; nothing was kept for it."""
    return web.Response(status=204)


def _at_once(message: mcp.RpcRequest) -> bytes | None:
    """The reply where nothing has to be done for it."""
    found = mcp.answer(message)
    if found is None and isinstance(wrong := mcp.call_of(message), mcp.Refusal):
        found = wrong
    if isinstance(found, mcp.Refusal):
        return mcp.refused(found)
    return None if found is None else mcp.reply(message.id, found)


def _noticed(front: McpFront, request: web.Request, notice: mcp.RpcNotification) -> web.Response:
    number = mcp.cancelled_id(notice)
    if number is not None and (task := front.calls.get(_key(request, number))):
        task.cancel()
    return web.Response(status=202)


async def _batch(
    front: McpFront, request: web.Request, messages: list[mcp.Message], run: RunTool
) -> web.Response:
    replies = [await _one(front, request, message, run) for message in messages]
    written = [msgspec.Raw(one) for one in replies if one is not None]
    return _json(msgspec.json.encode(written)) if written else web.Response(status=202)


async def _one(
    front: McpFront, request: web.Request, message: mcp.Message, run: RunTool
) -> bytes | None:
    if isinstance(message, mcp.RpcNotification):
        _noticed(front, request, message)
        return None
    if isinstance(message, mcp.Refusal):
        return mcp.refused(message)
    if (found := _at_once(message)) is not None:
        return found
    running = RunningCall(front, request, message, run)
    async with running:
        await running.ended()
    return running.reply


class RunningCall:
    """One call of a tool inside its block; whoever leaves the block early cancels it."""

    def __init__(
        self, front: McpFront, request: web.Request, message: mcp.RpcRequest, run: RunTool
    ) -> None:
        wanted = mcp.call_of(message)
        assert isinstance(wanted, mcp.ToolCall), "what is wrong with it was said at once"
        self.words: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: it has ended
        self._id, self._key = message.id, _key(request, message.id)
        self._calls = front.calls
        running = run(front, request, wanted, self.words.put_nowait)
        self._task = asyncio.ensure_future(running)  # ended in __aexit__
        self._task.add_done_callback(lambda _: self.words.put_nowait(None))

    async def __aenter__(self) -> "RunningCall":
        if self._key[0]:  # without a session, another client's call may have the same id
            self._calls[self._key] = self._task
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._calls.get(self._key) is self._task:
            del self._calls[self._key]
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def ended(self) -> None:
        """Return when it has, well or not."""
        await asyncio.wait((self._task,))

    async def next_word(self, patience: float) -> bytes | None:
        """Its next message, a sign of life after `patience` seconds, None at its end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                word = await self.words.get()
                return None if word is None else _event(word)
        return sse.SILENCE

    @property
    def reply(self) -> bytes | None:
        """None where the client cancelled it: it wants to hear nothing more."""
        if self._task.cancelled():
            return None
        return mcp.reply(self._id, self._task.result())


async def _called(call_: RunningCall, front: McpFront, request: web.Request) -> web.StreamResponse:
    async with call_ as running:
        if "text/event-stream" not in request.headers.get("Accept", ""):
            await running.ended()
            return _json(running.reply or b"")
        word = await running.next_word(front.settings.keep_alive_after)
        if word is None and running.reply is not None:
            return _json(running.reply)
        return await _streamed(front, request, running, word)


async def _streamed(
    front: McpFront, request: web.Request, running: RunningCall, word: bytes | None
) -> web.StreamResponse:
    """Stream a call that takes long or reports progress; a cancelled one ends without a reply."""
    async with sse.stream(request) as response:
        while word is not None:
            await response.write(word)
            word = await running.next_word(front.settings.keep_alive_every)
        if (reply := running.reply) is not None:
            await response.write(_event(reply))
    return response


def _event(message: bytes) -> bytes:
    return b"event: message\ndata: " + message + b"\n\n"


def _key(request: web.Request, number: mcp.Id) -> tuple[str, mcp.Id]:
    return request.headers.get(_SESSION, ""), number


def _json(
    content: bytes, *, status: int = 200, headers: dict[str, Any] | None = None
) -> web.Response:
    return web.Response(status=status, body=content, content_type=_JSON, headers=headers)
