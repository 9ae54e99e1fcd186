"""Routes by which clients use a model: OpenAI's, Anthropic's, llama-server's own, and the lists of models."""

from typing import Any

from paddock.api import models
from paddock.http import listing, passage, router
from paddock.http.auth import Scope
from paddock.http.front import Handler, Route
from paddock.http.gateway import generate
from paddock.http.surfaces import ANTHROPIC, LLAMA, OPENAI, RESPONSES, UPSTREAM, Surface


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
