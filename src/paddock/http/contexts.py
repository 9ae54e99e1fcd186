"""The calls about saved contexts of all profiles."""

from aiohttp import web

from paddock.errors import NoSuchThing
from paddock.http.front import Front, Route
from paddock.http.management import reply


async def contexts(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What is kept, where, how much and since when."""
    return reply(await front.daemon.saved_contexts())


async def delete(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Delete one; what is left."""
    name = request.match_info["context"]
    if not await front.daemon.forget_context(name):
        raise NoSuchThing(
            f"there is no saved context {name[:40]!r}", hint="GET /contexts lists them"
        )
    return reply(await front.daemon.saved_contexts())
