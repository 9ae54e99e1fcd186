"""What goes to one named instance as it is: its facts by GET, and everything under /upstream."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from aiohttp import web

from paddock.errors import Forbidden, UnknownModel
from paddock.http import body, slot_files, steering, upstream
from paddock.http.askers import asker
from paddock.http.auth import Guard, Scope
from paddock.http.call import Prompt, RelayedCall
from paddock.http.content import Content
from paddock.http.exchange import Exchange
from paddock.http.front import Front, Route
from paddock.http.relay import Relay
from paddock.http.steering import SlotFile

if TYPE_CHECKING:
    from paddock.daemon.instances.endpoint import Endpoint
    from paddock.daemon.lease import Lease

_BEGINNING = 64  # bytes, in which a body's first letter stands
_ID_SEGMENTS = 8  # as many `/` as an id may hold, so that a long path costs few look-ups


async def look(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """An instance's own answer to a GET, which loads nothing unless `autoload=true`."""
    async with Exchange(front, request, route) as exchange:
        profile = front.resolve(request, request.query.get("model")).id
        exchange.begin(profile)
        with _lease(front, request, profile) as lease:
            exchange.response = await _answer(exchange, lease, request.path_qs)
    return exchange.answer


async def change(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A POST that changes an instance, or asks it what no other API asks.

    The profile is named by `?model=`, or in a JSON object as llama.cpp's router has it; that of
    `/lora-adapters` is a list, for which its router has no way to name one (build 11434).
    """
    async with Exchange(front, request, route) as exchange:
        content = await exchange.bodies.received(request)
        profile = front.resolve(request, await _model(exchange, content)).id
        exchange.begin(profile)
        check(front, request, request.path, request.query_string)
        with _lease(front, request, profile, otherwise=True) as lease:
            exchange.response = await _answer(exchange, lease, request.path_qs, content)
    return exchange.answer


async def _model(exchange: Exchange, content: Content) -> str | None:
    if named := exchange.request.query.get("model"):
        return named
    async with exchange.bodies.outlined(content) as view:
        beginning = bytes(view[:_BEGINNING]).lstrip()
        if not beginning or beginning.startswith(b"["):
            return None
        return body.wish(view, "application/json").model


async def metrics(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Paddock's own metrics; with `?model=`, those of that profile's instance."""
    if "model" in request.query:
        return await look(front, request, route)
    return web.Response(
        body=await front.daemon.metrics.rendered(),
        headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def passage(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Any request to any path of one profile's instance, which is loaded for it."""
    async with Exchange(front, request, route) as exchange:
        raw = request.rel_url.raw_path.removeprefix("/upstream/")
        profile, path = _split(front, request, raw)
        exchange.begin(profile)
        exchange.response = await _passed(exchange, raw, path)
    return exchange.answer


async def _passed(exchange: Exchange, raw: str, path: str) -> web.StreamResponse:
    front, request, profile = exchange.front, exchange.request, exchange.account.profile
    if not path:  # its page has relative links
        return web.Response(
            status=HTTPStatus.PERMANENT_REDIRECT,
            headers={"location": f"/upstream/{raw}/", "x-paddock-profile": profile},
        )
    path, query = steering.canonical(path), request.rel_url.raw_query_string
    check(front, request, path, query)
    content = await exchange.bodies.received(request) if request.can_read_body else None
    with front.daemon.lease(profile, asker=asker(request)) as lease:
        return await _answer(exchange, lease, f"{path}?{query}" if query else path, content)


def _lease(front: Front, request: web.Request, profile: str, *, otherwise: bool = False) -> "Lease":
    """A lease that loads the profile only where `autoload` says so, without it `otherwise`."""
    asked = request.query.get("autoload")
    if otherwise if asked is None else asked in {"true", "1"}:
        return front.daemon.lease(profile, asker=asker(request))
    return front.daemon.loaded(profile, asker=asker(request))


async def _answer(
    exchange: Exchange, lease: "Lease", path: str, content: upstream.Body = None
) -> web.StreamResponse:
    bare, _, query = path.partition("?")
    method = exchange.request.method
    relay = Relay(exchange, RelayedCall(exchange.account.profile, path, Prompt(content)))
    if method == "GET" and bare == "/slots":
        return await _slots(exchange, await relay.admitted(lease))
    check(exchange.front, exchange.request, bare, query)
    if order := steering.slot_file(method, bare, query):
        return await _obeyed(exchange, relay, lease, order, await _read(exchange, content))
    return await relay.through(lease)


async def _obeyed(
    exchange: Exchange, relay: Relay, lease: "Lease", order: SlotFile, content: bytes
) -> web.StreamResponse:
    endpoint = await relay.admitted(lease)
    hand_saved = exchange.front.daemon.hand_saved(endpoint.instance)
    return await slot_files.obey(endpoint, hand_saved, order, content)


class Guarded(Protocol):
    """Whatever has a guard."""

    @property
    def guard(self) -> Guard: ...


def check(front: Guarded, request: web.Request, path: str, query: str) -> None:
    """Raise Forbidden where an instance is to be changed or to write files, and no manager asks it."""
    is_manager = front.guard.allows(request.headers, Scope.MANAGEMENT)
    if steering.is_steering(request.method, path, query) and not is_manager:
        raise Forbidden(
            f"{request.method} {path} changes the instance for everybody, or writes files",
            hint="use one of management-keys in paddock.toml",
        )


async def _read(exchange: Exchange, content: upstream.Body) -> bytes:
    if content is None:
        return b""
    async with exchange.bodies.opened(content) as view:
        return bytes(view)


async def _slots(exchange: Exchange, endpoint: "Endpoint") -> web.StreamResponse:
    answer = await exchange.front.slots.of(endpoint)
    headers = {"content-type": answer.content_type} | upstream.names(endpoint)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _split(front: Front, request: web.Request, raw: str) -> tuple[str, str]:
    """The profile that the path begins with, its id the longest that fits, and the rest."""
    segments = raw.split("/")
    for count in range(min(len(segments), _ID_SEGMENTS), 0, -1):
        try:
            profile = front.resolve(request, unquote("/".join(segments[:count])) or " ").id
        except UnknownModel:
            if count == 1:
                raise
            continue
        rest = segments[count:]
        return profile, "/" + "/".join(rest) if rest else ""
    raise AssertionError("a path has at least one segment")
