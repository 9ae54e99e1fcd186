"""Ollama's chat, generate and embeddings: each a question to an instance through the relay."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from aiohttp import web

from paddock.http import body
from paddock.http.askers import asker
from paddock.http.auth import Scope
from paddock.http.content import Content
from paddock.http.front import Front, Route
from paddock.http.ollama import requests
from paddock.http.ollama.requests import EngineRequest
from paddock.http.ollama.responses import EmbeddingReply, GenerationReply, Kind
from paddock.http.ollama.wire import (
    ChatRequest,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    OllamaRequest,
)
from paddock.http.relay import Exchange
from paddock.llama.samplers import FLAG_OF

if TYPE_CHECKING:
    from paddock.config.profile import Profile
    from paddock.daemon.lease import Lease

T = TypeVar("T")
_SAID = {"stream", *FLAG_OF}
KeepAlive = float | str | None


async def chat(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A chat; without messages the model is only loaded, or unloaded (`keep_alive: 0`)."""
    return await _answered(front, request, route, ChatRequest, "chat", requests.chat)


async def generate(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A prompt; without one the model is only loaded, or unloaded (`keep_alive: 0`)."""
    return await _answered(front, request, route, GenerateRequest, "generate", requests.generate)


async def embed(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The embeddings of one or several texts."""
    return await _embedded(front, request, route, EmbedRequest, requests.embed, is_older=False)


async def embeddings(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The embedding of one text, by the older call."""
    asks = requests.embeddings
    return await _embedded(front, request, route, EmbeddingsRequest, asks, is_older=True)


A = TypeVar("A", bound=OllamaRequest)
E = TypeVar("E", EmbedRequest, EmbeddingsRequest)


async def _answered(
    front: Front,
    request: web.Request,
    route: Route,
    kind: type[A],
    called: Kind,
    translated: Callable[[A], EngineRequest],
) -> web.StreamResponse:
    exchange = Exchange(front, request, route)

    async def relayed() -> web.StreamResponse:
        content = await exchange.bodies.received(request)
        async with exchange.bodies.opened(content) as view:
            wanted = body.decoded(view, msgspec.json.Decoder(kind))
            profile = front.daemon.resolve(wanted.model)
            exchange.profile = profile.id
            exchange.streams = wanted.stream is not False
            reply = GenerationReply(wanted.model or profile.id, called, streams=exchange.streams)
            exchange.interpreter = reply
            keeping = _Keeping(exchange, profile, wanted.keep_alive)
            question = translated(wanted) if _says_something(wanted) else None
            if question:
                content = await exchange.bodies.changed(content, question.pieces())
        del wanted, view  # they may be large, and the wait may be long
        if question is None:
            return await _loaded(exchange, keeping, reply)
        return await _asked(exchange, keeping, question, content)

    return await exchange.accounted(relayed)


async def _embedded(
    front: Front,
    request: web.Request,
    route: Route,
    kind: type[E],
    translated: Callable[[E], EngineRequest],
    *,
    is_older: bool,
) -> web.StreamResponse:
    exchange = Exchange(front, request, route)

    async def relayed() -> web.StreamResponse:
        content = await exchange.bodies.received(request)
        async with exchange.bodies.opened(content) as view:
            wanted = body.decoded(view, msgspec.json.Decoder(kind))
            profile = front.daemon.resolve(wanted.model)
            exchange.profile = profile.id
            exchange.interpreter = EmbeddingReply(wanted.model or profile.id, is_older=is_older)
            keeping = _Keeping(exchange, profile, wanted.keep_alive)
            question = translated(wanted)
            content = await exchange.bodies.changed(content, question.pieces())
        return await _asked(exchange, keeping, question, content)

    return await exchange.accounted(relayed)


async def _asked(
    exchange: Exchange, keeping: "_Keeping", question: EngineRequest, content: Content
) -> web.StreamResponse:
    exchange.note_ignored((*question.left_out, *keeping.in_vain))
    if exchange.route.streams:  # it generates
        wish = body.wish(_small(question), "application/json")
        content = await exchange.prepared(keeping.profile, wish, content)
    question.body.clear()
    with _lease(exchange) as lease:
        response = await exchange.through(lease, question.path, content)
        keeping.apply()
        return response


def _lease(exchange: Exchange) -> "Lease":
    return exchange.front.daemon.lease(exchange.profile, asker=asker(exchange.request))


def _small(question: EngineRequest) -> bytes:
    """What a question says besides its text."""
    said = {key: value for key, value in question.body.items() if key in _SAID}
    return msgspec.json.encode(said)


async def _loaded(
    exchange: Exchange, keeping: "_Keeping", reply: GenerationReply
) -> web.StreamResponse:
    """Nothing is asked: the model is to be there, or to go."""
    exchange.note_ignored(keeping.in_vain)
    if keeping.is_unload:
        keeping.apply()
        return await exchange.told(reply.done("unload"))
    with _lease(exchange) as lease:
        await exchange.admitted(lease)
        keeping.apply()
        return await exchange.told(reply.done("load"))


def _says_something(wanted: OllamaRequest) -> bool:
    if isinstance(wanted, ChatRequest):
        return bool(wanted.messages)
    return isinstance(wanted, GenerateRequest) and bool(wanted.prompt or wanted.images)


class _Keeping:
    """How long the model is to stay after this, which is for those to say who may manage."""

    def __init__(self, exchange: Exchange, profile: "Profile", keep_alive: KeepAlive) -> None:
        self.profile, self._daemon = profile, exchange.front.daemon
        self._seconds = None if keep_alive in (None, "") else requests.seconds(keep_alive)
        headers = exchange.request.headers
        is_allowed = exchange.front.guard.allows(headers, Scope.MANAGEMENT)
        self.in_vain: tuple[str, ...] = ()
        if self._seconds is not None and not is_allowed:
            self._seconds, self.in_vain = None, ("keep_alive",)

    @property
    def is_unload(self) -> bool:
        return self._seconds == 0

    def apply(self) -> None:
        if self._seconds is None:
            return
        if self.is_unload:
            self._daemon.unload(self.profile.id)
        else:
            self._daemon.let_idle(self.profile.id, max(self._seconds, 0.0))


async def read(front: Front, request: web.Request, kind: type[T]) -> T:
    """An order, whatever its content type: Ollama's users send none. BadRequest."""
    return body.decoded(await front.receiver.order(request), msgspec.json.Decoder(kind))
