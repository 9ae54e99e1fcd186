"""What agents may do with the stable: the tools of a daemon, each at the node that it concerns.

What reads is answered here. What is about one model is called at its node, by the same protocol, so that its
progress and its words come as they are; whose key it is and what that may, is judged here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from paddock.api import mcp
from paddock.api import mcp_tools as tools
from paddock.api.models import Catalog, ModelCard
from paddock.api.sse import SseMessage, SseParser
from paddock.api.yielding import YieldRequest, YieldResult
from paddock.cluster.front import merge
from paddock.cluster.front.asking import given_by_all
from paddock.cluster.front.front import StableFront, holder_of
from paddock.cluster.front.names import own, placed, split
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.steering import has_loaded, yield_result
from paddock.errors import BadRequest, CannotFit, NodeLost, PaddockError
from paddock.http.mcp_tools import TOOLS, as_known, as_yielded, listed
from paddock.http.yielding import allowed
from paddock.llama.reply import Reply

Tell = Callable[[bytes], None]
_REQUEST = 1  # the id of the one call on its connection
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


class _Message(msgspec.Struct):
    """What a node sends: a result, or a notification, which has a method."""

    method: str = ""
    result: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class AgentCall:
    """One call of a tool."""

    front: StableFront
    request: web.Request
    wanted: mcp.ToolCall
    tell: Tell


async def run(
    front: StableFront, request: web.Request, wanted: mcp.ToolCall, tell: Tell
) -> dict[str, Any]:
    """The tool's result, also where that is why not."""
    try:
        front.guard.check(request.method, request.headers, TOOLS[wanted.tool].scope, acts=True)
        call = AgentCall(front, request, wanted, tell)
        return await _TOOLS[wanted.tool](call, mcp.arguments_of(wanted))
    except PaddockError as error:
        return mcp.failed(_redacted(request, error))


def _redacted(request: web.Request, error: PaddockError) -> PaddockError:
    holder = holder_of(request)
    if isinstance(error, CannotFit) and holder is not None and holder.is_restricted:
        return CannotFit("this model cannot fit beside what must stay loaded")
    return error


# ---- answered here ----


async def _list_models(call: AgentCall, _: tools.Nothing) -> dict[str, Any]:
    front, holder = call.front, holder_of(call.request)
    said = await given_by_all(front.nodes(call.request), Catalog, "/catalog")
    cards: dict[str, ModelCard] = {}
    for page in said.values():
        for card in page.models:
            cards.setdefault(card.id, card)
    known = {row.id: row for row in merge.profiles(front.stable.parts())}
    rows = []
    for card in cards.values():
        row = known.get(card.variant_of or card.id)
        if row is None or card.hidden or not front.stable.wish(card.id, holder).homes:
            continue
        is_variant = bool(card.variant_of)
        aliases = card.aliases if is_variant else row.aliases
        rows.append(_under_names_of(listed(row, card), card, aliases))
    return mcp.done(tools.ModelList(rows))


def _under_names_of(
    row: tools.ListedModel, card: ModelCard, aliases: list[str]
) -> tools.ListedModel:
    """What its profile is, under the names of a card: its own or a variant's."""
    return msgspec.structs.replace(
        row, id=card.id, title=card.title, description=card.description, aliases=aliases
    )


async def _status(call: AgentCall, _: tools.Nothing) -> dict[str, Any]:
    return mcp.done(as_known(call.front.stable.status()))


async def _yield_gpus(call: AgentCall, wanted: tools.YieldWish) -> dict[str, Any]:
    path = "/resume" if wanted.resume else "/yield"
    body = YieldRequest(by="an agent", seconds=allowed(wanted.seconds), wait=False)
    links = call.front.nodes(call.request)
    order = None if wanted.resume else body
    said = await given_by_all(links, YieldResult, path, method="POST", body=order)
    placed_ = {node: placed(value, node) for node, value in said.items()}
    return as_yielded(yield_result(placed_).yielded)


# ---- at a node ----


