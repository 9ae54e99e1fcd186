"""The dashboard in the browser: its files, which hold nothing of anybody's and so need no key.

Each view has an address, and all addresses but those of files give the same page. An address only shows:
whatever steers is a POST of the page, with its reader's key.
"""

import asyncio
from http import HTTPStatus

from aiohttp import web

from paddock.errors import Forbidden, NoSuchThing
from paddock.http.front import Front, Route
from paddock.http.sender import VISITED_COOKIE, Sender, is_visit, names_sender
from paddock.web import INDEX, Asset, assets

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
    _check_sender(front, request)
    found = await asyncio.to_thread(assets)
    response = _response(found[INDEX], request)
    if not names_sender(request.headers):
        response.headers["Set-Cookie"] = VISITED_COOKIE
    return response


async def file(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """One file of the page."""
    _check_sender(front, request)
    name = request.match_info["file"]
    found = (await asyncio.to_thread(assets)).get(name)
    if found is None:
        raise NoSuchThing(f"the dashboard has no file {name!r}", hint="reload the page")
    return _response(found, request)


def _check_sender(front: Front, request: web.Request) -> None:
    """Another site may lead its reader here, and no more."""
    if front.guard.sender(request.headers) is Sender.ELSEWHERE and not is_visit(request.headers):
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
