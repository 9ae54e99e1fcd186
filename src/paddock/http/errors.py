"""Refusals as each API's own clients expect them: one error in, JSON in one of five shapes out.

The only place where a `PaddockError` becomes HTTP. Sources of the shapes: OpenAI's and Anthropic's
API references, and `format_error_response` of llama-server.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from paddock.api import mcp
from paddock.api.types import ErrorBody, Failure
from paddock.errors import PaddockError, RequestTimeout, Unauthorized, UnknownCoding
from paddock.http import coding

Shape = Callable[[PaddockError, int], bytes]  # the error and its HTTP status -> a JSON document

_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
_LLAMA_TYPES = _OPENAI_TYPES | {501: "not_supported_error", 503: "unavailable_error"}


SOON = 300.0  # seconds that a program may well wait


class EngineRefusedError(PaddockError):
    """llama-server itself refused; its words, to be said in another API's shape."""

    code = "engine_refused"


def status_of(code: str) -> int:
    """The HTTP status that belongs to an error code, 502 for one that is not ours."""
    return _STATUS.get(code, 502)


def failure_of(error: PaddockError) -> Failure:
    """The error as the management API and the events carry it."""
    return Failure(code=error.code, message=error.message, hint=error.hint, log=list(error.detail))


def openai(error: PaddockError, status: int) -> bytes:
    """`{"error": {"message", "type", "code", "param"}}` and, beside them, our hint and log lines."""
    body = {
        "message": _sentence(error),
        "type": _type(_OPENAI_TYPES, status, "server_error"),
        "code": error.code,
        "param": "model" if error.code.startswith("model_") else None,
    }
    return msgspec.json.encode({"error": body | _extras(error)})


def responses(error: PaddockError, status: int) -> bytes:
    """OpenAI's without log lines: Codex shows the whole document, to people."""
    short = type(error)(error.message, hint=error.hint)
    short.passes_in = error.passes_in
    return openai(short, status)


def llama(error: PaddockError, status: int) -> bytes:
    """llama-server's own: `code` is the HTTP status; ours is `reason`."""
    body = {
        "code": status,
        "message": _sentence(error),
        "type": _type(_LLAMA_TYPES, status, "server_error"),
        "reason": error.code,
    }
    return msgspec.json.encode({"error": body | _extras(error)})


def anthropic(error: PaddockError, status: int) -> bytes:
    """`{"type": "error", "error": {"type", "message"}}` and our code, hint and log lines."""
    passes = error.passes_in is not None  # Claude Code asks again for the one, never for the other
    body = {
        "type": _type(_ANTHROPIC_TYPES, status, "overloaded_error" if passes else "api_error"),
        "message": _sentence(error),
        "code": error.code,
    }
    return msgspec.json.encode({"type": "error", "error": body | _extras(error)})


def ollama(error: PaddockError, status: int) -> bytes:
    """`{"error": "…"}`, a line of its own; our code, hint and log lines beside it."""
    body = {"error": _sentence(error), "code": error.code} | _extras(error)
    return msgspec.json.encode(body) + b"\n"


def wrapper(error: PaddockError, status: int) -> bytes:
    """A hand-made wrapper's: `{"error": "…"}`, our code, hint and log lines beside it."""
    return ollama(error, status)


def rpc(error: PaddockError, status: int) -> bytes:
    """JSON-RPC's, for what is refused before any message was read."""
    data = {"reason": error.code, "status": status} | _when(error)
    return mcp.refused(mcp.Refusal(mcp.REFUSED, _sentence(error), data=data))


def management(error: PaddockError, status: int) -> bytes:
    """`ErrorBody` of the contract, whatever the status."""
    return msgspec.json.encode(ErrorBody(error=failure_of(error)))


def refusal(error: PaddockError, shape: Shape, status: int | None = None) -> web.Response:
    """The whole reply that says no, to a client that has heard nothing yet."""
    status = status or error.status
    return web.Response(
        status=status,
        body=shape(error, status),
        content_type="application/json",
        headers=advice(error),
    )


def engine_refusal(body: bytes) -> EngineRefusedError:
    """What llama-server says in its error reply; the bare text where it is not its usual JSON."""
    try:
        return EngineRefusedError(str(msgspec.json.decode(body)["error"]["message"]))
    except (msgspec.DecodeError, KeyError, TypeError):
        return EngineRefusedError(
            body[:2000].decode(errors="replace") or "llama-server gave no reason"
        )


def late(what: str, setting: str, seconds: float) -> RequestTimeout:
    """Something of a request did not come in time; the setting that says how long is waited."""
    return RequestTimeout(
        f"{what} did not come within {seconds:g} s",
        hint=f"{setting} in paddock.toml sets the limit",
    )


def _sentence(error: PaddockError) -> str:
    """The message with its hint: many clients show nothing else."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _type(types: Mapping[int, str], status: int, otherwise: str) -> str:
    return types.get(status) or ("invalid_request_error" if status < 500 else otherwise)


def _extras(error: PaddockError) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if error.hint:
        extras["hint"] = error.hint
    if error.detail:
        extras["log"] = list(error.detail)
    return extras | _when(error)


def _when(error: PaddockError) -> dict[str, int]:
    """What `Retry-After` says, for those who hear of it inside a reply."""
    return {} if error.passes_in is None else {"retry_after": round(error.passes_in)}


def advice(error: PaddockError) -> dict[str, str]:
    """Headers: whether to ask again, and when, which the libraries of OpenAI and Anthropic heed."""
    if error.passes_in is not None:
        later = {"retry-after": str(round(error.passes_in))}
        # Libraries take no notice of a long time, and ask again after some seconds.
        return later if error.passes_in <= SOON else later | {"x-should-retry": "false"}
    more = {"www-authenticate": "Bearer"} if isinstance(error, Unauthorized) else {}
    more |= {"accept-encoding": coding.ACCEPTED} if isinstance(error, UnknownCoding) else {}
    return {"x-should-retry": "false", **more}


def _family(error: type[PaddockError]) -> list[type[PaddockError]]:
    return [error, *(child for sub in error.__subclasses__() for child in _family(sub))]


_STATUS = {error.code: error.status for error in _family(PaddockError)}
