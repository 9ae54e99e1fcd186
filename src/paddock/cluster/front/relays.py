"""Handlers of what goes to one node and comes back as it is: what a model is asked, what one instance is."""

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import msgspec
from aiohttp import hdrs, web

from paddock.cluster.front.direct import NodeRequest, remember
from paddock.cluster.front.naming import renamed, renamed_query
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.passage import Passage
from paddock.cluster.front.relaying import NodeCall, Relaying
from paddock.cluster.front.stable import NodeWish
from paddock.errors import ModelMissing, UnknownModel
from paddock.http import body as bodies
from paddock.http import steering
from paddock.http.body import Wish as BodyWish
from paddock.http.client_link import link_of
from paddock.http.content import Content
from paddock.http.front import Route
from paddock.http.passage import check
from paddock.http.surfaces import OLLAMA

if TYPE_CHECKING:
    from paddock.cluster.front.front import StableFront

_ID_SEGMENTS = 8  # as many `/` as an id may hold
_BEGINNING = 64  # bytes, in which a body's first letter stands
_UPSTREAM = "/upstream/"


class _OllamaWish(msgspec.Struct):
    """Of Ollama's bodies: the model, by either word, and that streams are the rule."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = True


_ollama = msgspec.json.Decoder(_OllamaWish)


async def by_body(front: "StableFront", request: web.Request, route: Route) -> web.StreamResponse:
    """A POST whose body names the model, else its query."""
    begun = link_of(request).begun()
    if isinstance(begun, NodeRequest):
        return await _gone_on(front, request, route, begun)
    async with Passage(front, request, route) as passage:
        content: Content | None = passage.bodies.at_once(request)
        if content is None:
            content = await passage.bodies.received(request)
        asked = await _asked(passage, content)
        named = request.query.get("model")
        # What generates is asked by a variant's name too; what changes or shows an instance is not.
        as_it_is = route.handler is by_body_as_it_is
        wish, is_renamed = _meant(passage, named or asked.model, as_it_is=as_it_is)
        path = _path(request)
        if is_renamed and named:
            path = f"{request.rel_url.raw_path}?{renamed_query(request.query_string, wish.model)}"
        elif is_renamed:
            media = request.headers.get(hdrs.CONTENT_TYPE, "")
            content = await renamed(passage.bodies, content, media, wish.model)
        call = NodeCall(wish, path, content, streams=bool(asked.stream) and route.streams)
        relaying = Relaying(passage, call)
        passage.response = await relaying.through()
        remember(front, request, route, relaying.headers)
    return passage.answer


async def _gone_on(
    front: "StableFront", request: web.Request, route: Route, begun: NodeRequest
) -> web.StreamResponse:
    """What was begun without a handler, to its end."""
    async with Passage(front, request, route, begun) as passage:
        call = NodeCall(begun.wish, _path(request), begun.body, streams=begun.streams)
        passage.response = await Relaying(passage, call, begun).through()
    return passage.answer


async def by_body_as_it_is(
    front: "StableFront", request: web.Request, route: Route
) -> web.StreamResponse:
    """The same for what goes to an instance as it is."""
    return await by_body(front, request, route)


async def by_query(front: "StableFront", request: web.Request, route: Route) -> web.StreamResponse:
    """A GET about an instance, whose query names the model; without one, any node's answer."""
    async with Passage(front, request, route) as passage:
        named, path = request.query.get("model"), _path(request)
        if named is None and route.path == "/props":  # what the router is
            link = front.nodes(request)[0]
            call = NodeCall(NodeWish("", link.name, {}), path)
            passage.response = await Relaying(passage, call).at(link)
        else:
            wish, is_renamed = _meant(passage, named, as_it_is=True)
            if is_renamed:
                query = renamed_query(request.query_string, wish.model)
                path = f"{request.rel_url.raw_path}?{query}"
            passage.response = await Relaying(passage, NodeCall(wish, path)).through()
    return passage.answer


