"""The table of all routes: what is registered, guarded and described, in one place."""

from typing import Any

from paddock.api import activity, models, placement, profiles, types
from paddock.api import switches as past_switches
from paddock.api import yielding as yield_types
from paddock.http import (
    listing,
    logs,
    management,
    mcp,
    openapi,
    passage,
    past,
    plans,
    router,
    sse,
    streams,
    yielding,
)
from paddock.http.auth import Scope
from paddock.http.front import Handler, Route
from paddock.http.gateway import generate
from paddock.http.ollama import generation, lists, wire
from paddock.http.surfaces import (
    ANTHROPIC,
    LLAMA,
    MCP,
    OLLAMA,
    OPENAI,
    RESPONSES,
    ROUTER,
    UPSTREAM,
    Surface,
)


def _generate(
    surface: Surface, paths: str, summary: str, *, streams: bool = False
) -> tuple[Route, ...]:
    """POSTs whose body names the model; llama-server has them under each of these paths."""
    return tuple(
        Route("POST", path, generate, summary, surface, Scope.INFERENCE, streams=streams)
        for path in paths.split()
    )


def _look(path: str, summary: str) -> Route:
    """A GET that may load, hence `acts`."""
    query = ("model", "autoload")
    return Route("GET", path, passage.look, summary, LLAMA, Scope.INFERENCE, query=query, acts=True)


def _change(path: str, summary: str, scope: Scope = Scope.MANAGEMENT) -> Route:
    """A POST as llama.cpp's router passes it on. What changes an instance is for those who manage."""
    query = ("model", "autoload", *(["action"] if "slot" in path else []))
    return Route("POST", path, passage.change, summary, LLAMA, scope, query=query)


def _list(path: str, handler: Handler, gives: Any, summary: str) -> Route:
    return Route("GET", path, handler, summary, OPENAI, Scope.INFERENCE, gives=gives)


def _get(path: str, handler: Handler, gives: Any, summary: str, *, acts: bool = False) -> Route:
    return Route("GET", path, handler, summary, gives=gives, acts=acts)


def _do(path: str, handler: Handler, takes: Any, gives: Any, summary: str) -> Route:
    return Route("POST", path, handler, summary, takes=takes, gives=gives)


def _end(path: str, handler: Handler, summary: str, surface: Surface, *query: str) -> Route:
    """A DELETE, after which there is nothing to be said."""
    asked, done = Scope.INFERENCE, (204,)
    return Route("DELETE", path, handler, summary, surface, asked, query=query, statuses=done)


GATEWAY = (
    *_generate(OPENAI, "/v1/chat/completions /chat/completions", "Chat", streams=True),
    *_generate(OPENAI, "/v1/completions", "Completion", streams=True),
    *_generate(RESPONSES, "/v1/responses /responses", "Responses", streams=True),
    *_generate(OPENAI, "/v1/embeddings", "Embeddings"),
    *_generate(OPENAI, "/v1/rerank /v1/reranking /rerank /reranking", "Rank documents"),
    *_generate(
        OPENAI,
        "/v1/audio/transcriptions /audio/transcriptions",
        "Transcription, as multipart",
        streams=True,
    ),
    *_generate(
        OPENAI,
        "/v1/chat/completions/input_tokens /chat/completions/input_tokens"
        " /v1/responses/input_tokens /responses/input_tokens",
        "Count the tokens of a request",
    ),
    *_generate(OPENAI, "/v1/chat/completions/control", "Steer a running chat"),
    *_generate(ANTHROPIC, "/v1/messages", "Messages", streams=True),
    *_generate(ANTHROPIC, "/v1/messages/count_tokens", "Count the tokens of a request"),
    *_generate(LLAMA, "/completion /completions /infill", "Completion", streams=True),
    *_generate(LLAMA, "/embedding /embeddings", "Embeddings"),
    *_generate(LLAMA, "/tokenize /detokenize /apply-template", "Text, tokens and templates"),
    Route(
        "GET",
        "/props",
        listing.props,
        "What an instance is, by its own account; without a model, what llama.cpp's router is",
        LLAMA,
        Scope.INFERENCE,
        query=("model", "autoload"),
        acts=True,
    ),
    _look("/slots", "What an instance's slots do, at most 1.5 s old"),
    _look("/lora-adapters", "The adapters of an instance"),
    _change("/props", "Change an instance's properties, where it was started with `--props`"),
    _change("/slots/{slot}", "Save, restore or erase what a slot holds: `action`"),
    _change("/lora-adapters", "Set the scales of an instance's adapters"),
    _change("/v1/systemone", "A decision, of a model made for it", Scope.INFERENCE),
    Route(
        "*",
        "/upstream/{path:.+}",
        passage.passage,
        "Anything else that llama-server has: /upstream/PROFILE/PATH",
        UPSTREAM,
        Scope.INFERENCE,
        media="*/*",
        acts=True,
    ),
    _list("/v1/models", listing.visible_models, router.Models, "What can be asked for"),
    _list("/v1/models/{model:.+}", listing.one_model, router.Model, "One model"),
    _list(
        "/catalog",
        listing.catalog,
        models.Catalog,
        "What a client must know of each model before it asks: context, abilities, samplers",
    ),
    Route(
        "GET",
        "/models",
        listing.models,
        "Every profile, hidden ones too; `reload=1` reads models.conf again first",
        OPENAI,
        Scope.INFERENCE,
        gives=router.Models,
        query=("reload",),
    ),
)

