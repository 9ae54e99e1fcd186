"""The front door: one application of all routes, and its listening sockets.

`handler_cancellation` is what makes a client's hang-up cancel its request at once: aiohttp then
cancels the handler, its lease ends, and the upstream connection closes.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import web
from multidict import istr

from paddock.config.settings import Settings
from paddock.errors import BodyTooLarge, Forbidden, NoSuchThing, PaddockError, RequestTimeout
from paddock.http import errors, malformed, refusing
from paddock.http.auth import HOLDER, Guard, Scope
from paddock.http.client_link import link_of
from paddock.http.content import Store
from paddock.http.door import RESERVE, Door, most_connections
from paddock.http.front import Front, Route
from paddock.http.receiving import MIB, Receiver
from paddock.http.routes import ROUTES
from paddock.http.short_way import ShortWay
from paddock.http.surfaces import WRAPPER
from paddock.http.tls import NodeGuard
from paddock.http.web_page import WebPage
from paddock.http.wrapper_port import WRAPPER_API

if TYPE_CHECKING:
    import ssl

    from paddock.daemon.daemon import Daemon

log = logging.getLogger(__name__)

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Served(Protocol):
    """Whatever stands behind an application: a daemon's `Front`, or that of many machines."""

    routes: tuple[Route, ...]
    guard: Guard
    receiver: Receiver
    followers: set["asyncio.Task[Any]"]

    @property
    def settings(self) -> Settings: ...


_FRONT = web.AppKey("front", Served)
_DAEMONS = web.AppKey("daemons", Front)
_POSTS = web.AppKey("posts", dict[str, Handle])  # the handlers of POSTs to fixed paths, by path
_BACKLOG = 128  # connections that the kernel holds until they are accepted
_OPTIONS: dict[str, Any] = {  # aiohttp's, of each connection
    "access_log": None,
    "auto_decompress": False,  # see `coding.py`
    "lingering_time": 2.0,  # seconds in which the rest of a refused body is read before it closes
}
WRAPPER_CLIENTS = 32  # at once at `wrapper-port`
_GRACE = 5.0  # how long requests may go on once the end has come
_POLICY, _FRAMES = istr("Content-Security-Policy"), istr("X-Frame-Options")
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-max-age": "600",
}


def build_app(daemon: "Daemon") -> web.Application:
    """The whole HTTP front of one daemon."""
    page = WebPage(daemon.paths.state_dir, daemon.roster)
    store = Store(daemon.paths.state_dir, daemon.settings.bodies_size * MIB)
    receiver = Receiver(store, daemon.settings)
    front = Front(daemon, Guard(daemon.settings, daemon.keyring), ROUTES, page, receiver)
    app = app_of(front, _stray(front))
    app[_DAEMONS] = front
    return app


def node_app(app: web.Application) -> web.Application:
    """The same daemon for the fronts of a stable alone."""
    front = app[_DAEMONS]
    settings = msgspec.structs.replace(front.settings, listen=front.settings.cluster.tls_listen)
    front = replace(front, guard=NodeGuard(settings, front.daemon.keyring))
    made = app_of(front, _stray(front))
    made[_DAEMONS] = front
    return made


def wrapper_app(app: web.Application) -> web.Application:
    """Of the same daemon and behind the same guard, what `wrapper-port` serves and nothing else."""
    front = replace(app[_DAEMONS], routes=WRAPPER_API)
    return app_of(front, _stranger(front))


def app_of(front: Served, stray: "Handle") -> web.Application:
    """Its routes; whatever else is asked for goes to `stray`."""
    app = web.Application()
    app[_FRONT], app[_POSTS] = front, {}
    for route in front.routes:
        handle, expect = _handle(front, route), _expect(front, route)
        if route.method == "*":
            handle = _but_preflights(handle, stray)
        for method in _methods(route):
            app.router.add_route(method, route.path, handle, expect_handler=expect)
        if route.method == "POST" and "{" not in route.path:
            app[_POSTS][route.path] = handle
    app.router.add_route("*", "/{path:(?s:.*)}", stray)  # also one with a line's end in it
    app.on_shutdown.append(_end_followers)
    app.on_response_prepare.append(_unframed(front.guard.origins))
    if front.guard.origins:
        app.on_response_prepare.append(_allow_origin)
    return app


def bind(listen: str) -> socket.socket:
    """A socket on `host:port` (port 0: any) that nobody can connect to yet.

    OSError where the address cannot be bound.
    """
    family, where = _resolved(listen)
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
    except OSError:
        bound.close()
        raise
    return bound


def claimed(listen: str, left: list[socket.socket]) -> socket.socket | None:
    """The first of these sockets that has this address (port 0: any), taken out of the list."""
    _, (host, port, *_) = _resolved(listen)
    for one in left:
        name = one.getsockname()
        if name[0] == host and port in (0, name[1]):
            left.remove(one)
            return one
    return None


def _resolved(listen: str) -> tuple[socket.AddressFamily, Any]:
    host, port = address(listen)
    family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, where


@asynccontextmanager
async def serving(
    app: web.Application,
    *bound: socket.socket,
    grace: float = _GRACE,
    reserve: int = RESERVE,
    most: int | None = None,
    tls: "ssl.SSLContext | None" = None,
) -> AsyncIterator[list[str]]:
    """Serve on these sockets inside the block; gives their `host:port`s, in the same order.

    At the end, requests have `grace` seconds. `reserve`: descriptors that clients may not take;
    `most`: clients at once, None: as the settings and that reserve allow. `tls`: with what, None: without.
    """
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=grace)
    await runner.setup()
    assert runner.server is not None, "it was set up"
    server: Any = runner.server  # typed for requests without an application
    posts = app[_POSTS]
    server.request_handler = ShortWay(posts, server.request_handler)
    settings = app[_FRONT].settings
    door = Door(
        runner.server,
        settings,
        most=most or most_connections(settings.max_connections, reserve),
        options=_OPTIONS,
    )
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(door, sock=one, backlog=_BACKLOG, ssl=tls) for one in bound]
    door.watch()
    try:
        yield [host_port(one.getsockname()) for one in bound]
    finally:
        for server in servers:
            server.close()
        await door.heard()
        await runner.cleanup()
        door.close()


