"""Translates Ollama's requests into llama-server's. Pure.

What has no counterpart is never dropped silently: each translation lists what it left out. Options
for which Ollama would reload a model (`num_ctx`, `num_gpu`…) belong to the profile here and are left
out too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec

from paddock.errors import BadRequest
from paddock.http.ollama.wire import (
    ChatMessage,
    ChatRequest,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    OllamaRequest,
)
from paddock.http.outline import Piece
from paddock.llama.samplers import FLAG_OF

CHAT, COMPLETION, INFILL = "/v1/chat/completions", "/v1/completions", "/infill"
EMBEDDINGS = "/v1/embeddings"

_OPTIONS = {name: name for name in FLAG_OF} | {"seed": "seed", "stop": "stop", "num_keep": "n_keep"}
_ENDLESS = -1  # `num_predict`: until it stops by itself
_LONGEST = 400  # letters of a duration
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_MAGIC = {
    b"iVBOR": "image/png",
    b"/9j/": "image/jpeg",
    b"R0lG": "image/gif",
    b"UklG": "image/webp",
    b"Qk0": "image/bmp",
}
_BEGIN = 16  # letters of a picture that are looked at
_PLACE = uuid4().hex  # stands for a picture in what is encoded; nobody else knows it


@dataclass(slots=True)
class EngineRequest:
    """A request for an instance: its path, its body, and what was left out of the client's."""

    path: str
    body: dict[str, Any]
    left_out: list[str] = field(default_factory=list)  # options of the client that have no effect

    def pieces(self) -> Iterator[Piece]:
        """The body as JSON; the bytes of pictures are not copied. BadRequest."""
        pictures: list[Picture] = []

        def placeholder(picture: Picture) -> str:
            pictures.append(picture)
            return _PLACE

        try:
            texts = msgspec.json.encode(self.body, enc_hook=placeholder).split(
                f'"{_PLACE}"'.encode()
            )
        except (RecursionError, UnicodeError) as error:
            raise BadRequest(f"the request body is not usable: {error}") from error
        yield texts[0]
        for picture, text in zip(pictures, texts[1:], strict=True):
            yield from picture.pieces()
            yield text


class Picture:
    """A string of base64, as it stands in the client's JSON."""

    def __init__(self, raw: msgspec.Raw) -> None:
        self._raw = raw

    def pieces(self) -> Iterator[Piece]:
        """The same as a data URL; the first letters of base64 show the kind of picture."""
        view = memoryview(self._raw)
        begin = bytes(view[:_BEGIN])
        if not begin.startswith(b'"'):
            raise BadRequest("images takes strings of base64")
        if begin.startswith(b'"data:'):
            yield view
            return
        kind = next((k for magic, k in _MAGIC.items() if begin[1:].startswith(magic)), "image/png")
        yield f'"data:{kind};base64,'.encode()
        yield view[1:]


def chat(request: ChatRequest) -> EngineRequest:
    """A chat, which is always streamed from the instance."""
    body: dict[str, Any] = {"messages": list(_turns(request.messages or ()))}
    if request.tools:
        body["tools"] = request.tools
    return _engine_request(CHAT, request, body | _manner(request))


def generate(request: GenerateRequest) -> EngineRequest:
    """A prompt: as a chat of one turn, as it stands (`raw`), or with a gap to fill (`suffix`)."""
    prompt = request.prompt or ""
    if request.suffix:
        filling = {"input_prefix": prompt, "input_suffix": request.suffix} | _grammar(request)
        return _vain(_engine_request(INFILL, request, filling), request)
    if request.raw:
        return _vain(
            _engine_request(COMPLETION, request, {"prompt": prompt} | _grammar(request)), request
        )
    turns = [ChatMessage(role="system", content=request.system)] if request.system else []
    turns.append(ChatMessage(role="user", content=prompt, images=request.images))
    return _vain(
        _engine_request(CHAT, request, {"messages": list(_turns(turns))} | _manner(request)),
        request,
    )


def embed(request: EmbedRequest) -> EngineRequest:
    """One or several texts."""
    question = EngineRequest(EMBEDDINGS, {"input": request.input, "encoding_format": "float"})
    question.left_out += ["dimensions"] if request.dimensions else []
    question.left_out += sorted(request.options or ())
    return question


def embeddings(request: EmbeddingsRequest) -> EngineRequest:
    """One text, by the older call."""
    return embed(EmbedRequest(model=request.model, input=request.prompt, options=request.options))