async def by_path(front: "StableFront", request: web.Request, route: Route) -> web.StreamResponse:
    """Anything to any path of an instance: `/upstream/MODEL/PATH`."""
    async with Passage(front, request, route) as passage:
        segments = request.rel_url.raw_path.removeprefix(_UPSTREAM).split("/")
        name, count = _longest(passage, segments)
        wish, _ = _meant(passage, name, as_it_is=True)
        rest = "".join(f"/{segment}" for segment in segments[count:])
        query = request.rel_url.raw_query_string
        # Its node would let the front do anything: who may steer an instance is judged here, by the same rules.
        rest = steering.canonical(rest)
        check(front, request, rest, query)
        path = f"{_UPSTREAM}{quote(wish.model)}{rest}" + (f"?{query}" if query else "")
        content = await passage.bodies.received(request) if request.can_read_body else None
        passage.response = await Relaying(passage, NodeCall(wish, path, content)).through()
    return passage.answer


async def to_node(
    passage: Passage, link: NodeLink, path: str, content: Content | None = None
) -> web.StreamResponse:
    """What is one node's own affair, as it is; its reply as it comes."""
    call = NodeCall(NodeWish("", link.name, {}), path, content, may_move=False)
    return await Relaying(passage, call).at(link)


async def _asked(passage: Passage, content: Content) -> BodyWish:
    """The model and whether its answer is to stream."""
    media = passage.request.headers.get(hdrs.CONTENT_TYPE, "")
    if isinstance(content, bytes):
        beginning = content[:_BEGINNING].lstrip()
        if not beginning or beginning.startswith(b"["):
            return BodyWish()
        if passage.route.surface is not OLLAMA:
            return bodies.wish(content, media)
    held = passage.bodies
    look = held.opened if bodies.is_form(media) else held.outlined
    async with look(content) as view:
        if passage.route.surface is OLLAMA:
            said = bodies.decoded(view, _ollama)
            return BodyWish(said.model or said.name, said.stream is not False)
        return bodies.owned(bodies.wish(view, media))


def _meant(passage: Passage, name: str | None, *, as_it_is: bool = False) -> tuple[NodeWish, bool]:
    """What the request is for, and whether its nodes are to be asked by another name than it has.

    Raises ModelMissing, UnknownModel, KeyBusy and TokensSpent.
    """
    front, holder = passage.front, passage.holder
    if name is None:
        current = front.stable.current()
        if current is None or not front.stable.wish(current, holder, as_it_is=as_it_is).homes:
            raise ModelMissing(
                "the request names no model, and none is loaded", hint="GET /v1/models lists them"
            )
        name, is_given = current, False
    else:
        is_given = True
    wish = front.stable.wish(name, holder, as_it_is=as_it_is)
    is_renamed = wish.model != name
    if not wish.homes and front.stable.wish(name, holder).homes:
        raise front.stable.unknown(name, holder)  # a variant alone is for this key
    if not wish.homes and not front.stable.may_come(wish, holder):
        wish, is_renamed = _stand_in(passage, name, wish), True
    passage.begin(wish.profile)
    return wish, is_renamed and is_given


def _stand_in(passage: Passage, name: str, wish: NodeWish) -> NodeWish:
    """Who answers to strange names, by the key or by `unknown-model`; else they are refused."""
    front, holder = passage.front, passage.holder
    other = (holder.key.unknown_model if holder else "") or front.settings.unknown_model
    meant = front.stable.current() if other == "loaded" else other
    if other == "refuse" or meant is None or front.stable.was_home(wish):
        raise front.stable.unknown(name, holder)
    found = front.stable.wish(meant, holder)
    if not found.homes:
        raise front.stable.unknown(name, holder)
    return found


def _longest(passage: Passage, segments: list[str]) -> tuple[str, int]:
    """The model that a path begins with, its name the longest that fits, and its segments."""
    stable, holder = passage.front.stable, passage.holder
    for count in range(min(len(segments), _ID_SEGMENTS), 0, -1):
        name = unquote("/".join(segments[:count]))
        if name and stable.wish(name, holder).homes:
            return name, count
    if not segments[0]:
        raise UnknownModel("the path names no model", hint="/upstream/MODEL/PATH")
    return unquote(segments[0]), 1


def _path(request: web.Request) -> str:
    url = request.rel_url
    return request.path_qs if url.raw_query_string else url.raw_path
