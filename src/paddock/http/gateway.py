"""The gateway's own handler: a POST whose body names the model, made ready for llama-server, relayed."""

from aiohttp import web

from paddock.http import body, namespaces
from paddock.http.askers import asker
from paddock.http.body import Wish
from paddock.http.content import Content
from paddock.http.front import Front, Route
from paddock.http.relay import Exchange
from paddock.http.surfaces import RESPONSES


async def generate(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Relay a POST whose body names the model."""
    exchange = Exchange(front, request, route)

    async def relayed() -> web.StreamResponse:
        content = await exchange.bodies.received(request)
        media = request.headers.get("Content-Type", "")
        if isinstance(content, bytes):
            wish = body.wish(content, media)
        else:
            wish = await _large_wish(exchange, content, media)
        exchange.streams = bool(wish.stream) and route.streams
        profile = front.daemon.resolve(wish.model)
        exchange.profile = profile.id
        if route.streams:  # it generates
            content = await exchange.prepared(profile, wish, content)
        if route.surface is RESPONSES:
            content = await _unwrapped(exchange, content)
        with front.daemon.lease(exchange.profile, asker=asker(request)) as lease:
            return await exchange.through(lease, request.path_qs, content)

    return await exchange.accounted(relayed)


async def _large_wish(exchange: Exchange, content: Content, media: str) -> Wish:
    bodies = exchange.bodies
    look = bodies.opened if body.is_form(media) else bodies.outlined
    async with look(content) as view:
        return body.owned(body.wish(view, media))


async def _unwrapped(exchange: Exchange, content: Content) -> Content:
    """The body with tools that llama-server sees, and a reply that calls them as the client does.

    A stream is gone through in any case: llama-server leaves numbers out of its events.
    """
    async with exchange.bodies.outlined(content) as view:
        pieces, names = namespaces.flattened(view)
        if names or exchange.streams:
            exchange.interpreter = namespaces.Wrapper(names, streams=exchange.streams)
        if not names:
            return content
        return await exchange.bodies.changed(content, pieces)
