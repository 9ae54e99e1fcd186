"""Ollama's chat, generate and embeddings: each a question to an instance through the relay."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from aiohttp import web

from paddock.http import body
from paddock.http import call as calls
from paddock.http.askers import asker
from paddock.http.auth import Scope
from paddock.http.call import Prompt, RelayedCall
from paddock.http.content import Content
from paddock.http.exchange import Exchange
from paddock.http.front import Front, Route
from paddock.http.interpreter import Interpreter
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
from paddock.http.relay import Relay
from paddock.llama.samplers import FLAG_OF

if TYPE_CHECKING:
    from paddock.config.profile import NamedModel
    from paddock.daemon.lease import Lease

T = TypeVar("T")
_SAID = {"stream", "stop", *FLAG_OF}
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
    async with Exchange(front, request, route) as exchange:
        content = await exchange.bodies.received(request)
        async with exchange.bodies.opened(content) as view:
            wanted = body.decoded(view, msgspec.json.Decoder(kind))
            keeping = _keeping(exchange, wanted)
            streams = wanted.stream is not False
            reply = GenerationReply(keeping.name, called, streams=streams)
            question = translated(wanted) if _says_something(wanted) else None
            if question:
                content = await exchange.bodies.changed(content, question.pieces())
        del wanted, view  # they may be large, and the wait may be long
        if question is None:
            exchange.response = await _loaded(exchange, keeping, reply, streams=streams)
        else:
            call = await _resolved(exchange, keeping, question, content, reply, streams=streams)
            exchange.response = await _asked(exchange, keeping, call)
    return exchange.answer


async def _embedded(
    front: Front,
    request: web.Request,
    route: Route,
    kind: type[E],
    translated: Callable[[E], EngineRequest],
    *,
    is_older: bool,
) -> web.StreamResponse:
    async with Exchange(front, request, route) as exchange:
        content = await exchange.bodies.received(request)
        async with exchange.bodies.opened(content) as view:
            wanted = body.decoded(view, msgspec.json.Decoder(kind))
            keeping = _keeping(exchange, wanted)
            question = translated(wanted)
            content = await exchange.bodies.changed(content, question.pieces())
        reply = EmbeddingReply(keeping.name, is_older=is_older)
        call = await _resolved(exchange, keeping, question, content, reply, streams=False)
        exchange.response = await _asked(exchange, keeping, call)
    return exchange.answer


async def _resolved(
    exchange: Exchange,
    keeping: "_Keeping",
    question: EngineRequest,
    content: Content,
    reply: Interpreter,
    *,
    streams: bool,
) -> RelayedCall:
    front, request, named = exchange.front, exchange.request, keeping.named
    prompt = Prompt(content)
    if exchange.route.streams:  # it generates
        wish = body.wish(_small(question), "application/json")
        prompt = await calls.prompt(
            front, request, exchange.bodies, named, wish, content, question.path
        )
    question.body.clear()
    ignored = tuple(dict.fromkeys((*question.left_out, *keeping.in_vain)))
    return RelayedCall(named.profile.id, question.path, prompt, streams, reply, ignored)


async def _asked(exchange: Exchange, keeping: "_Keeping", call: RelayedCall) -> web.StreamResponse:
    with _lease(exchange) as lease:
        response = await Relay(exchange, call).through(lease)
        keeping.apply()
        return response


def _lease(exchange: Exchange) -> "Lease":
    return exchange.front.daemon.lease(exchange.account.profile, asker=asker(exchange.request))


def _small(question: EngineRequest) -> bytes:
    """What a question says besides its text."""
    said = {key: value for key, value in question.body.items() if key in _SAID}
    return msgspec.json.encode(said)


async def _loaded(
    exchange: Exchange, keeping: "_Keeping", reply: GenerationReply, *, streams: bool
) -> web.StreamResponse:
    """Nothing is asked: the model is to be there, or to go."""
    profile, ignored = keeping.profile.id, keeping.in_vain
    relay = Relay(
        exchange, RelayedCall(profile, streams=streams, interpreter=reply, ignored=ignored)
    )
    if keeping.is_unload:
        keeping.apply()
        return await relay.downstream.end(reply.done("unload"))
    with _lease(exchange) as lease:
        await relay.admitted(lease)
        keeping.apply()
        return await relay.downstream.end(reply.done("load"))


def _says_something(wanted: OllamaRequest) -> bool:
    if isinstance(wanted, ChatRequest):
        return bool(wanted.messages)
    return isinstance(wanted, GenerateRequest) and bool(wanted.prompt or wanted.images)


def _generates(wanted: OllamaRequest | EmbedRequest | EmbeddingsRequest) -> bool:
    return not isinstance(wanted, OllamaRequest) or _says_something(wanted)


def _keeping(
    exchange: Exchange, wanted: OllamaRequest | EmbedRequest | EmbeddingsRequest
) -> "_Keeping":
    """Whose turn it is, and how long it is to stay. UnknownModel."""
    # Only what is to be answered may go to another model than the one that was named.
    front = exchange.front
    find = front.asked if _generates(wanted) else front.named
    named = find(exchange.request, wanted.model)
    exchange.begin(named.profile.id)
    return _Keeping(exchange, named, wanted.model, wanted.keep_alive)


class _Keeping:
    """How long the model is to stay after this, which is for those to say who may manage."""

    def __init__(
        self, exchange: Exchange, named: "NamedModel", called: str | None, keep_alive: KeepAlive
    ) -> None:
        """`called`: the model, as the client called it."""
        self.named, self.profile = named, named.profile
        self._daemon = exchange.front.daemon
        self.name = called or named.id
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
