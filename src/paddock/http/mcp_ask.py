"""One prompt of an agent: a request like any other, with a lease, in sight, and cancelled when it leaves.

It is streamed from the instance, because only then does llama-server stop at once when nobody
listens any more.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from paddock.api import mcp
from paddock.api.connection import foreign_error
from paddock.api.mcp_tools import Answered, Question
from paddock.api.sse import SseMessage, SseParser
from paddock.daemon.history.usage_log import RequestUse
from paddock.errors import Cancelled, PaddockError, UpstreamGone
from paddock.http import errors, upstream
from paddock.http.askers import asker
from paddock.http.auth import HOLDER
from paddock.http.mcp_caller import Caller
from paddock.http.sampling import Sampling, shaped

if TYPE_CHECKING:
    from paddock.config.profile import NamedModel
    from paddock.daemon.activity.requests import Request
    from paddock.daemon.instances.endpoint import Endpoint
    from paddock.daemon.lease import Lease

_PATH = "/v1/chat/completions"
_HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream"}
_EVERY = 1.0  # seconds between two signs of progress while it writes
_CLIENT_LEFT = 499  # nginx's number for it, in metrics only


@dataclass(slots=True)
class PartialAnswer:
    """What has come of an answer."""

    pieces: list[str] = field(default_factory=list)
    chunks: int = 0  # as good as tokens, reasoning included
    finish: str = ""
    usage: dict[str, int] = field(default_factory=dict)

    def hear(self, chunk: dict[str, Any]) -> None:
        """One chunk of OpenAI's stream; its error is raised."""
        if chunk.get("error"):
            raise foreign_error(chunk)
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or []:
            self.chunks += 1
            self.pieces.append((choice.get("delta") or {}).get("content") or "")
            self.finish = choice.get("finish_reason") or self.finish


async def ask(caller: Caller, wanted: Question) -> dict[str, Any]:
    """The model's answer; it is loaded first if need be."""
    named = caller.front.asked(caller.request, wanted.model)
    profile = named.profile.id
    with (
        _accounted(caller, profile) as account,
        caller.front.daemon.lease(profile, asker=asker(caller.request)) as held,
        _in_sight(caller, profile) as listed,
    ):
        account.listed = listed
        endpoint = await _admitted(caller, held)
        account.granted = monotonic()
        listed.instance = endpoint.instance
        with endpoint.in_use():
            written = await _written(caller, endpoint, listed, _body(wanted, named))
            account.usage = written.usage
    return _result(profile, written)


@dataclass(slots=True)
class _Account:
    """What is known of a question when it is over."""

    granted: float = 0.0  # 0: it did not reach its model
    listed: "Request | None" = None
    usage: dict[str, int] = field(default_factory=dict)

    def used(self) -> RequestUse:
        seconds = monotonic() - self.granted
        if self.usage:
            tokens = self.usage.get("prompt_tokens", 0), self.usage.get("completion_tokens", 0)
            return RequestUse(seconds, *tokens)
        so_far = self.listed.tokens_so_far if self.listed else (0, 0)
        return RequestUse(seconds, *so_far, is_counted=False)


@contextmanager
def _accounted(caller: Caller, profile: str) -> Iterator[_Account]:
    begun, status, account = monotonic(), _CLIENT_LEFT, _Account()
    holder = caller.request.get(HOLDER)
    if holder is not None:
        holder.admit()
    try:
        yield account
        status = 200
    except PaddockError as error:
        status = error.status
        raise
    finally:
        metrics = caller.front.daemon.metrics
        metrics.request_done(profile, "mcp", status, monotonic() - begun)
        if holder is not None:
            holder.leave()
        if account.granted:
            caller.front.daemon.usage_log.note(holder, profile, account.used())


@contextmanager
def _in_sight(caller: Caller, profile: str) -> Iterator["Request"]:
    """Among the requests in flight, where it can be ended, too."""
    requests = caller.front.daemon.requests
    client = caller.request.headers.get("User-Agent", "")
    listed = requests.enter(profile, "mcp", client, generates=True)
    try:
        yield listed
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if listed.cancelled and task and task.uncancel() == 0:
            raise Cancelled("the request was cancelled") from None
        raise
    finally:
        requests.leave(listed)


async def _admitted(caller: Caller, lease: "Lease") -> "Endpoint":
    if lease.endpoint is None:
        async with caller.watching(lease.profile):
            await lease.wait(None)
    assert lease.endpoint is not None, "who waited without end has one"
    return lease.endpoint


def _body(wanted: Question, named: "NamedModel") -> bytes:
    system = [{"role": "system", "content": wanted.system}] if wanted.system else []
    limit = {"max_tokens": wanted.max_tokens} if wanted.max_tokens else {}
    messages = [*system, {"role": "user", "content": wanted.prompt}]
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    said = {"model": named.profile.id, "messages": messages} | streamed | limit
    body, variant = msgspec.json.encode(said), named.variant
    if variant is None:
        return body
    ruled = Sampling(added=variant.samplers)  # the question sets none
    return b"".join(shaped(body, ruled, variant, _PATH))


async def _written(
    caller: Caller, endpoint: "Endpoint", listed: "Request", content: bytes
) -> PartialAnswer:
    reply = await upstream.ask(endpoint, "POST", _PATH, _HEADERS, content)
    listed.source = reply
    try:
        if reply.status >= 400:
            raise errors.engine_refusal(await upstream.whole(reply, endpoint))
        written, reported = PartialAnswer(), monotonic()
        async for chunk in _chunks(reply, endpoint):
            listed.has_begun = True
            written.hear(chunk)
            if monotonic() - reported >= _EVERY:
                reported = monotonic()
                caller.progress(f"{written.chunks} tokens written", 1.0 + written.chunks)
    finally:
        reply.close()  # a connection whose reply was read to its end is already in the pool
    if not written.finish:
        raise UpstreamGone(f"the answer of {endpoint.profile} broke off before its end")
    return written


async def _chunks(reply: Any, endpoint: "Endpoint") -> AsyncIterator[dict[str, Any]]:
    parser = SseParser()
    while piece := await upstream.some(reply, endpoint):
        for message in parser.feed(piece):
            if isinstance(message, SseMessage) and message.data != "[DONE]":
                yield msgspec.json.decode(message.data, type=dict[str, Any])


def _result(profile: str, written: PartialAnswer) -> dict[str, Any]:
    text = "".join(written.pieces)
    answered = Answered(
        model=profile,
        text=text,
        finish_reason=written.finish,
        prompt_tokens=written.usage.get("prompt_tokens"),
        generated_tokens=written.usage.get("completion_tokens"),
    )
    if not text and written.finish == "length":
        return mcp.done(answered, "(no answer: max_tokens was used up by the model's reasoning)")
    return mcp.done(answered, text)
