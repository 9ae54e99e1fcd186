"""The gateway's own handler: a POST whose body names the model, made ready for llama-server, relayed."""

from aiohttp import web

from paddock.http import body, namespaces
from paddock.http.front import Front, Route
from paddock.http.relay import Exchange
from paddock.http.surfaces import RESPONSES


async def generate(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Relay a POST whose body names the model."""
    exchange = Exchange(front, request, route)

    async def relayed() -> web.StreamResponse:
        content = await body.read(request, front.max_body)
        wish = body.wish(content, request.headers.get("Content-Type", ""))
        exchange.streams = bool(wish.stream) and route.streams
        profile = front.daemon.resolve(wish.model)
        exchange.profile = profile.id
        if route.streams:  # it generates
            content = await exchange.prepared(profile, wish, content)
        if route.surface is RESPONSES:
            content = _unwrapped(exchange, content)
        with front.daemon.lease(exchange.profile) as lease:
            return await exchange.through(lease, request.path_qs, content)

    return await exchange.accounted(relayed)


def _unwrapped(exchange: Exchange, content: bytes) -> bytes:
    """The body with tools that llama-server sees, and a reply that calls them as the client does.

    A stream is gone through in any case: llama-server leaves numbers out of its events.
    """
    content, names = namespaces.flattened(content)
    if names or exchange.streams:
        exchange.interpreter = namespaces.Wrapper(names, streams=exchange.streams)
    return content