MANAGEMENT = (
    Route(
        "GET",
        "/",
        management.about,
        "Where to look; for a browser, llama-server's own web page",
        scope=Scope.OPEN,
        media="text/plain",
    ),
    Route("GET", "/health", management.health, "The daemon lives", scope=Scope.OPEN),
    Route("GET", "/v1/health", management.health, "The daemon lives", scope=Scope.OPEN),
    _get("/status", management.status, types.Status, "What runs, what waits, what lies where"),
    Route(
        "POST",
        "/switch",
        management.switch,
        "Make a profile ready; `wait: false` gives 202 and a job, `Accept: text/event-stream` its progress",
        takes=types.SwitchRequest,
        gives=types.SwitchResult,
        statuses=(200, 202),
    ),
    _get("/jobs/{job}", management.job, types.SwitchResult, "How a switch goes or went"),
    Route(
        "GET",
        "/history/{model:.+}",
        management.history,
        "How the loads of a profile went, the newest first: times, placements, speeds, verdicts",
        gives=placement.History,
        query=("limit",),
    ),
    Route(
        "GET",
        "/switches",
        past.switches,
        "Switches, the newest first: each phase with its seconds, who left, what was read again",
        gives=past_switches.SwitchHistory,
        query=("model", "limit"),
    ),
    Route(
        "GET",
        "/plans",
        plans.plans,
        "Where the profiles would lie, as known now: a page of `limit` of them after the first `offset`",
        gives=placement.Plans,
        query=("offset", "limit"),
    ),
    Route(
        "GET",
        "/pairs",
        plans.pairs,
        "Which pairs of profiles fit together, as known now; with `model`, who fits beside that one",
        gives=placement.Pairs,
        query=("model", "offset", "limit"),
    ),
    Route(
        "GET",
        "/plans/{model:.+}",
        plans.plan,
        "Where a profile would lie if all others had left; asks its engine if need be",
        gives=placement.Plan,
        acts=True,
    ),
    _get(
        "/profiles/{model:.+}",
        management.profile,
        profiles.ProfileDetail,
        "A profile in full: each flag with where it was written, and what its model file says",
        acts=True,  # it may read that file
    ),
    _get(
        "/preview/{model:.+}",
        management.preview,
        activity.Preview,
        "What a switch would do now: who would leave, what it needs, how long it took last time",
    ),
    _do(
        "/requests/{request}/cancel",
        management.cancel_request,
        None,
        router.Success,
        "End one request in flight, for its client too",
    ),
    Route(
        "GET",
        "/doctor",
        management.doctor,
        "What could be better, about models.conf, the profiles' files and this machine; plans where need be",
        gives=placement.Checkup,
        query=("model",),
        acts=True,
    ),
    _do("/unload", management.unload, types.ModelRequest, types.ModelResult, "Unload one or all"),
    _do(
        "/yield",
        yielding.begin,
        yield_types.YieldRequest,
        yield_types.YieldResult,
        "Leave all GPUs to other programs, until `/resume` or for `seconds`",
    ),
    _do("/resume", yielding.resume, None, yield_types.YieldResult, "Take the GPUs back"),
    _do("/cancel", management.cancel, types.ModelRequest, types.ModelResult, "Give up loads"),
    _do("/reload", management.reload, None, types.ModelResult, "Read models.conf again"),
    _do(
        "/shutdown",
        management.shutdown,
        types.ShutdownRequest,
        types.ModelResult,
        "End the daemon; `keep` leaves the instances running",
    ),
    Route(
        "GET",
        "/events",
        sse.events,
        "A snapshot, then everything that happens; `Last-Event-ID` resumes",
        gives=types.AnyEvent,
        media="text/event-stream",
        query=("after",),
        acts=True,
    ),
    Route(
        "GET",
        "/logs",
        logs.logs,
        "What all instances wrote, one after another, with a line where one takes over",
        media="text/plain",
        query=("lines", "follow"),
        acts=True,
    ),
    Route(
        "GET",
        "/logs/{name:.+}",
        logs.logs,
        "The log of an instance, of a profile's latest (`runs=all`: of all), or of the `daemon` itself",
        media="text/plain",
        query=("lines", "follow", "runs"),
        acts=True,
    ),
    Route(
        "GET",
        "/metrics",
        passage.metrics,
        "Prometheus; with `model`, the instance's own",
        media="text/plain",
        query=("model", "autoload"),
        acts=True,
    ),
    Route("GET", "/openapi.json", openapi.document, "This document", scope=Scope.INFERENCE),
)


