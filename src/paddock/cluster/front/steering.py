"""What steers: one node by a model's name, an instance's or `?node=`; all nodes where nothing names one."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import web

from paddock.api.events import AnyEvent
from paddock.api.sse import SseMessage, SseParser
from paddock.api.types import ModelRequest, ModelResult, SwitchRequest, SwitchResult
from paddock.api.yielding import YieldRequest, YieldResult
from paddock.cluster.front.asking import Said, ask, given_by_all
from paddock.cluster.front.front import StableFront, holder_of
from paddock.cluster.front.names import STRIDE, own, owner, placed
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.passage import Passage
from paddock.cluster.front.reads import by_number
from paddock.cluster.front.relays import to_node
from paddock.errors import BadRequest, NodeLost, NoSuchThing
from paddock.http import body, router, sse
from paddock.http.auth import Scope
from paddock.http.front import Route
from paddock.http.management import reply
from paddock.http.query import number
from paddock.llama.reply import Reply

if TYPE_CHECKING:
    from paddock.http.front import Handler

T = TypeVar("T")
_event: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_JOBS = "/jobs/"
_LOADED = {"ready", "busy", "draining", "loading", "queued"}


# ---- models ----


async def switch(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Make a model ready on the node that would answer for it, or that its name insists on."""
    wanted = await _read(front, request, SwitchRequest)
    await front.looks.look(front.stable.wish(wanted.model))
    link, model = front.home(wanted.model)
    order = msgspec.structs.replace(wanted, model=model)
    if "text/event-stream" in request.headers.get("Accept", ""):
        return await _followed(request, link, order)
    said = await ask(link, "POST", "/switch", order, patience=None)
    return _passed(said, link.name, SwitchResult)


async def _followed(
    request: web.Request, link: NodeLink, order: SwitchRequest
) -> web.StreamResponse:
    """The switch's progress as it goes there."""
    headers = link.headers | {"Accept": "text/event-stream", "Content-Type": "application/json"}
    try:
        said = await link.pool.ask("POST", "/switch", headers, msgspec.json.encode(order))
        try:
            if said.status >= HTTPStatus.BAD_REQUEST:
                whole = Said(said.status, said.content_type, await said.whole())
                return _passed(whole, link.name, SwitchResult)
            return await _progress(request, link, said)
        finally:
            said.close()
    except OSError as error:
        raise NodeLost(f"node {link.name} went away in the middle of the switch") from error


async def _progress(request: web.Request, link: NodeLink, said: Reply) -> web.StreamResponse:
    job = said.header(b"location").removeprefix(_JOBS)
    parser = SseParser()
    async with sse.stream(request, {"location": _JOBS + own(link.name, job)}) as response:
        while piece := await said.some():
            for message in parser.feed(piece):
                words = sse.SILENCE
                if isinstance(message, SseMessage):
                    words = sse.encode(placed(_event.decode(message.data), link.name))
                await response.write(words)
    return response