def seconds(keep_alive: float | str) -> float:
    """`5m`, `1h30m`, `300`, 300; negative: for ever. BadRequest on anything else."""
    if isinstance(keep_alive, int | float):
        return float(keep_alive)
    text = keep_alive.strip()
    if len(text) > _LONGEST:
        raise BadRequest(f"no keep_alive has more than {_LONGEST} letters")
    if _NUMBER.fullmatch(text):
        return float(text)
    sign, bare = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    if not bare or _DURATION.sub("", bare):
        raise BadRequest(f'keep_alive takes seconds or a duration like "10m", not {keep_alive!r}')
    return sign * sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(bare))


# ---- parts of a body ----


def _engine_request(path: str, request: OllamaRequest, body: dict[str, Any]) -> EngineRequest:
    known, left_out = dict[str, Any](), list[str]()
    for name, value in (request.options or {}).items():
        if name == "num_predict":
            known |= {"max_tokens": value, "n_predict": value} if value > _ENDLESS else {}
        elif name in _OPTIONS:
            known[_OPTIONS[name]] = value
        else:
            left_out.append(name)
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    return EngineRequest(path, body | known | streamed, sorted(left_out))


def _vain(question: EngineRequest, request: GenerateRequest) -> EngineRequest:
    question.left_out += [name for name in ("template", "context") if getattr(request, name)]
    if question.path != CHAT:
        question.left_out += [n for n in ("system", "images", "think") if getattr(request, n)]
    return question


def _manner(request: OllamaRequest) -> dict[str, Any]:
    return _form(request) | _thought(request.think) | _odds(request)


def _form(request: OllamaRequest) -> dict[str, Any]:
    """`format`: the answer's shape."""
    schema = _schema(request)
    if schema is None:
        return {}
    if request.format == "json":
        return {"response_format": {"type": "json_object"}}
    named = {"name": "format", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _grammar(request: OllamaRequest) -> dict[str, Any]:
    """The same, as llama-server's calls without messages take it."""
    schema = _schema(request)
    return {} if schema is None else {"json_schema": schema}


def _schema(request: OllamaRequest) -> dict[str, Any] | None:
    if not request.format:
        return None
    if request.format == "json":
        return {"type": "object"}
    if not isinstance(request.format, dict):
        raise BadRequest(f'format takes "json" or a JSON schema, not {request.format!r}')
    return request.format


def _thought(think: bool | str | None) -> dict[str, Any]:
    """Templates differ in what they look at: whether to think, how hard, or both."""
    if think is None or think == "":
        return {}
    kwargs: dict[str, Any] = {"enable_thinking": bool(think)}
    if isinstance(think, str):
        kwargs["reasoning_effort"] = think
    return {"chat_template_kwargs": kwargs}


def _odds(request: OllamaRequest) -> dict[str, Any]:
    if not request.logprobs:
        return {}
    return {"logprobs": True} | (
        {"top_logprobs": request.top_logprobs} if request.top_logprobs else {}
    )


# ---- turns ----


def _turns(messages: list[ChatMessage] | tuple[()]) -> Iterator[dict[str, Any]]:
    """OpenAI's messages. Ollama's tool calls have no ids: they get numbers, and are matched by name."""
    pending: list[tuple[str, str]] = []  # name and id of calls that were not answered yet
    count = 0
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": _content(message)}
        if message.thinking:
            turn["reasoning_content"] = message.thinking
        if message.tool_calls:
            calls = [_call(call, count + i) for i, call in enumerate(message.tool_calls)]
            count += len(calls)
            pending += [(call["function"]["name"], call["id"]) for call in calls]
            turn["tool_calls"] = calls
        if message.role == "tool":
            turn["tool_call_id"] = message.tool_call_id or _answered_call(
                message.tool_name, pending
            )
        yield turn


def _content(message: ChatMessage) -> Any:
    if not message.images:
        return message.content or ""
    text = [{"type": "text", "text": message.content}] if message.content else []
    return text + [{"type": "image_url", "image_url": {"url": Picture(i)}} for i in message.images]


def _call(call: dict[str, Any], number: int) -> dict[str, Any]:
    function = call.get("function") or {}
    arguments = function.get("arguments") or {}
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    named = {"name": function.get("name", ""), "arguments": text}
    return {"id": call.get("id") or f"call_{number}", "type": "function", "function": named}


def _answered_call(name: str | None, pending: list[tuple[str, str]]) -> str:
    """The id of the call that this answers: the first of its name, else the first at all."""
    found = next((one for one in pending if one[0] == name), pending[0] if pending else ("", ""))
    if found in pending:
        pending.remove(found)
    return found[1]
