"""The dialects of the gateway: how each API says "wait" and "no" to its own clients.

Sources: the server-sent events standard (lines that begin with `:` are comments), Anthropic's
streaming reference (`ping`, `error`), OpenAI's Responses reference (`error`, `response.failed`).

What the clients of these APIs do with a "no" was measured with the programs themselves, and is in
docs/clients.md: after any 5xx, and most of 4xx, they ask again, whatever `x-should-retry` says. Only
400 ends the turn in all of them, and inside a stream an error of type `invalid_request_error`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from paddock.api.types import Progress
from paddock.errors import InstanceHangs, NodeLost, PaddockError, UpstreamGone
from paddock.http import errors

_FINAL = "invalid_request_error"  # the type of an error after which nobody asks again
_BROKEN = {
    UpstreamGone.code,
    NodeLost.code,
    InstanceHangs.code,
}  # asked again at once: nothing is waited for


@dataclass(frozen=True, slots=True)
class Surface:
    """One API's way of speaking."""

    name: str  # the label in metrics and logs
    shape: errors.Shape  # an error as a JSON document
    beat: Callable[[str], bytes]  # a sign of life while a streaming client waits
    event: Callable[[bytes], bytes]  # an error document as the last event of a stream
    translates: bool = False  # llama-server's own errors are in another shape than this API's
    gap: bytes = b"\n\n"  # what ends an event of a stream
    final: int | None = (
        None  # the status that ends a turn, in place of a 5xx that waiting never mends
    )
    in_events: bool = False  # who accepts nothing but events is refused by one: see `refusing.py`

    def status(self, error: PaddockError, status: int) -> int:
        """The status with which clients of this API hear of the error that has this one."""
        mends = error.passes_in is not None
        return status if self.final is None or status < 500 or mends else self.final


def describe(profile: str, progress: Progress) -> str:
    """What a waiting client reads: `loading glm-flash-q4 42%`."""
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


def _chunk_error(document: bytes) -> bytes:
    """In a chat's stream: litellm (aider) recognizes a final error only by this word in its message."""
    reply = msgspec.json.decode(document)
    error = reply["error"]
    if error["type"] == _FINAL:
        error["message"] += f" [{_FINAL}]"
    return _data(msgspec.json.encode(reply))


def _error_event(document: bytes) -> bytes:
    return b"event: error\ndata: " + document + b"\n\n"


def _responses_error(document: bytes) -> bytes:
    """Flat, as the reference has it, with `error` besides: the Python client looks for that, and stops.

    Codex (0.171) does not know this event. It ends its turn at a `response.failed` with the code
    `invalid_prompt`; at `rate_limit_exceeded` it waits as long as the message says, five times at most,
    and shows it; after any other it asks again soon.
    """
    error = msgspec.json.decode(document)["error"]
    flat = {"type": "error", "sequence_number": 0, "param": error.get("param")}
    flat |= {"code": error.get("code"), "message": error.get("message"), "error": error}
    failure = {"code": "invalid_prompt", "message": error["message"]}
    if (seconds := error.get("retry_after")) is not None and seconds <= errors.SOON:
        failure["code"] = "server_error"
        if error.get("code") not in _BROKEN:
            failure["code"] = "rate_limit_exceeded"
            failure["message"] += f". Please try again in {seconds}s."
    response = {"id": "", "object": "response", "status": "failed", "output": [], "error": failure}
    failed = {"type": "response.failed", "sequence_number": 1, "response": response}
    return (
        _error_event(msgspec.json.encode(flat))
        + b"event: response.failed\n"
        + _data(msgspec.json.encode(failed))
    )


def _line(document: bytes) -> bytes:
    return document


OPENAI = Surface("openai", errors.openai, _comment, _chunk_error, final=400)
RESPONSES = Surface(
    "responses", errors.responses, _keepalive, _responses_error, final=400, in_events=True
)
ANTHROPIC = Surface("anthropic", errors.anthropic, _ping, _error_event, translates=True, final=400)
LLAMA = Surface("llama", errors.llama, _comment, _data)
UPSTREAM = Surface("upstream", errors.llama, _comment, _data)
OLLAMA = Surface("ollama", errors.ollama, _comment, _line, translates=True, gap=b"\n")
ROUTER = Surface("router", errors.llama, _comment, _data)
WRAPPER = Surface("wrapper", errors.wrapper, _comment, _line)
MCP = Surface("mcp", errors.rpc, _comment, _data)
MANAGEMENT = Surface("management", errors.management, _comment, _error_event)