async def unload(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Unload a model on all nodes where it is loaded, or on the one that its name insists on; or all."""
    return await _of_models(front, request, "/unload")


async def cancel(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Give up loads, as `unload` unloads."""
    return await _of_models(front, request, "/cancel")


async def _of_models(front: StableFront, request: web.Request, path: str) -> web.StreamResponse:
    wanted = await _read(front, request, ModelRequest, default=ModelRequest)
    links, model = front.nodes(request), wanted.model
    if model is not None:
        wish = front.stable.wish(model)
        homes = [front.stable.links[node] for node in wish.homes]
        if not homes:
            raise front.stable.unknown(model, None)
        links, model = (
            [link for link in homes if has_loaded(link, wish.profile)] or homes,
            wish.model,
        )
    order = msgspec.structs.replace(wanted, model=model)
    said = await given_by_all(links, ModelResult, path, method="POST", body=order)
    result = _all_results(said)
    return reply(result, status=202 if result.pending else 200)


def has_loaded(link: NodeLink, profile: str) -> bool:
    """Whether a node has it in memory, or is about to."""
    row = link.view.model(profile) if link.view else None
    return row is not None and (row.state in _LOADED or row.switching)


def _all_results(said: dict[str, ModelResult]) -> ModelResult:
    return ModelResult(
        success=all(one.success for one in said.values()),
        models=list(dict.fromkeys(name for one in said.values() for name in one.models)),
        pending=list(dict.fromkeys(name for one in said.values() for name in one.pending)),
    )


async def router_order(
    front: StableFront, request: web.Request, route: Route
) -> web.StreamResponse:
    """The router's load and unload."""
    wanted = await _read(front, request, router.LoadRequest)
    link, model = front.home(wanted.model)
    said = await ask(link, "POST", request.path, router.LoadRequest(model))
    return _passed(said, link.name, router.Success)


# ---- all nodes, or one ----


def on_all(kind: Any, merge: Callable[[dict[str, Any]], Any]) -> "Handler":
    """A handler of an order to all nodes, or to the one that `?node=` names."""

    async def order(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
        content = await front.receiver.order(request)
        said = await given_by_all(
            front.nodes(request), kind, route.path, method="POST", body=content or None
        )
        return reply(merge({node: placed(value, node) for node, value in said.items()}))

    return order


def yield_result(said: dict[str, YieldResult]) -> YieldResult:
    """How it stands on all of them."""
    several = list(said.values())
    held = next((one.yielded for one in several if one.yielded), None)
    return YieldResult(yielded=held, back=[name for one in several for name in one.back])


async def begin_yield(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Leave the GPUs of all nodes, or of one, to other programs; 202 where something has yet to leave."""
    wanted = await _read(front, request, YieldRequest, default=YieldRequest)
    said = await given_by_all(
        front.nodes(request), YieldResult, "/yield", method="POST", body=wanted
    )
    result = yield_result(said)
    leaving = any(one.yielded and one.yielded.leaving for one in said.values())
    return reply(result, status=202 if leaving else 200)


def _concatenated(said: dict[str, list[Any]]) -> list[Any]:
    return [row for rows in said.values() for row in rows]


LOOKUP = on_all(list[Any], _concatenated)
RELOAD = on_all(ModelResult, _all_results)
RESUME = on_all(YieldResult, yield_result)


# ---- one node ----


async def one_node(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """What is one node's own affair: the one that `?node=` names, else the only one.

    For managers, whatever the route says: its node would let the front do anything.
    """
    front.guard.check(request.method, request.headers, Scope.MANAGEMENT, acts=True)
    return await _to(front, request, route, front.the_node(request), request.rel_url.raw_path)


def one_owner(key: str, path: str) -> "Handler":
    """A handler of what is done to a thing whose name has its node before a slash; `path` has `{}` for it."""

    async def pass_on(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
        node, rest = owner(request.match_info[key], front.stable.links)
        if node is None:
            raise NoSuchThing(f"there is no {request.match_info[key]!r} on any node")
        return await _to(front, request, route, front.link(node), path.format(quote(rest)))

    return pass_on


async def logs(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """The log of `node/ID`, of `node/daemon`, or of a model's latest instance where it runs."""
    name = request.match_info["name"]
    node, rest = owner(name, front.stable.links)
    if node is not None:
        link = front.link(node)
    elif name == "daemon" or request.query.get("node"):
        link = front.the_node(request)
    elif _is_home(front, name):
        link, rest = front.home(name)
    else:
        link = front.the_node(request)
    return await _to(front, request, route, link, f"/logs/{quote(rest)}")


def _is_home(front: StableFront, name: str) -> bool:
    return bool(front.stable.wish(name).homes)


async def conversation(
    front: StableFront, request: web.Request, route: Route
) -> web.StreamResponse:
    """A reply that was left is read on, or ended, where its model is."""
    name = request.query.get("conv_id", "").rpartition("::")[2]
    if not name:
        raise BadRequest("conv_id, the conversation's id, is missing")
    link, _ = front.home(name, holder_of(request))
    homes = [front.stable.links[node] for node in front.stable.wish(name, holder_of(request)).homes]
    if len(homes) > 1:  # the node that has it
        body = {"conversation_ids": [request.query["conv_id"]]}
        path = "/v1/streams/lookup"
        said = await given_by_all(homes, list[Any], path, method="POST", body=body)
        link = next((front.stable.links[node] for node, rows in said.items() if rows), link)
    return await _to(front, request, route, link, request.rel_url.raw_path)


async def _to(
    front: StableFront, request: web.Request, route: Route, link: NodeLink, path: str
) -> web.StreamResponse:
    async with Passage(front, request, route) as passage:
        content = await passage.bodies.received(request) if request.can_read_body else None
        query = request.rel_url.raw_query_string
        whole = f"{path}?{query}" if query else path
        passage.response = await to_node(passage, link, whole, content)
    return passage.answer


# ---- requests, and the front itself ----


async def cancel_request(
    front: StableFront, request: web.Request, route: Route
) -> web.StreamResponse:
    """End one request in flight, at its node, or while it waits for one."""
    try:
        wanted = number(request.match_info["request"], "the number of a request")
    except BadRequest as error:
        raise NoSuchThing(error.message) from error
    if wanted % STRIDE:
        link = by_number(front, wanted)
        said = await ask(link, "POST", f"/requests/{wanted // STRIDE}/cancel")
        return _passed(said, link.name, router.Success)
    waits = front.waiting.get(wanted // STRIDE)
    if waits is None:
        raise NoSuchThing(f"no request {wanted} is in flight")
    waits.cancel("the request was cancelled")
    return reply(router.Success())


async def shutdown(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """End the front. The nodes go on with what they run."""
    front.shut_down()
    return reply(ModelResult(success=True, models=[]), status=202)


def _passed(said: Said, node: str, kind: Any) -> web.Response:
    """A node's reply, with the stable's names where it is a yes."""
    headers = {}
    if said.location.startswith(_JOBS):
        headers["location"] = _JOBS + own(node, said.location.removeprefix(_JOBS))
    try:
        value = placed(msgspec.json.decode(said.body, type=kind), node)
    except msgspec.DecodeError:
        return web.Response(status=said.status, body=said.body, content_type=said.media)
    return reply(value, status=said.status, headers=headers)


async def _read(
    front: StableFront,
    request: web.Request,
    kind: type[T],
    *,
    default: Callable[[], T] | None = None,
) -> T:
    content = await front.receiver.order(request)
    if not content and default is not None:
        return default()
    return body.decoded(content, msgspec.json.Decoder(kind))