def _ollama(path: str, handler: Handler, takes: Any, summary: str, **more: Any) -> Route:
    return Route("POST", path, handler, summary, OLLAMA, Scope.INFERENCE, takes=takes, **more)


def _ollama_list(path: str, handler: Handler, gives: Any, summary: str) -> Route:
    return Route("GET", path, handler, summary, OLLAMA, Scope.INFERENCE, gives=gives)


_REFUSED = "/api/create /api/copy /api/push /api/delete /api/blobs/{digest}"

OLLAMA_API = (
    _ollama_list("/api/version", lists.version, wire.Version, "Which of Ollama's APIs this is"),
    _ollama_list("/api/tags", lists.tags, wire.Tags, "What can be asked for, as Ollama"),
    _ollama_list("/api/ps", lists.ps, wire.Processes, "What is loaded, as Ollama"),
    _ollama("/api/show", lists.show, wire.Named, "One model, as Ollama", gives=wire.Shown),
    _ollama("/api/chat", generation.chat, wire.ChatRequest, "Chat, as Ollama", streams=True),
    _ollama(
        "/api/generate",
        generation.generate,
        wire.GenerateRequest,
        "Completion, as Ollama",
        streams=True,
    ),
    _ollama("/api/embed", generation.embed, wire.EmbedRequest, "Embeddings, as Ollama"),
    _ollama(
        "/api/embeddings", generation.embeddings, wire.EmbeddingsRequest, "The older embeddings"
    ),
    _ollama(
        "/api/pull",
        lists.pull,
        wire.Named,
        "Says whether it is here: nothing is downloaded",
        streams=True,
    ),
    *(
        Route("*", path, lists.refused, "Not here: see models.conf", OLLAMA, Scope.INFERENCE)
        for path in _REFUSED.split()
    ),
)

LLAMA_ROUTER = (
    Route(
        "GET",
        "/v1/stream",
        streams.resume,
        "Read on in a reply that was left (llama-server's resumable streams)",
        LLAMA,
        Scope.INFERENCE,
        media="text/event-stream",
        query=("conv_id", "from"),
        acts=True,
    ),
    _end("/v1/stream", streams.stop, "End such a reply", LLAMA, "conv_id"),
    Route("POST", "/v1/streams/lookup", streams.lookup, "Which there are", LLAMA, Scope.INFERENCE),
    *(
        Route("*", path, management.disabled, "Off, as the router says it", ROUTER, Scope.OPEN)
        for path in ("/tools", "/cors-proxy")
    ),
    Route(
        "POST",
        "/models/load",
        management.load,
        "Load, as llama.cpp's router; to ask the model does so too",
        ROUTER,
        Scope.INFERENCE,
        takes=router.LoadRequest,
        gives=router.Success,
    ),
    Route(
        "POST",
        "/models/unload",
        management.router_unload,
        "Unload, as llama.cpp's router",
        ROUTER,
        takes=router.LoadRequest,
        gives=router.Success,
    ),
    Route(
        "GET",
        "/models/sse",
        sse.router_events,
        "Events, as llama.cpp's router",
        ROUTER,
        Scope.INFERENCE,
        media="text/event-stream",
        acts=True,
    ),
)

AGENTS = (
    Route(
        "POST",
        "/mcp",
        mcp.post,
        "One message of the Model Context Protocol; tools that steer need a key for management",
        MCP,
        Scope.INFERENCE,
    ),
    _end("/mcp", mcp.delete, "Ends a session: there are none", MCP),
)

ROUTES = (*GATEWAY, *MANAGEMENT, *OLLAMA_API, *LLAMA_ROUTER, *AGENTS)
