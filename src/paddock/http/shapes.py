"""How each API says no, as types: what `openapi.json` promises of `errors.py`, checked by a test.

llama-server's own refusals, which are relayed as they are, fit too: they lack what is ours.
"""

from typing import Any

import msgspec

from paddock.api.types import ErrorBody


class _Reason(msgspec.Struct, kw_only=True):
    """What every refusal of ours has beside its API's own fields."""

    message: str
    hint: str | msgspec.UnsetType = msgspec.UNSET
    log: list[str] | msgspec.UnsetType = msgspec.UNSET  # the last lines of an instance that failed
    retry_after: int | msgspec.UnsetType = msgspec.UNSET  # seconds; absent: asking again is in vain


class OpenAIReason(_Reason, kw_only=True):
    type: str  # `invalid_request_error`: asking again is in vain
    code: str | int | None  # ours is a text of docs/api.md; llama-server's own is the HTTP status
    param: str | None = None


class OpenAIError(msgspec.Struct, kw_only=True):
    """OpenAI's, of chats, responses and embeddings."""

    error: OpenAIReason


class AnthropicReason(_Reason, kw_only=True):
    type: str  # `overloaded_error`: asking again may help
    code: str


class AnthropicError(msgspec.Struct, kw_only=True, tag="error"):
    error: AnthropicReason


class LlamaReason(_Reason, kw_only=True):
    code: int  # the HTTP status
    type: str
    reason: str | msgspec.UnsetType = msgspec.UNSET  # our code


class LlamaError(msgspec.Struct, kw_only=True):
    """llama-server's own, and its router's."""

    error: LlamaReason


class OllamaError(msgspec.Struct, kw_only=True):
    """Ollama's: a text."""

    error: str
    code: str
    hint: str | msgspec.UnsetType = msgspec.UNSET
    log: list[str] | msgspec.UnsetType = msgspec.UNSET
    retry_after: int | msgspec.UnsetType = msgspec.UNSET  # seconds


class RpcReason(msgspec.Struct, kw_only=True):
    code: int
    message: str
    data: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET  # `reason`: our code; `status`: HTTP's


class RpcError(msgspec.Struct, kw_only=True):
    """JSON-RPC's."""

    jsonrpc: str
    id: str | int | None
    error: RpcReason


OF_SURFACE: dict[str, type[msgspec.Struct]] = {
    "openai": OpenAIError,
    "responses": OpenAIError,
    "anthropic": AnthropicError,
    "llama": LlamaError,
    "upstream": LlamaError,
    "router": LlamaError,
    "ollama": OllamaError,
    "wrapper": OllamaError,
    "mcp": RpcError,
    "management": ErrorBody,
}
