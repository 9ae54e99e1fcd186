"""The table of all routes: what is registered, guarded and described, in one place.

Those of models are in `model_routes.py`, those that manage in `management_routes.py` and `upkeep_routes.py`.
"""

from typing import Any

from paddock.http import management, mcp, pulls, router, sse, streams
from paddock.http.auth import Scope
from paddock.http.front import Handler, Route
from paddock.http.management_routes import MANAGEMENT
from paddock.http.model_routes import GATEWAY
from paddock.http.ollama import generation, lists, pulling, wire
from paddock.http.surfaces import LLAMA, MCP, OLLAMA, ROUTER, Surface
from paddock.http.upkeep_routes import UPKEEP


def _end(path: str, handler: Handler, summary: str, surface: Surface, *query: str) -> Route:
    """A DELETE, after which there is nothing to be said."""
    asked, done = Scope.INFERENCE, (204,)
    return Route("DELETE", path, handler, summary, surface, asked, query=query, statuses=done)


def _ollama(path: str, handler: Handler, takes: Any, summary: str, **more: Any) -> Route:
    return Route("POST", path, handler, summary, OLLAMA, Scope.INFERENCE, takes=takes, **more)


def _ollama_list(path: str, handler: Handler, gives: Any, summary: str) -> Route:
    return Route("GET", path, handler, summary, OLLAMA, Scope.INFERENCE, gives=gives)


_REFUSED = "/api/create /api/push /api/blobs/{digest}"

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
        pulling.pull,
        wire.Named,
        "Says that it is here, or fetches it from the hub, which needs a key for management",
        streams=True,
    ),
    Route(
        "DELETE",
        "/api/delete",
        pulling.delete,
        "Remove a model that was pulled, with its files, as Ollama",
        OLLAMA,
        takes=wire.Named,
    ),
    Route(
        "POST",
        "/api/copy",
        pulling.copy,
        "Another name for a model, as Ollama",
        OLLAMA,
        takes=wire.Copied,
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
        "POST",
        "/models",
        pulls.router_pull,
        "Fetch a model from the hub, as llama.cpp's router",
        ROUTER,
        takes=router.LoadRequest,
        gives=router.Success,
    ),
    Route(
        "DELETE",
        "/models",
        pulls.router_remove,
        "Remove a model that was pulled, with its files, as llama.cpp's router",
        ROUTER,
        gives=router.Success,
        query=("model",),
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
        statuses=(200, 202),
    ),
    _end("/mcp", mcp.delete, "Ends a session: there are none", MCP),
)

ROUTES = (*GATEWAY, *MANAGEMENT, *UPKEEP, *OLLAMA_API, *LLAMA_ROUTER, *AGENTS)
