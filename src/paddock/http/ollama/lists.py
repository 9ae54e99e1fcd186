"""Ollama's list, its running models, one in full; and a clear word where Ollama would download."""

from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from aiohttp import web

from paddock.api.models import ModelCard
from paddock.errors import NotHere, UnknownModel
from paddock.http.front import Front, Route
from paddock.http.ollama import shelf
from paddock.http.ollama.generation import read
from paddock.http.ollama.wire import Named, Processes, Tags, Version


async def version(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Of the API."""
    return _reply(Version())


async def tags(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """All that is not hidden."""
    cards = [card for card in front.daemon.catalog() if not card.hidden]
    return _reply(Tags([shelf.tag(card, _began(front)) for card in cards]))


async def ps(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What is loaded, whoever asked for it, the first to leave first."""
    cards = {card.id: card for card in front.daemon.catalog()}
    rows = [
        shelf.running(cards[i.profile], i, front.daemon.idle_left(i.profile))
        for i in front.daemon.status().instances
        if i.profile in cards and cards[i.profile].loaded
    ]
    return _reply(Processes(sorted(rows, key=lambda row: row.expires_at)))


async def show(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """One in full."""
    card = _card(front, (await read(front, request, Named)).wanted)
    facts = front.daemon.facts(front.daemon.resolve(card.id))
    return _reply(shelf.shown(card, facts, _began(front)))


async def pull(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Says that it is there, or what to do: models are files that the user puts down."""
    wanted = (await read(front, request, Named)).wanted
    try:
        front.daemon.resolve(wanted)
    except UnknownModel as error:
        raise NotHere(
            f"Paddock downloads no models, and has none called {wanted!r}",
            hint="download the GGUF file and add a profile to models.conf; " + error.hint,
        ) from error
    return web.Response(body=b'{"status":"success"}\n', content_type="application/x-ndjson")


async def refused(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Create, copy, delete, push and blobs: the stable is changed in models.conf."""
    raise NotHere(
        f"{request.path} is not here: Paddock's models are the profiles of models.conf",
        hint="change that file; it is read anew at once",
    )


def _card(front: Front, wanted: str | None) -> ModelCard:
    name = front.daemon.resolve(wanted).id
    found = [card for card in front.daemon.catalog() if card.id == name]
    if not found:  # the file was read anew between the two
        raise UnknownModel(f"there is no model {wanted!r}")
    return found[0]


def _began(front: Front) -> str:
    return datetime.fromtimestamp(front.created, UTC).isoformat()


def _reply(value: object) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=HTTPStatus.OK, body=body, content_type="application/json")
