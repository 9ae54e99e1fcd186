"""The table of the front: every path that a daemon has, and how it is merged or passed on."""

from dataclasses import replace

from paddock.api import contexts, devices, engines, nodes, placement, pulls, stats, usage
from paddock.cluster.front import logs, looking, reads, relays, steering, tools
from paddock.http import dashboard, management, mcp, openapi
from paddock.http.front import Handler, Route
from paddock.http.gateway import generate
from paddock.http.ollama import generation, lists
from paddock.http.passage import change, look
from paddock.http.routes import ROUTES

# By how a daemon serves it.
_BY_HANDLER: dict[Handler, Handler] = {
    generate: relays.by_body,
    change: relays.by_body_as_it_is,
    look: relays.by_query,
    generation.chat: relays.by_body,
    generation.generate: relays.by_body,
    generation.embed: relays.by_body,
    generation.embeddings: relays.by_body,
    lists.show: relays.by_body,
    lists.version: lists.version,
    lists.refused: lists.refused,
    management.disabled: management.disabled,
    dashboard.page: looking.dashboard,
    dashboard.file: dashboard.file,
    openapi.document: openapi.document,
    management.health: looking.health,
}

# By method and path, whatever is not above. What is after `:` in a path is a pattern.
_BY_PATH: dict[tuple[str, str], Handler] = {
    ("GET", "/"): looking.about,
    # passed on to one instance
    ("GET", "/props"): relays.by_query,
    ("*", "/upstream/{path:.+}"): relays.by_path,
    # lists
    ("GET", "/v1/models"): reads.all_models,
    ("GET", "/models"): reads.all_models,
    ("GET", "/v1/models/{model:.+}"): reads.ONE_MODEL,
    ("GET", "/catalog"): reads.CATALOG,
    ("GET", "/api/tags"): reads.TAGS,
    ("GET", "/api/ps"): reads.RUNNING,
    # all nodes together
    ("GET", "/status"): looking.status,
    ("GET", "/events"): looking.events,
    ("GET", "/models/sse"): looking.router_events,
    ("GET", "/metrics"): looking.metrics,
    ("GET", "/history/{model:.+}"): reads.history,
    ("GET", "/switches"): reads.past_switches,
    ("GET", "/stats"): reads.merged(stats.Stats, reads.all_stats),
    ("GET", "/usage"): reads.merged(usage.UsageReport, reads.all_usage),
    ("GET", "/devices/history"): reads.merged(devices.DevicesPast, reads.devices),
    ("GET", "/contexts"): reads.merged(contexts.SavedContexts, reads.saved_contexts),
    ("GET", "/engines"): reads.merged(engines.EngineList, reads.engine_list),
    ("GET", "/pulls"): reads.merged(pulls.PullList, reads.pull_list),
    ("GET", "/pairs"): reads.merged(placement.Pairs, reads.pairs),
    ("GET", "/doctor"): reads.merged(placement.Checkup, reads.checkup),
    ("GET", "/plans"): reads.all_plans,
    ("GET", "/bench"): reads.bench_runs,
    ("GET", "/bench/{run}"): reads.bench_run,
    ("GET", "/bench/{run}/against/{before}"): reads.bench_comparison,
    # one model, on the node where it would be asked
    ("GET", "/plans/{model:.+}"): reads.PLAN,
    ("GET", "/profiles/{model:.+}"): reads.DETAIL,
    ("GET", "/preview/{model:.+}"): reads.preview,
    ("POST", "/switch"): steering.switch,
    ("POST", "/unload"): steering.unload,
    ("POST", "/cancel"): steering.cancel,
    ("POST", "/models/load"): steering.router_order,
    ("POST", "/models/unload"): steering.router_order,
    ("POST", "/v1/streams/lookup"): steering.LOOKUP,
    ("GET", "/v1/stream"): steering.conversation,
    ("DELETE", "/v1/stream"): steering.conversation,
    # things of one node, by their names
    ("GET", "/jobs/{job}"): reads.JOB,
    ("GET", "/pulls/{pull}"): reads.PULL,
    ("POST", "/pulls/{pull}/pause"): steering.one_owner("pull", "/pulls/{}/pause"),
    ("POST", "/pulls/{pull}/resume"): steering.one_owner("pull", "/pulls/{}/resume"),
    ("POST", "/pulls/{pull}/cancel"): steering.one_owner("pull", "/pulls/{}/cancel"),
    ("POST", "/contexts/{context}/delete"): steering.one_owner("context", "/contexts/{}/delete"),
    ("GET", "/logs"): logs.all_logs,
    ("GET", "/logs/{name:.+}"): steering.logs,
    ("POST", "/requests/{request}/cancel"): steering.cancel_request,
    # all nodes, or the one that `?node=` names
    ("POST", "/yield"): steering.begin_yield,
    ("POST", "/resume"): steering.RESUME,
    ("POST", "/reload"): steering.RELOAD,
    # the front itself
    ("POST", "/shutdown"): steering.shutdown,
    # agents
    ("POST", "/mcp"): mcp.posting(tools.run),
    ("DELETE", "/mcp"): mcp.delete,
}

# One node's own affair: the one that `?node=` names, else the only one.
ONE_NODE = frozenset(
    (
        *(("POST", "/bench"), ("POST", "/bench/news")),
        *(("POST", "/pulls"), ("POST", "/pulls/plan"), ("POST", "/models")),
        *(("POST", "/engines/promote"), ("POST", "/engines/rollback"), ("DELETE", "/models")),
        *(("GET", "/config"), ("PUT", "/config"), ("POST", "/config/check")),
        *(("POST", "/config/preview"), ("POST", "/config/undo")),
        *(("POST", "/tune"), ("POST", "/tune/trial"), ("POST", "/tune/news")),
        *(("GET", "/tunings"), ("POST", "/tunings"), ("GET", "/tunings/{tuning}")),
        *(("POST", "/api/pull"), ("DELETE", "/api/delete"), ("POST", "/api/copy")),
    )
)

# Names of these have a slash in them.
_LONG = {"{job}": "{job:.+}", "{pull}": "{pull:.+?}", "{context}": "{context:.+}"}


def _of_front(route: Route) -> Route:
    key = route.method, route.path
    if key in ONE_NODE:
        handler: Handler = steering.one_node
    else:
        handler = _BY_PATH.get(key) or _BY_HANDLER[route.handler]
    path = route.path
    for short, long in _LONG.items():
        path = path.replace(short, long)
    return replace(route, handler=handler, path=path)


NODES = Route("GET", "/nodes", looking.nodes, "The machines of the stable", gives=nodes.NodesAnswer)
FRONT_ROUTES = (*map(_of_front, ROUTES), NODES)