async def _ask_model(call: AgentCall, wanted: tools.Question) -> dict[str, Any]:
    """Asked elsewhere once where its node is lost: nothing of an answer was said before all is here."""
    holder = holder_of(call.request)
    await call.front.looks.look(call.front.stable.wish(wanted.model, holder))
    link, model = call.front.home(wanted.model, holder)
    if holder is not None:
        holder.admit()
    try:
        try:
            result = await _at(call, link, model)
        except NodeLost:
            link.woken()
            second, model = call.front.home(wanted.model, holder, without=(link.name,))
            call.front.counts.moved(link.name)
            result = await _at(call, second, model)
        used = result.get("structuredContent", {})
        if holder is not None:
            holder.spend(sum(used.get(key) or 0 for key in ("prompt_tokens", "generated_tokens")))
        return result
    finally:
        if holder is not None:
            holder.leave()


async def _switch_model(call: AgentCall, wanted: tools.ModelName) -> dict[str, Any]:
    holder = holder_of(call.request)
    await call.front.looks.look(call.front.stable.wish(wanted.model, holder))
    link, model = call.front.home(wanted.model, holder)
    return await _at(call, link, model)


async def _unload_model(call: AgentCall, wanted: tools.ModelName) -> dict[str, Any]:
    """Wherever it is loaded."""
    stable = call.front.stable
    wish = stable.wish(wanted.model, holder_of(call.request))
    homes = [stable.links[node] for node in wish.homes]
    if not homes:
        raise stable.unknown(wanted.model, holder_of(call.request))
    loaded = [link for link in homes if has_loaded(link, wish.profile)] or homes[:1]
    results = [await _at(call, link, wish.model) for link in loaded]
    return next((result for result in results if result.get("isError")), results[0])


async def _pull_model(call: AgentCall, wanted: tools.PullWish) -> dict[str, Any]:
    """On the node after its `@`; without one, where there is but one node."""
    links = call.front.stable.links
    model, node = split(wanted.model, links)
    if node is None and len(links) > 1:
        raise BadRequest(
            "say to which machine it is to be fetched",
            hint=f"{wanted.model}@NODE; there are: {', '.join(sorted(links))}",
        )
    return await _at(call, call.front.link(node or next(iter(links))), model)


async def _at(call: AgentCall, link: NodeLink, model: str) -> dict[str, Any]:
    """What this node's own tool says, its progress on the way. Raises NodeLost."""
    wanted = _for_node(call.wanted, model)
    try:
        reply = await link.pool.ask("POST", "/mcp", _HEADERS | link.headers, _body(wanted))
        try:
            result = await _result(reply, call.tell)
        finally:
            reply.close()  # where it is not whole, its node sees the call cancelled
    except OSError as error:
        words = str(error) or type(error).__name__
        raise NodeLost(f"node {link.name} went away: {words}") from error
    except (msgspec.DecodeError, LookupError) as error:
        raise NodeLost(f"node {link.name} does not answer agents: {error}") from error
    said = result.get("structuredContent")
    if isinstance(said, dict) and isinstance(said.get("instance"), str):
        said["instance"] = own(link.name, said["instance"])
    return result


def _for_node(wanted: mcp.ToolCall, model: str) -> mcp.ToolCall:
    """The same call for a model as its node knows it."""
    return mcp.ToolCall(wanted.tool, wanted.arguments | {"model": model}, wanted.progress_token)


def _body(wanted: mcp.ToolCall) -> bytes:
    meta = (
        {} if wanted.progress_token is None else {"_meta": {"progressToken": wanted.progress_token}}
    )
    params = {"name": wanted.tool, "arguments": wanted.arguments, **meta}
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "id": _REQUEST, "method": "tools/call", "params": params}
    )


async def _result(reply: Reply, tell: Tell) -> dict[str, Any]:
    if reply.content_type == "application/json":
        return msgspec.json.decode(await reply.whole(), type=_Message).result
    async for data in _events(reply):
        message = msgspec.json.decode(data, type=_Message)
        if not message.method:
            return message.result
        tell(data.encode() if isinstance(data, str) else data)
    raise LookupError("its words ended before a result")


async def _events(reply: Reply) -> AsyncIterator[Any]:
    parser = SseParser()
    while piece := await reply.some():
        for message in parser.feed(piece):
            if isinstance(message, SseMessage):
                yield message.data


_TOOLS: dict[str, Callable[[AgentCall, Any], Awaitable[dict[str, Any]]]] = {
    "list_models": _list_models,
    "status": _status,
    "switch_model": _switch_model,
    "ask_model": _ask_model,
    "unload_model": _unload_model,
    "pull_model": _pull_model,
    "yield_gpus": _yield_gpus,
}
