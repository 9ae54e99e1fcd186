"""What goes to one named instance as it is: its facts by GET, and everything under /upstream."""

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web

from paddock.errors import UnknownModel
from paddock.http import upstream
from paddock.http.front import Front, Route
from paddock.http.relay import Exchange

if TYPE_CHECKING:
    from paddock.daemon.lease import Lease

_ID_SEGMENTS = 8  # as many `/` as an id may hold, so that a long path costs few look-ups


async def look(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """An instance's own answer to a GET, which loads nothing unless `autoload=true`."""
    exchange = Exchange(front, request, route)

    async def relayed() -> web.StreamResponse:
        exchange.profile = front.daemon.resolve(request.query.get("model")).id
        with _lease(front, request, exchange.profile) as lease:
            return await _answer(exchange, lease, request.path_qs)

    return await exchange.accounted(relayed)


async def metrics(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Paddock's own metrics; with `?model=`, those of that profile's instance."""
    if "model" in request.query:
        return await look(front, request, route)
    return web.Response(
        body=front.daemon.metrics.render(),
        headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def passage(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Any request to any path of one profile's instance, which is loaded for it."""
    exchange = Exchange(front, request, route)

    async def relayed() -> web.StreamResponse:
        raw = request.rel_url.raw_path.removeprefix("/upstream/")
        exchange.profile, path = _split(front, raw)
        if not path:  # its page has relative links
            return web.Response(
                status=HTTPStatus.PERMANENT_REDIRECT,
                headers={"location": f"/upstream/{raw}/", "x-paddock-profile": exchange.profile},
            )
        content = await exchange.bodies.received(request) if request.can_read_body else None
        with front.daemon.lease(exchange.profile) as lease:
            query = f"?{request.rel_url.raw_query_string}" if request.query_string else ""
            return await _answer(exchange, lease, path + query, content)

    return await exchange.accounted(relayed)


def _lease(front: Front, request: web.Request, profile: str) -> "Lease":
    if request.query.get("autoload") in {"true", "1"}:
        return front.daemon.lease(profile)
    return front.daemon.loaded(profile)


async def _answer(
    exchange: Exchange, lease: "Lease", path: str, content: upstream.Body = None
) -> web.StreamResponse:
    if exchange.request.method == "GET" and path.partition("?")[0] == "/slots":
        return await _slots(exchange, lease)
    return await exchange.through(lease, path, content)


async def _slots(exchange: Exchange, lease: "Lease") -> web.StreamResponse:
    endpoint = await exchange.admitted(lease)
    answer = await exchange.front.slots.of(endpoint)
    headers = {"content-type": answer.content_type} | upstream.names(endpoint)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _split(front: Front, raw: str) -> tuple[str, str]:
    """The profile that the path begins with, its id the longest that fits, and the rest."""
    segments = raw.split("/")
    for count in range(min(len(segments), _ID_SEGMENTS), 0, -1):
        try:
            profile = front.daemon.resolve(unquote("/".join(segments[:count])) or " ").id
        except UnknownModel:
            if count == 1:
                raise
            continue
        rest = segments[count:]
        return profile, "/" + "/".join(rest) if rest else ""
    raise AssertionError("a path has at least one segment")
