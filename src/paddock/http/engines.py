"""The calls about engines: what there is, and which is the default."""

from aiohttp import web

from paddock.api.engines import PromoteRequest
from paddock.http.front import Front, Route
from paddock.http.management import read, reply


async def engines(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """All of them, with their trials."""
    return reply(await front.daemon.engine_desk.engines())


async def promote(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Make one the default."""
    wanted = await read(front, request, PromoteRequest)
    return reply(await front.daemon.engine_desk.promote(wanted.engine, force=wanted.force))


async def roll_back(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Make the former default the default again."""
    return reply(await front.daemon.engine_desk.roll_back())