def address(listen: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` in two."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def host_port(bound: Any) -> str:
    host, port = bound[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _methods(route: Route) -> tuple[str, ...]:
    """HEAD too for what only reads: clients (Claude Code, Ollama's) look with it whether we are there."""
    return ("GET", "HEAD") if route.method == "GET" and not route.acts else (route.method,)


def _handle(front: Served, route: Route) -> Handle:
    guard, scope, surface, run = front.guard, route.scope, route.surface, route.handler
    acts = route.acts

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            headers, memo = request.headers, link_of(request).memo
            if not memo.is_let_in:
                guard.let_in(request.method, headers, acts=acts)
                memo.is_let_in = True
            request[HOLDER] = guard.holder(headers, scope)
            return await run(front, request, route)
        except PaddockError as error:
            why = malformed.shown(str(error))
            log.info("refused %s %s: %s", request.method, malformed.shown(request.path), why)
            return _closing(error, refusing.refusal(error, surface, request))

    return handle


def _but_preflights(handle: Handle, stray: Handle) -> Handle:
    """A browser asks before it sends what a page wants sent: that is ours to answer, without a key."""

    async def either(request: web.Request) -> web.StreamResponse:
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return await (stray if asks else handle)(request)

    return either


def _expect(front: Served, route: Route) -> Callable[[web.Request], Awaitable[Any]]:
    """Refuse a request before its large body is sent, where its headers are reason enough."""

    async def expect(request: web.Request) -> web.StreamResponse | None:
        try:
            front.guard.check(request.method, request.headers, route.scope, acts=route.acts)
            front.receiver.check(request)
        except PaddockError as error:
            return _closing(error, errors.refusal(error, route.surface.shape))
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
        return None

    return expect


def _closing(error: PaddockError, response: web.Response) -> web.Response:
    if isinstance(error, BodyTooLarge | RequestTimeout):
        response.force_close()
    return response


def _stray(front: Front) -> Handle:
    """Preflights, the files of the web page, and whatever is not here."""

    async def stray(request: web.Request) -> web.StreamResponse:
        try:
            front.guard.check(request.method, request.headers, Scope.OPEN, acts=False)
            if request.method == "OPTIONS":
                return preflight(request)
            sender = front.guard.sender(request.headers)
            return await front.web_page.answer(request, sender) or await nothing(request)
        except PaddockError as error:
            return errors.refusal(error, malformed.surface_of(request.path).shape)

    return stray


def _stranger(front: Front) -> Handle:
    """Preflights, and whatever a wrapper does not have either."""

    async def stranger(request: web.Request) -> web.StreamResponse:
        try:
            front.guard.check(request.method, request.headers, Scope.OPEN, acts=False)
            if request.method == "OPTIONS":
                return preflight(request)
            raise NoSuchThing(
                f"there is no {request.method} {malformed.shown(request.path)} at the wrapper's port",
                hint=f"here are /models, /status and /switch; the rest is at http://{front.daemon.listen[0]}",
            )
        except PaddockError as error:
            return errors.refusal(error, WRAPPER.shape)

    return stranger


async def nothing(request: web.Request) -> web.Response:
    """404, or 405 where the path has other methods."""
    error = NoSuchThing(
        f"there is no {request.method} {malformed.shown(request.path)} here",
        hint="GET /openapi.json lists what there is; /upstream/PROFILE/… reaches the rest",
    )
    found = [await resource.resolve(request) for resource in request.app.router.resources()]
    allowed = sorted({method for _, methods in found for method in methods} - {"*"})
    shape = malformed.surface_of(request.path).shape
    response = errors.refusal(error, shape, 405 if allowed else 404)
    if allowed:
        response.headers["allow"] = ", ".join(allowed)
    return response


def preflight(request: web.Request) -> web.Response:
    """What a page may send; from which origin is added by `_allow_origin`, or not. Raises Forbidden."""
    if request.headers.get("Origin") not in request.app[_FRONT].guard.origins:
        raise Forbidden("web pages of this origin may not call this address")
    asked = request.headers.get("Access-Control-Request-Headers", "")
    return web.Response(status=204, headers=_PREFLIGHT | {"access-control-allow-headers": asked})


def _unframed(
    friends: Iterable[str],
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """No page of another site shows ours within itself, where its reader would click unawares."""
    ancestors = " ".join(("frame-ancestors 'self'", *sorted(friends)))

    async def forbid_frames(request: web.Request, response: web.StreamResponse) -> None:
        if (
            request.method != "POST"
        ):  # from a page of another site that is refused, so none is shown
            headers = response.headers
            headers.add(_POLICY, ancestors)  # a second one narrows a first
            headers[_FRAMES] = "SAMEORIGIN"

    return forbid_frames


async def _allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    origin = request.headers.get("Origin")
    if origin in request.app[_FRONT].guard.origins:
        response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-expose-headers"] = "x-paddock-profile, x-paddock-instance"
        response.headers.add("vary", "origin")


async def _end_followers(app: web.Application) -> None:
    """Followers of logs would hold the shutdown for as long as their instance lives."""
    for task in app[_FRONT].followers:
        task.cancel()
