"""The dashboard in the browser: its files, which hold nothing of anybody's and so need no key.

Whoever may read the events gets the first of them, a snapshot, within the page, as data that no browser runs: the page is drawn
before its own first call. It then reads on from that event.

Each view has an address, and all addresses but those of files give the same page. An address only shows:
whatever steers is a POST of the page, with its reader's key.
"""

import asyncio
import gzip
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from paddock.errors import Forbidden, NoSuchThing
from paddock.http.auth import Scope
from paddock.http.front import Front, Route
from paddock.http.sender import VISITED_COOKIE, Sender, is_visit, names_sender
from paddock.web import INDEX, Asset, assets

if TYPE_CHECKING:
    from paddock.daemon.activity.bus import Bus
    from paddock.http.auth import Guard

# A page of another site is shut out by `frame-ancestors`, what others wrote by all the rest.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
_PLACE = b'<script type="application/json" id="snapshot"></script>'
_FAST = 1  # of gzip's levels: on loopback the processor's time counts
_HEADERS = {
    "Cache-Control": "no-cache",  # kept, and asked for by its ETag: never older than the daemon
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


async def page(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The page, whatever view the address names."""
    await front.daemon.look_at_files()
    return await page_of(front.guard, front.daemon.bus, request)


async def page_of(guard: "Guard", bus: "Bus", request: web.Request) -> web.StreamResponse:
    """The page of whoever has this bus, with its snapshot for those who may read its events."""
    _check_sender(guard, request)
    index = (await asyncio.to_thread(assets))[INDEX]
    if guard.allows(request.headers, Scope.MANAGEMENT):
        response = await _with_snapshot(bus, index, request)
    else:
        response = _response(index, request)
    if not names_sender(request.headers):
        response.headers["Set-Cookie"] = VISITED_COOKIE
    return response


async def _with_snapshot(bus: "Bus", index: Asset, request: web.Request) -> web.Response:
    """Kept by nobody: it is how things are now."""
    data = msgspec.json.encode(bus.snapshot())
    headers = {**_HEADERS, "Cache-Control": "no-store", "Content-Type": index.media}
    is_compressed = "gzip" in request.headers.get("Accept-Encoding", "")
    if is_compressed:
        headers["Content-Encoding"] = "gzip"
    body = await asyncio.to_thread(_page_with, index, data, is_compressed=is_compressed)
    return web.Response(body=body, headers=headers)


def _page_with(index: Asset, data: bytes, *, is_compressed: bool) -> bytes:
    """No `<` of a name or a log ends the element, or begins a comment in it."""
    whole = index.plain().replace(
        _PLACE, _PLACE[:-9] + data.replace(b"<", b"\\u003c") + _PLACE[-9:]
    )
    return gzip.compress(whole, _FAST, mtime=0) if is_compressed else whole


async def file(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """One file of the page."""
    _check_sender(front.guard, request)
    name = request.match_info["file"]
    found = (await asyncio.to_thread(assets)).get(name)
    if found is None:
        raise NoSuchThing(f"the dashboard has no file {name!r}", hint="reload the page")
    return _response(found, request)


def _check_sender(guard: "Guard", request: web.Request) -> None:
    """Another site may lead its reader here, and no more."""
    if guard.sender(request.headers) is Sender.ELSEWHERE and not is_visit(request.headers):
        raise Forbidden("a web page of another site may not use the files of this one")


def _response(asset: Asset, request: web.Request) -> web.Response:
    headers = {**_HEADERS, "ETag": asset.etag}
    if request.query_string == asset.etag.strip('"'):
        headers["Cache-Control"] = "max-age=31536000, immutable"  # named by its content
    if request.headers.get("If-None-Match") == asset.etag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = asset.media
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=asset.compressed, headers=headers)
    return web.Response(body=asset.plain(), headers=headers)
