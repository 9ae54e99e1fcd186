"""Downloads over the API: begun, looked at, paused, gone on with, ended. For managers alone."""

from aiohttp import web

from paddock.api.pulls import PullList, PullRequest
from paddock.errors import BadRequest, Forbidden
from paddock.http import router
from paddock.http.front import Front, Route
from paddock.http.management import read, reply


async def begin(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Start it, or find the one that is under way: 202, how it goes is in `/pulls/ID` and in events."""
    wanted = await read(front, request, PullRequest)
    info = front.daemon.pulls.start(wanted.model, name=wanted.name, rate=wanted.rate)
    return reply(info, status=202, headers={"location": f"/pulls/{info.id}"})


async def plan(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What it would be here; no weights are fetched. Who leaves ends it."""
    wanted = await read(front, request, PullRequest)
    return reply(await front.daemon.pulls.plan(wanted.model))


async def listed(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """All since the daemon began."""
    return reply(PullList(pulls=front.daemon.pull_book.all()))


async def one(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """How one goes."""
    return reply(front.daemon.pull_book[request.match_info["pull"]])


async def pause(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """End its process and keep what has come."""
    front.daemon.pulls.pause(request.match_info["pull"])
    return reply(await front.daemon.pulls.wait(request.match_info["pull"]))


async def resume(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Go on with a paused one."""
    return reply(front.daemon.pulls.resume(request.match_info["pull"]))


async def cancel(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """End it for good."""
    front.daemon.pulls.cancel(request.match_info["pull"])
    return reply(await front.daemon.pulls.wait(request.match_info["pull"]))


# ---- as llama.cpp's router ----


async def router_pull(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The router's download: begins it and returns; `/models/sse` says how it goes."""
    wanted = await read(front, request, router.LoadRequest)
    if front.daemon.roster.stable.named(wanted.model):
        raise BadRequest(f"model {wanted.model!r} already exists")
    front.daemon.pulls.start(wanted.model)
    return reply(router.Success())


async def router_remove(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The router's removal: of what was pulled alone, its files too; of what is still coming, an end of that."""
    name = request.query.get("model", "")
    if not name:
        raise BadRequest("model must be a non-empty string")
    if coming := front.daemon.pull_book.under_way(name):
        front.daemon.pulls.cancel(coming.id)
        return reply(router.Success())
    await remove_pulled(front, request, name)
    return reply(router.Success())


async def remove_pulled(front: Front, request: web.Request, name: str) -> None:
    """Remove a profile that `paddock pull` wrote, with its files. UnknownModel; Forbidden of any other one."""
    found = front.named(request, name)
    profile = found.profile
    if not profile.source or found.variant:
        raise Forbidden(
            f"{name} is not removable: it was not pulled from a hub",
            hint="take its section out of models.conf, or use `paddock remove`",
        )
    front.daemon.unload(profile.id, now=False)
    await front.daemon.pulls.remove(profile.id)
