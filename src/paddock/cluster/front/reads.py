"""Reads of the whole stable: each node is asked, and what they say becomes one document in the same shape."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec.structs import replace

from paddock.api import bench, contexts, engines, models, placement, pulls, stats, switches, usage
from paddock.api.activity import Preview
from paddock.api.devices import DevicesPast
from paddock.api.profiles import ProfileDetail
from paddock.api.types import ProfileInfo, SwitchResult
from paddock.cluster.front import merge
from paddock.cluster.front.asking import ask, given, given_by_all
from paddock.cluster.front.front import StableFront, holder_of
from paddock.cluster.front.names import STRIDE, insisting, own, owner, placed
from paddock.cluster.front.past import aligned, summed_stats, summed_usage
from paddock.errors import NoSuchThing
from paddock.http import listing, router
from paddock.http.auth import Scope
from paddock.http.benches import comparison_of
from paddock.http.front import Route
from paddock.http.management import reply
from paddock.http.ollama import wire
from paddock.http.query import number

if TYPE_CHECKING:
    from paddock.http.front import Handler

Merge = Callable[[dict[str, Any]], Any]


def merged(kind: Any, merge_: Merge) -> "Handler":
    """A handler of a read: this is what each node gives, and that makes one of all."""

    async def read(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
        said = await given_by_all(front.nodes(request), kind, request.path_qs)
        return reply(merge_({node: placed(value, node) for node, value in said.items()}))

    return read


# ---- what there is ----


async def all_models(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Every model once; Anthropic's clients get theirs, in pages."""
    if "anthropic-version" in request.headers:
        return await _anthropic_page(front, request)
    if "reload" in request.query:  # as a daemon has it
        front.guard.check(request.method, request.headers, Scope.MANAGEMENT, acts=True)
    said = await given_by_all(front.nodes(request), router.Models, request.path_qs)
    rows: dict[str, router.Model] = {}
    best = {row.id: row for row in merge.profiles(front.stable.parts())}
    for node, page in said.items():
        for row in page.data:
            if _is_for(front, request, node, row.id):
                rows.setdefault(row.id, placed(row, node))
    shown = [_standing(row, best.get(row.paddock.variant_of or row.id)) for row in rows.values()]
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return reply(router.Models(data=shown, first_id=first, last_id=last))


def _standing(row: router.Model, best: ProfileInfo | None) -> router.Model:
    """The row, as its profile stands on the node that is furthest with it."""
    if best is None:
        return row
    seen = replace(row.paddock, state=best.state, instance=best.instance, waiting=best.waiting)
    homes = [name.rpartition("@")[2] for name in best.aliases if name.startswith(f"{best.id}@")]
    aliases = [*dict.fromkeys((*row.aliases, *(insisting(row.id, node) for node in homes)))]
    status = router.status_of(replace(seen, failure=best.failure))
    return replace(row, aliases=aliases, paddock=seen, status=status)


async def _anthropic_page(front: StableFront, request: web.Request) -> web.Response:
    rows: dict[str, listing.AnthropicModel] = {}
    headers = {"anthropic-version": request.headers["anthropic-version"]}
    for link in front.nodes(request):
        said = await ask(link, "GET", "/v1/models?limit=1000", headers=headers)
        for row in msgspec.json.decode(said.body, type=listing.AnthropicModels).data:
            if _is_for(front, request, link.name, row.id):
                rows.setdefault(row.id, row)
    page, more = listing.paged(list(rows.values()), list(rows), request)
    first, last = (page[0].id, page[-1].id) if page else (None, None)
    return reply(listing.AnthropicModels(data=page, has_more=more, first_id=first, last_id=last))


def _is_for(front: StableFront, request: web.Request, node: str, name: str) -> bool:
    """Whether the key of this request may hear of it."""
    holder = holder_of(request)
    called = front.stable.links[node].directory.find(name) if node in front.stable.links else None
    return holder is None or not holder.is_restricted or bool(called and called.is_for(holder))


