"""The gateway's own handler: a POST whose body names the model, made ready for llama-server, relayed."""

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from paddock.http import body, call, namespaces
from paddock.http.askers import asker
from paddock.http.body import Wish
from paddock.http.call import Prompt, RelayedCall
from paddock.http.content import Content
from paddock.http.exchange import Exchange
from paddock.http.front import Front, Route
from paddock.http.interpreter import Interpreter
from paddock.http.many_prompts import ManyPrompts, has_many
from paddock.http.namespaces import Wrapper
from paddock.http.relay import Relay
from paddock.http.sampling import NOTHING_SAID
from paddock.http.stop_reasons import StopReasons
from paddock.http.surfaces import ANTHROPIC, RESPONSES

if TYPE_CHECKING:
    from paddock.config.profile import NamedModel


async def generate(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Relay a POST whose body names the model."""
    async with Exchange(front, request, route) as exchange:
        resolved = await _resolved(exchange)
        with front.daemon.lease(resolved.profile, asker=asker(request)) as lease:
            exchange.response = await Relay(exchange, resolved).through(lease)
    return exchange.answer


async def _resolved(exchange: Exchange) -> RelayedCall:
    front, request, route = exchange.front, exchange.request, exchange.route
    content: Content | None = exchange.bodies.at_once(request)
    if content is None:
        content = await exchange.bodies.received(request)
    media = request.headers.get(hdrs.CONTENT_TYPE, "")
    if isinstance(content, bytes):
        wish = body.wish(content, media)
    else:
        wish = await _large_wish(exchange, content, media)
    named = front.asked(request, wish.model)
    profile = named.profile
    exchange.begin(profile.id)
    wrapper: Interpreter | None = None
    streams = bool(wish.stream) and route.streams
    if route.streams:  # it generates
        prompt = await call.prompt(
            front, request, exchange.bodies, named, wish, content, request.path
        )
    else:  # it is counted, or put into the template, as it would be asked
        content = await call.shaped(
            exchange.bodies, named, wish, NOTHING_SAID, content, request.path
        )
        prompt = Prompt(content)
    if route.surface is RESPONSES:
        prompt, wrapper = await _unwrapped(exchange, prompt, streams=streams)
    elif route.surface is ANTHROPIC and route.streams and _has_stops(wish, named):
        wrapper = StopReasons(streams=streams)
    elif streams and has_many(wish):
        wrapper = ManyPrompts(route.surface)
    url = request.rel_url
    path = request.path_qs if url.raw_query_string else url.raw_path
    return RelayedCall(profile.id, path, prompt, streams, wrapper)


def _has_stops(wish: Wish, named: "NamedModel") -> bool:
    """Whether a stop sequence may end the reply: one of the request's, or of its variant's."""
    said = bytes(body.picked(wish).get("stop_sequences", b"[]"))
    return said not in {b"[]", b"null"} or bool(named.variant and named.variant.stop)


async def _large_wish(exchange: Exchange, content: Content, media: str) -> Wish:
    bodies = exchange.bodies
    look = bodies.opened if body.is_form(media) else bodies.outlined
    async with look(content) as view:
        return body.owned(body.wish(view, media))


async def _unwrapped(
    exchange: Exchange, prompt: Prompt, *, streams: bool
) -> tuple[Prompt, Wrapper | None]:
    """The body with tools that llama-server sees, and a reply that calls them as the client does.

    A stream is gone through in any case: llama-server leaves numbers out of its events.
    """
    assert prompt.body is not None, "a POST has one"
    async with exchange.bodies.outlined(prompt.body) as view:
        pieces, names = namespaces.flattened(view)
        wrapper = Wrapper(names, streams=streams) if names or streams else None
        if not names:
            return prompt, wrapper
        changed = await exchange.bodies.changed(prompt.body, pieces)
        return Prompt(changed, prompt.sampling, prompt.mark), wrapper
