"""llama-server's own web page, taken out of an engine once, so that it opens with no model loaded.

The page is compiled into the program. An engine is therefore started for a moment, with a model of
3 MB and no GPU in its sight, asked for the page and for all that the page names, and ended again.
"""

import asyncio
import gzip
import re
from collections.abc import Iterable
from http import HTTPStatus

import aiohttp
import msgspec

from paddock.config.profile import Flag, Origin
from paddock.engine.engine import Engine
from paddock.engine.temporary_server import temporary_server
from paddock.engine.trial_cases import of_file
from paddock.errors import EngineError
from paddock.llama.client import BASE_URL
from paddock.llama.scripted import ScriptedModel, write
from paddock.scratch import scratch

INDEX = "/"
_TIME = 60.0  # seconds, for all of it
# These name the other files, the service worker nearly all; only the program names the build.
_NAMING = (INDEX, "/sw.js", "/manifest.webmanifest", "/build.json")
_NAMED = re.compile(
    rb"""["'](?:\./|/)?([\w./-]+\.(?:js|css|json|webmanifest|ico|png|svg|woff2?))["']"""
)
_KEPT = ("Content-Type", "Content-Encoding", "Cache-Control", "ETag")
_NO_DEVICE = Flag("--device", ("none",), Origin("paddock", ""))


class PageFile(msgspec.Struct, frozen=True):
    """One file as the engine gave it, mostly compressed already."""

    body: bytes
    headers: dict[str, str]

    def plain(self) -> bytes:
        """Its content for whoever cannot take it compressed."""
        return gzip.decompress(self.body) if self.is_compressed else self.body

    @property
    def is_compressed(self) -> bool:
        return self.headers.get("Content-Encoding") == "gzip"


Page = dict[str, PageFile]  # by path; empty where the engine was built without one


async def take(engine: Engine) -> Page:
    """The page of this engine; EngineError where the engine does not start or breaks off."""
    with scratch("page") as folder:
        model = await asyncio.to_thread(write, folder / "page.gguf", ScriptedModel(say="Hello."))
        extra = (_NO_DEVICE,) if engine.flags.find(_NO_DEVICE.name) else ()
        profile = of_file("page", model, *extra)
        try:
            async with (
                asyncio.timeout(_TIME),
                temporary_server(engine, profile, folder / "run", blind=True) as server,
            ):
                if await server.ready():
                    return await _collected(server.session)
        except (OSError, TimeoutError, aiohttp.ClientError) as error:
            raise EngineError(f"{engine.name} did not give its web page: {error!r}") from error
    raise EngineError(f"{engine.name} ended before it gave its web page")


async def _collected(session: aiohttp.ClientSession) -> Page:
    page = await _fetched(session, _NAMING)
    if INDEX not in page:
        return {}
    return page | await _fetched(session, _named(page.values()))


async def _fetched(session: aiohttp.ClientSession, paths: Iterable[str]) -> Page:
    """Those of these files that the engine has."""
    found = {}
    for path in paths:
        async with session.get(BASE_URL + path, headers={"Accept-Encoding": "gzip"}) as reply:
            if reply.status == HTTPStatus.OK:
                headers = {name: reply.headers[name] for name in _KEPT if name in reply.headers}
                found[path] = PageFile(await reply.read(), headers)
    return found


def _named(files: Iterable[PageFile]) -> list[str]:
    """Names in these files that may be files of the page; not all are."""
    found = {match.decode() for file in files for match in _NAMED.findall(file.plain())}
    return sorted({f"/{name}" for name in found} - {*_NAMING})
