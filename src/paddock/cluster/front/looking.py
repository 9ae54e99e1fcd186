"""What the front says of itself and of all: status, events, metrics, where to look."""

from http import HTTPStatus

from aiohttp import web

import paddock
from paddock.api.events import PullChanged
from paddock.api.nodes import NodesAnswer
from paddock.cluster.front.front import StableFront, holder_of
from paddock.cluster.front.passage import Passage
from paddock.cluster.front.relays import by_query, to_node
from paddock.daemon.activity.scrape import scraped
from paddock.errors import NodesAway
from paddock.http import malformed, refusing, router, sse
from paddock.http.auth import Scope
from paddock.http.dashboard import page_of
from paddock.http.front import Route
from paddock.http.management import reply
from paddock.http.query import number
from paddock.http.server import nothing, preflight
from paddock.http.surfaces import LLAMA

_ABOUT = """\
This is Paddock {version}: the llama.cpp models of {nodes} behind one address.

  GET  /status        what runs where
  GET  /v1/models     what can be asked for; `model@node` insists on a node
  POST /switch        {{"model": "…"}} makes it ready
  GET  /events        everything that happens, as it happens
  GET  /openapi.json  every call
  GET  /dashboard     all of it in a browser

OpenAI clients: base URL http://{host}/v1    Anthropic's and Ollama's: http://{host}
"""


async def about(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """A node's web page for a browser, else where to look next."""
    if "text/html" in request.headers.get("Accept", "") and front.stable.usable():
        return await _page(front, request, route)
    count = len(front.stable.links)
    nodes = f"{count} machine{'s' * (count != 1)}"
    text = _ABOUT.format(version=paddock.__version__, nodes=nodes, host=request.host)
    return web.Response(text=text)


async def health(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """The front lives; says nothing of any node."""
    return reply({"status": "ok"})


async def status(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """What runs, what waits, what lies where, on which nodes."""
    return reply(front.stable.status())


async def nodes(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Which machines there are, and why one is not used."""
    return reply(NodesAnswer(nodes=front.stable.nodes()))


async def events(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Everything that happens on all nodes: a snapshot first, or what came after `Last-Event-ID`."""
    text = request.headers.get("Last-Event-ID") or request.query.get("after")
    after = None if text is None else number(text, "the number of an event")
    with front.stable.bus.subscribe(after, readings=True) as changes:
        async with sse.stream(request) as response, sse.ticking(changes, sse.KEEP_ALIVE) as ticks:
            async for event in ticks:
                await response.write(sse.SILENCE if event is None else sse.encode(event))
    return response


async def dashboard(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """The page for browsers, with how all nodes are."""
    return await page_of(front.guard, front.stable.bus, request)


async def router_events(
    front: StableFront, request: web.Request, route: Route
) -> web.StreamResponse:
    """The same facts, as far as llama.cpp's router has words for them."""
    holder = holder_of(request)
    with front.stable.bus.subscribe(None) as changes:
        async with sse.stream(request) as response, sse.ticking(changes, sse.KEEP_ALIVE) as ticks:
            async for event in ticks:
                profile = getattr(event, "profile", None)
                if isinstance(event, PullChanged) and not front.guard.allows(
                    request.headers, Scope.MANAGEMENT
                ):
                    continue
                if profile is not None and not front.stable.wish(profile, holder).homes:
                    continue
                words = [sse.SILENCE] if event is None else router.events_of(event, _no_row)
                if words:
                    await response.write(b"".join(words))
    return response


def _no_row(profile: str) -> None:
    """Its row is in the list; the event says that it is there."""


async def metrics(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """The front's own counts, with gauges of all nodes; with `?model=`, the instance's."""
    if "model" in request.query:
        return await by_query(front, request, route)
    families = (*front.metrics.families, *front.counts.families)
    return web.Response(
        body=scraped(families, front.stable.status()),
        headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def stray(front: StableFront, request: web.Request) -> web.StreamResponse:
    """Preflights, the files of a node's web page, and whatever is not here."""
    surface = malformed.surface_of(request.path)
    route = Route("GET", "/{path}", about, "A file of the web page", LLAMA, Scope.OPEN)
    try:
        front.guard.check(request.method, request.headers, Scope.OPEN, acts=False)
        if request.method == "OPTIONS":
            return preflight(request)
        is_file = "." in request.path.rpartition("/")[2] and request.method in {"GET", "HEAD"}
        if is_file and front.stable.usable():
            return await _page(front, request, route)
        return await nothing(request)
    except Exception as error:
        if not isinstance(error, NodesAway):
            raise
        return refusing.refusal(error, surface, request)


async def _page(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """A file of llama-server's web page, of the first node that has it."""
    async with Passage(front, request, route) as passage:
        link = front.stable.usable()[0]
        passage.response = await to_node(passage, link, request.path_qs)
        if passage.response.status == HTTPStatus.NOT_FOUND:
            passage.response = await nothing(request)
    return passage.answer
