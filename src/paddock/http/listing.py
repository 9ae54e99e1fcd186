"""What can be asked for, in the shapes that clients expect: OpenAI's, Anthropic's, llama.cpp's.

One document serves OpenAI's clients and llama.cpp's router's at once. Anthropic's own is given to
those who send `anthropic-version`; Claude Code shows only ids that begin with `claude` or
`anthropic` (its gateway protocol), so there every other profile goes by the name `anthropic-ID`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from aiohttp import web

from paddock.api.models import Catalog, ModelCard
from paddock.api.types import ProfileInfo
from paddock.config.cards import variant_card
from paddock.config.describe import described_variant
from paddock.config.profile import NamedModel, borrowed_name
from paddock.daemon.turns import in_turns
from paddock.errors import BadRequest, UnknownModel
from paddock.http import router
from paddock.http.auth import Scope
from paddock.http.front import Front, Route
from paddock.http.passage import look
from paddock.http.query import number
from paddock.http.sheet import Sheet

T = TypeVar("T")
_MOST = 1000  # Anthropic's own limit of a page


class AnthropicModel(msgspec.Struct, kw_only=True, tag_field="type", tag="model"):
    """One model in Anthropic's list."""

    id: str
    display_name: str
    created_at: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None


class AnthropicModels(msgspec.Struct, kw_only=True):
    """A page of Anthropic's list."""

    data: list[AnthropicModel]
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None


async def visible_models(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Every profile and variant that is not hidden, in the shape that the client asks for."""
    if "anthropic-version" in request.headers:
        return _reply(await _anthropic_page(front, request))
    return await _models(front, request, hidden=False)


async def models(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Every profile and variant, hidden ones too; with `reload`, of models.conf as it is now.

    That is for managers: where the file has faults, the answer quotes it.
    """
    if "reload" in request.query:  # and no page of another site may have it read
        front.guard.check(request.method, request.headers, Scope.MANAGEMENT, acts=True)
        await front.daemon.reload()
    return await _models(front, request, hidden=True)


async def one_model(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The profile or variant of this name."""
    wanted = front.named(request, request.match_info["model"])
    await front.daemon.look_at_files()
    info, card = listed(front, wanted)
    if "anthropic-version" in request.headers:
        return _reply(_anthropic(card, front))
    return _reply(router.model(info, card, front.created, _began(front)))


async def catalog(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What a client must know of each profile that is not hidden."""
    sheet = Sheet(request, Catalog(models=[]), "models")
    async for card in visible(front, request):
        await sheet.add(card)
    return await sheet.end(Catalog(models=[]))


def row(front: Front, profile: str) -> router.Model | None:
    """The router's row of one profile; None where there is none of that name any more."""
    with suppress(UnknownModel):
        return router.model(
            *listed(front, front.daemon.named(profile)), front.created, _began(front)
        )
    return None


def listed(front: Front, named: NamedModel) -> tuple[ProfileInfo, ModelCard]:
    """One profile or variant as it is now."""
    info, card = front.daemon.profile(named.profile), front.daemon.card(named.profile)
    if named.variant is None:
        return info, card
    return described_variant(info, named.variant), variant_card(card, named.variant)


async def all_listed(
    front: Front, request: web.Request
) -> AsyncIterator[tuple[ProfileInfo, ModelCard]]:
    """Every profile, each followed by its variants, without those that are kept from this key.

    Others have their turn between the rows.
    """
    variants_of = front.daemon.roster.stable.variants_of
    known = zip(front.daemon.profiles(), front.daemon.catalog(), strict=True)
    async for info, card in in_turns(known):
        if front.is_listed(request, info.id):
            yield info, card
        for variant in variants_of(info.id):
            if front.is_listed(request, info.id, variant):
                yield described_variant(info, variant), variant_card(card, variant)


async def props(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Without a model, what llama.cpp's router says of itself; with one, that instance's own answer."""
    if "model" in request.query:
        return await look(front, request, route)
    build = router.build_info(front.daemon.status().engine_version)
    about = router.Props(max_instances=front.settings.max_instances, build_info=build)
    return _reply(about)


async def visible(front: Front, request: web.Request) -> AsyncIterator[ModelCard]:
    """What is not hidden, and not kept from this key; others have their turn between the rows."""
    await front.daemon.look_at_files()
    variants_of = front.daemon.roster.stable.variants_of
    async for card in in_turns(front.daemon.catalog()):
        if not card.hidden and front.is_listed(request, card.id):
            yield card
        for variant in variants_of(card.id):
            if not variant.hidden and front.is_listed(request, card.id, variant):
                yield variant_card(card, variant)


async def _models(front: Front, request: web.Request, *, hidden: bool) -> web.StreamResponse:
    await front.daemon.look_at_files()
    began, sheet, names = _began(front), Sheet(request, router.Models(data=[])), list[str]()
    async for profile, card in all_listed(front, request):
        if hidden or not card.hidden:
            names.append(profile.id)
            await sheet.add(router.model(profile, card, front.created, began))
    if hidden and front.guard.allows(request.headers, Scope.MANAGEMENT):
        for pull in front.daemon.pull_book.all():
            if pull.state == "running" and not front.daemon.roster.stable.named(pull.model):
                await sheet.add(router.coming(pull, front.created))
    first, last = _ends(names)
    return await sheet.end(router.Models(data=[], first_id=first, last_id=last))


# ---- Anthropic's ----


async def _anthropic_page(front: Front, request: web.Request) -> AnthropicModels:
    rows = [_anthropic(card, front) async for card in visible(front, request)]
    page, more = paged(rows, [row.id for row in rows], request)
    first, last = _ends([row.id for row in page])
    return AnthropicModels(data=page, has_more=more, first_id=first, last_id=last)


def _anthropic(card: ModelCard, front: Front) -> AnthropicModel:
    return AnthropicModel(
        id=borrowed_name(card.id),
        display_name=card.title or card.id,
        created_at=card.modified or _began(front),
        max_input_tokens=card.context,
        max_tokens=card.max_output or card.context,
    )


def paged(rows: list[T], ids: Sequence[str], request: web.Request) -> tuple[list[T], bool]:
    """The rows of one page, and whether there are more in its direction."""
    wanted = request.query.get("limit", str(_MOST))
    limit = number(wanted, f"a limit from 1 to {_MOST}", least=1, most=_MOST)
    if before := request.query.get("before_id"):
        rows = rows[: _place(ids, before)]
        return rows[-limit:], len(rows) > limit
    if after := request.query.get("after_id"):
        rows = rows[_place(ids, after) + 1 :]
    return rows[:limit], len(rows) > limit


def _place(ids: Sequence[str], wanted: str) -> int:
    if wanted not in ids:
        raise BadRequest(f"there is no model {wanted!r} in the list")
    return ids.index(wanted)


# ---- all ----


def _began(front: Front) -> str:
    return datetime.fromtimestamp(front.created, UTC).isoformat()


def _ends(ids: Sequence[str]) -> tuple[str | None, str | None]:
    return (ids[0], ids[-1]) if ids else (None, None)


def _reply(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
