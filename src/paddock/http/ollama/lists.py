"""Ollama's list, its running models, one in full; and a clear word where Ollama would download."""

from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from aiohttp import web

from paddock.errors import NotHere, UnknownModel
from paddock.http.front import Front, Route
from paddock.http.listing import listed, visible
from paddock.http.ollama import shelf
from paddock.http.ollama.generation import read
from paddock.http.ollama.wire import Named, Processes, Tags, Version
from paddock.http.sheet import Sheet


async def version(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Of the API."""
    return _reply(Version())


async def tags(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """All that is not hidden."""
    sheet, began = Sheet(request, Tags([]), "models"), _began(front)
    async for card in visible(front, request):
        await sheet.add(shelf.tag(card, began))
    return await sheet.end(Tags([]))


async def ps(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What is loaded, whoever asked for it, the first to leave first."""
    rows = []
    seen = (i for i in front.daemon.status().instances if front.is_listed(request, i.profile))
    for instance in seen:
        with suppress(UnknownModel):  # models.conf has it no more
            card = front.daemon.card(front.daemon.resolve(instance.profile))
            if card.loaded:
                left = front.daemon.idle_left(instance.profile)
                rows.append(shelf.running(card, instance, left))
    return _reply(Processes(sorted(rows, key=lambda row: row.expires_at)))


async def show(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """One in full."""
    named = front.named(request, (await read(front, request, Named)).wanted)
    (_, card), facts = listed(front, named), front.daemon.facts(named.profile)
    return _reply(shelf.shown(card, facts, _began(front)))


async def refused(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Create, push and blobs: models come from a hub, and from models.conf."""
    raise NotHere(
        f"{request.path} is not here: Paddock's models are the profiles of models.conf",
        hint="change that file; it is read anew at once",
    )


def _began(front: Front) -> str:
    return datetime.fromtimestamp(front.created, UTC).isoformat()


def _reply(value: object) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=HTTPStatus.OK, body=body, content_type="application/json")
