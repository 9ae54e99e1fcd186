"""The documents of Ollama's API, as far as somebody sends or reads them. Durations in nanoseconds."""

from typing import Any

import msgspec


class ChatMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One turn. `images`: strings of base64, not decoded, as they may be large; a tool call's `arguments` are an object, not a text."""

    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[msgspec.Raw] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class OllamaRequest(msgspec.Struct, kw_only=True):
    """What chat and generate have in common."""

    model: str | None = None
    stream: bool | None = True
    format: Any = None  # `json`, or a JSON schema
    options: dict[str, Any] | None = None
    keep_alive: float | str | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class ChatRequest(OllamaRequest, kw_only=True):
    """Body of /api/chat; without messages it loads or unloads."""

    messages: list[ChatMessage] | None = None
    tools: list[dict[str, Any]] | None = None


class GenerateRequest(OllamaRequest, kw_only=True):
    """Body of /api/generate; without a prompt it loads or unloads."""

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    images: list[msgspec.Raw] | None = None


class EmbedRequest(msgspec.Struct, kw_only=True):
    """Body of /api/embed."""

    model: str | None = None
    input: str | list[str] = ""
    truncate: bool | None = None
    dimensions: int | None = None
    options: dict[str, Any] | None = None
    keep_alive: float | str | None = None


class EmbeddingsRequest(msgspec.Struct, kw_only=True):
    """Body of /api/embeddings, the older call."""

    model: str | None = None
    prompt: str = ""
    options: dict[str, Any] | None = None
    keep_alive: float | str | None = None


class Named(msgspec.Struct, kw_only=True):
    """Body of show, pull and their like; older clients say `name`."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = True

    @property
    def wanted(self) -> str | None:
        return self.model or self.name


class Copied(msgspec.Struct, kw_only=True):
    """Body of /api/copy."""

    source: str = ""
    destination: str = ""


class Details(msgspec.Struct, kw_only=True):
    """What a model is made of."""

    parent_model: str = ""
    format: str = "gguf"
    family: str
    families: list[str]
    parameter_size: str  # `7.6B`
    quantization_level: str
    context_length: int | None = None


class Tag(msgspec.Struct, kw_only=True):
    """A model in the list."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: list[str]


class RunningModel(msgspec.Struct, kw_only=True):
    """A loaded model."""

    name: str
    model: str
    size: int
    digest: str
    details: Details
    expires_at: str
    size_vram: int
    context_length: int | None = None


class Tags(msgspec.Struct):
    """The reply to /api/tags."""

    models: list[Tag]


class Processes(msgspec.Struct):
    """The reply to /api/ps."""

    models: list[RunningModel]


class Shown(msgspec.Struct, kw_only=True):
    """The reply to /api/show."""

    modelfile: str
    parameters: str
    template: str
    details: Details
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class Version(msgspec.Struct):
    """The reply to /api/version: of the API that is spoken."""

    version: str = "0.32.0"
