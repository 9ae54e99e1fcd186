"""The dialects of the gateway: how each API says "wait" and "no" to its own clients.

Sources: the server-sent events standard (lines that begin with `:` are comments), Anthropic's
streaming reference (`ping`, `error`), OpenAI's Responses reference (`error`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from paddock.api.types import Progress
from paddock.http import errors


@dataclass(frozen=True, slots=True)
class Surface:
    """One API's way of speaking."""

    name: str  # the label in metrics and logs
    shape: errors.Shape  # an error as a JSON document
    beat: Callable[[str], bytes]  # a sign of life while a streaming client waits
    event: Callable[[bytes], bytes]  # an error document as the last event of a stream
    translates: bool = False  # llama-server's own errors are in another shape than this API's
    gap: bytes = b"\n\n"  # what ends an event of a stream


def describe(profile: str, progress: Progress) -> str:
    """What a waiting client is told: `loading glm-flash-q4 42%`."""
    done = "" if progress.fraction is None else f" {progress.fraction:.0%}"
    return f"{progress.stage} {profile}{done}"


def _comment(text: str) -> bytes:
    return f": {text}\n\n".encode()


def _ping(text: str) -> bytes:
    return f': {text}\nevent: ping\ndata: {{"type": "ping"}}\n\n'.encode()


def _keepalive(text: str) -> bytes:
    """OpenAI's own event for this: Codex counts events only, and gives up on a stream of comments."""
    return (
        f': {text}\nevent: keepalive\ndata: {{"type":"keepalive","sequence_number":0}}\n\n'.encode()
    )


def _data(document: bytes) -> bytes:
    return b"data: " + document + b"\n\n"


def _error_event(document: bytes) -> bytes:
    return b"event: error\ndata: " + document + b"\n\n"


def _responses_error(document: bytes) -> bytes:
    """Flat, as the reference has it, with `error` besides: the Python client looks for that."""
    error = msgspec.json.decode(document)["error"]
    flat = {"type": "error", "sequence_number": 0, "param": error.get("param")}
    flat |= {"code": error.get("code"), "message": error.get("message"), "error": error}
    return _error_event(msgspec.json.encode(flat))


def _line(document: bytes) -> bytes:
    return document


OPENAI = Surface("openai", errors.openai, _comment, _data)
RESPONSES = Surface("responses", errors.openai, _keepalive, _responses_error)
ANTHROPIC = Surface("anthropic", errors.anthropic, _ping, _error_event, translates=True)
LLAMA = Surface("llama", errors.llama, _comment, _data)
UPSTREAM = Surface("upstream", errors.llama, _comment, _data)
OLLAMA = Surface("ollama", errors.ollama, _comment, _line, translates=True, gap=b"\n")
ROUTER = Surface("router", errors.llama, _comment, _data)
MCP = Surface("mcp", errors.rpc, _comment, _data)
MANAGEMENT = Surface("management", errors.management, _comment, _error_event)