def listed(kind: Any, field: str, key: str) -> "Handler":
    """A handler of a list whose rows have a name: each once, of those that the key may hear of."""

    async def read(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
        rows: dict[str, Any] = {}
        for node, page in (await given_by_all(front.nodes(request), kind, request.path)).items():
            for row in getattr(page, field):
                if _is_for(front, request, node, getattr(row, key)):
                    rows.setdefault(getattr(row, key), placed(row, node))
        return reply(kind(**{field: list(rows.values())}))

    return read


def of_home(kind: Any, prefix: str) -> "Handler":
    """A handler of a read about one model, whose name ends the path: of the node it would be asked on."""

    async def read(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
        name = request.match_info["model"]
        link, model = front.home(name, holder_of(request))
        said = await given(link, kind, "GET", f"{prefix}{quote(model)}" + _query(request))
        return reply(placed(said, link.name))

    return read


async def preview(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """What a switch would do, on the node that would do it, and why there."""
    wish = front.stable.wish(request.match_info["model"], holder_of(request))
    await front.looks.look(wish)
    link, model = front.home(request.match_info["model"], holder_of(request))
    said = placed(await given(link, Preview, "GET", f"/preview/{quote(model)}"), link.name)
    reason = front.chooser.preview(wish).reason
    said.summary = f"on {link.name} ({reason}): {said.summary}"
    return reply(said)


# ---- how things lie ----


async def all_plans(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """The plan of each model on the node it would be asked on; of its other homes by `name@node`."""
    said = await given_by_all(front.nodes(request), placement.Plans, "/plans?limit=1000")
    rows: dict[str, placement.Plan] = {}
    for node, page in said.items():
        for plan in page.plans:
            wish = front.stable.wish(plan.profile)
            is_first = front.chooser.preview(wish).node in (node, None)
            name = plan.profile if is_first else insisting(plan.profile, node)
            rows[name] = replace(placed(plan, node), profile=name)
    offset = number(request.query.get("offset", "0"), "offset")
    limit = number(request.query.get("limit", "100"), "limit", least=1, most=1000)
    page_ = list(rows.values())[offset : offset + limit]
    return reply(placement.Plans(plans=page_, total=len(rows), offset=offset))


def pairs(said: dict[str, placement.Pairs]) -> placement.Pairs:
    """Two fit together where they do on some node."""
    rows: dict[tuple[str, str], placement.Pair] = {}
    for page in said.values():
        for pair in page.pairs:
            key = (pair.one, pair.other)
            if key not in rows or pair.fits:
                rows[key] = pair
    return placement.Pairs(pairs=list(rows.values()), total=len(rows))


def checkup(said: dict[str, placement.Checkup]) -> placement.Checkup:
    """The advice for each node."""
    several = len(said) > 1
    return placement.Checkup(
        advice=[
            replace(one, message=f"{node}: {one.message}") if several else one
            for node, found in said.items()
            for one in found.advice
        ]
    )


def devices(said: dict[str, DevicesPast]) -> DevicesPast:
    """All devices, by the times of the node that knows most of them."""
    return aligned(said.values())


# ---- what was ----


async def history(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """The loads of a model on all its homes, the newest first."""
    wish = front.stable.wish(request.match_info["model"])
    links = [front.stable.links[node] for node in wish.homes] or front.nodes(request)
    path = f"/history/{quote(wish.model)}{_query(request)}"
    said = await given_by_all(links, placement.History, path)
    limit = number(request.query.get("limit", "50"), "limit", least=1, most=1000)
    found = [placed(value, node) for node, value in said.items()]
    loads = sorted((e for one in found for e in one.loads), key=_ended, reverse=True)
    spared = contexts.Spared()
    for one in found:
        if one.context:
            spared.tokens += one.context.tokens
            spared.seconds += one.context.seconds
            spared.times += one.context.times
    return reply(replace(found[0], loads=loads[:limit], context=spared))


def _ended(entry: Any) -> str:
    return str(entry.ended_at)


async def past_switches(
    front: StableFront, request: web.Request, route: Route
) -> web.StreamResponse:
    """Of all nodes, the newest first."""
    said = await given_by_all(front.nodes(request), switches.SwitchHistory, request.path_qs)
    rows = [e for node, value in said.items() for e in placed(value, node).switches]
    limit = number(request.query.get("limit", "50"), "limit", least=1, most=1000)
    return reply(switches.SwitchHistory(switches=sorted(rows, key=_ended, reverse=True)[:limit]))


def all_stats(said: dict[str, stats.Stats]) -> stats.Stats:
    """The costs of all nodes together."""
    return summed_stats(said.values())


def all_usage(said: dict[str, usage.UsageReport]) -> usage.UsageReport:
    """What was used on all nodes together."""
    return summed_usage(said.values())


def saved_contexts(said: dict[str, contexts.SavedContexts]) -> contexts.SavedContexts:
    """Of all nodes, the newest first."""
    rows = [row for one in said.values() for row in one.contexts]
    limit = sum(one.limit_mib for one in said.values())
    newest = sorted(rows, key=lambda row: row.saved_at, reverse=True)
    return contexts.SavedContexts(contexts=newest, limit_mib=limit)


def engine_list(said: dict[str, engines.EngineList]) -> engines.EngineList:
    """Of all nodes; a rollback names its node, so none is offered here."""
    rows = [replace(e, name=own(node, e.name)) for node, one in said.items() for e in one.engines]
    return engines.EngineList(engines=rows)


def pull_list(said: dict[str, pulls.PullList]) -> pulls.PullList:
    """Of all nodes."""
    return pulls.PullList(pulls=[row for one in said.values() for row in one.pulls])


# ---- things with a number or an id ----


async def bench_runs(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """Of all nodes, the newest first; a number says on which node the run is kept."""
    said = await given_by_all(front.nodes(request), bench.BenchRuns, request.path_qs)
    rows = [
        replace(run, id=run.id * STRIDE + front.stable.links[node].number)
        for node, one in said.items()
        for run in one.runs
    ]
    return reply(bench.BenchRuns(runs=sorted(rows, key=lambda run: run.begun_at, reverse=True)))


async def bench_run(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """One of them in full."""
    return reply(await _run(front, request.match_info["run"]))


async def bench_comparison(
    front: StableFront, request: web.Request, route: Route
) -> web.StreamResponse:
    """What changed between two of them, which need not be of one node."""
    after, before = [await _run(front, request.match_info[name]) for name in ("run", "before")]
    return reply(comparison_of(before, after))


async def _run(front: StableFront, text: str) -> bench.BenchRun:
    wanted = number(text, "the number of a benchmark")
    link = by_number(front, wanted)
    run = await given(link, bench.BenchRun, "GET", f"/bench/{wanted // STRIDE}")
    return replace(placed(run, link.name), id=wanted)


def by_number(front: StableFront, wanted: int) -> Any:
    """The node that a number of the stable's belongs to. Raises NoSuchThing."""
    for link in front.stable.links.values():
        if link.number == wanted % STRIDE:
            return front.link(link.name)
    raise NoSuchThing(f"there is no {wanted} on any node")


def of_owner(kind: Any, key: str, path: str) -> "Handler":
    """A handler of a read about a thing whose name has its node before a slash; `path` has `{}` for it."""

    async def read(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
        node, rest = owner(request.match_info[key], front.stable.links)
        if node is None:
            raise NoSuchThing(f"there is no {request.match_info[key]!r} on any node")
        return reply(placed(await given(front.link(node), kind, "GET", path.format(rest)), node))

    return read


def _query(request: web.Request) -> str:
    return f"?{request.query_string}" if request.query_string else ""


def rows_of(several: Iterable[Sequence[Any]]) -> list[Any]:
    """All of them, in their order."""
    return [row for rows in several for row in rows]


CATALOG = listed(models.Catalog, "models", "id")
TAGS = listed(wire.Tags, "models", "name")
RUNNING = listed(wire.Processes, "models", "name")
DETAIL = of_home(ProfileDetail, "/profiles/")
PLAN = of_home(placement.Plan, "/plans/")
ONE_MODEL = of_home(router.Model, "/v1/models/")
JOB = of_owner(SwitchResult, "job", "/jobs/{}")
PULL = of_owner(pulls.PullInfo, "pull", "/pulls/{}")
