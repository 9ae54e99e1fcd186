"""llama-server's own web page, for browsers, at our address: to it we are llama.cpp's router.

Its files are no secret and need no key, as with llama-server itself; what it then asks does. They
are taken out of an engine when a browser first comes, and kept for the next daemon.

The page does what its address says: `/?q=hello&model=b` loads b and asks it (build 11434). So whoever
comes by another site's link gets the page without that, and no other site gets it as a frame or a file.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path, PurePosixPath

import msgspec
from aiohttp import web

from paddock.atomic_write import atomic_write
from paddock.daemon.profiles.roster import Roster
from paddock.engine.engine import Engine
from paddock.engine.web_page import INDEX, Page, PageFile, take
from paddock.errors import EngineError, Forbidden
from paddock.http.dashboard_link import linked
from paddock.http.sender import VISITED_COOKIE, Sender, is_visit, names_sender

_log = logging.getLogger(__name__)
_KEPT = "web-page.msgpack"
_STRANGERS = frozenset({Sender.ELSEWHERE, Sender.UNKNOWN})


class _Kept(msgspec.Struct):
    """A page on disk, and the builds that were asked for it."""

    builds: list[str]
    page: Page


class WebPage:
    """The page of the first engine at hand that carries one."""

    def __init__(self, state_dir: Path, roster: Roster) -> None:
        self._file = state_dir / _KEPT
        self._roster = roster
        self._kept = _Kept([], {})
        self._taking = asyncio.Lock()

    async def answer(self, request: web.Request, sender: Sender) -> web.Response | None:
        """The file that a browser asks for; None where it asks for something else, or there is none.

        Raises Forbidden where another site wants more than to lead its reader here.
        """
        if request.method not in {"GET", "HEAD"}:
            return None
        is_index = request.path == INDEX and "text/html" in request.headers.get("Accept", "")
        if not is_index and not PurePosixPath(request.path).suffix:
            return None
        if sender is Sender.ELSEWHERE and not is_visit(request.headers):
            raise Forbidden("a web page of another site may not use the files of this one")
        if is_index and request.query_string and sender in _STRANGERS:
            return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": INDEX})
        file = (await self._page()).get(request.path)
        return _response(file, request) if file else None

    async def _page(self) -> Page:
        engines = await asyncio.to_thread(self._roster.engines_at_hand)  # asks new ones for flags
        builds = [engine.build_mark for engine in engines]
        async with self._taking:
            if self._kept.builds != builds:
                kept = await self._read(builds) or await self._taken(engines)
                self._kept = _Kept(kept.builds, linked(kept.page))
        return self._kept.page

    async def _read(self, builds: list[str]) -> _Kept | None:
        with suppress(OSError, msgspec.MsgspecError):
            content = await asyncio.to_thread(self._file.read_bytes)
            kept = msgspec.msgpack.decode(content, type=_Kept)
            if kept.builds == builds:
                return kept
        return None

    async def _taken(self, engines: Sequence[Engine]) -> _Kept:
        """The page, and on disk what is sure: an engine that failed is asked again by the next daemon."""
        kept, is_sure = _Kept([engine.build_mark for engine in engines], {}), True
        for engine in engines:
            try:
                kept.page = await take(engine)
            except EngineError as error:
                _log.warning("%s", error)
                is_sure = False
            if kept.page:
                break
        if is_sure:
            with suppress(OSError):
                await asyncio.to_thread(atomic_write, self._file, msgspec.msgpack.encode(kept))
        return kept


def _response(file: PageFile, request: web.Request) -> web.Response:
    response = _content(file, request)
    if request.path == INDEX and not names_sender(request.headers):
        response.headers["Set-Cookie"] = VISITED_COOKIE
    return response


def _content(file: PageFile, request: web.Request) -> web.Response:
    headers = dict(file.headers)
    if "ETag" in headers and request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers={"ETag": headers["ETag"]})
    if "gzip" in request.headers.get("Accept-Encoding", "") or not file.is_compressed:
        return web.Response(body=file.body, headers=headers)
    del headers["Content-Encoding"]
    return web.Response(body=file.plain(), headers=headers)
