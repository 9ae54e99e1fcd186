"""The Model Context Protocol's messages, parsed and written, and the tools described. No I/O.

Both the daemon (`http/mcp.py`) and the bridge of the command line import it, so that the bridge can
say what there is before a daemon runs. Source: modelcontextprotocol.io, revisions 2024-11-05 to
2025-11-25. Problems are values here: JSON-RPC has numbers of its own for them.
"""

from typing import Any

import msgspec

import paddock
from paddock.api.mcp_tools import TOOLS
from paddock.errors import BadRequest, PaddockError

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")  # the newest first
_BATCHES = ("2025-03-26", "2024-11-05")  # 2025-06-18 took them away
ASSUMED = "2025-03-26"  # of an HTTP request without a version, says 2025-06-18

PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
REFUSED = -32000  # ours: not allowed, or the daemon cannot do it
UNSUPPORTED_VERSION = -32022

_INSTRUCTIONS = (
    "Paddock keeps local llama.cpp models behind one address and loads the one that is asked for. "
    "Only some fit into memory together, so that asking one may unload another, and loading takes "
    "seconds to minutes. `list_models` says what there is and what is loaded; prefer what is `ready`."
)

Id = str | int


class RpcRequest(msgspec.Struct, frozen=True):
    """A message that expects a reply."""

    id: Id
    method: str
    params: dict[str, Any] = {}


class RpcNotification(msgspec.Struct, frozen=True):
    """A message without a reply; a client's reply to us counts as one without a method."""

    method: str = ""
    params: dict[str, Any] = {}


class Refusal(msgspec.Struct, frozen=True):
    """What is wrong with a message."""

    code: int
    message: str
    id: Id | None = None
    data: dict[str, Any] | None = None


class ToolCall(msgspec.Struct, frozen=True):
    """A tool that exists, its arguments as they came, and where progress is wanted."""

    tool: str
    arguments: dict[str, Any]
    progress_token: Id | None = None


Message = RpcRequest | RpcNotification | Refusal


class _Raw(msgspec.Struct):
    jsonrpc: str
    method: str | None = None
    id: Id | None = None
    params: dict[str, Any] = {}


def read(content: bytes | str, version: str = VERSIONS[0]) -> Message | list[Message]:
    """One message, or several where the version has batches."""
    try:
        raw = msgspec.json.decode(_without_mark(content))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Refusal(PARSE_ERROR, f"this is not JSON: {error}")
    if not isinstance(raw, list):
        return _message(raw)
    if version not in _BATCHES or not raw:
        return Refusal(INVALID_REQUEST, f"version {version} has no batches of messages")
    return [_message(one) for one in raw]


def _without_mark(content: bytes | str) -> bytes | str:
    """A byte order mark is none of JSON, but some write one."""
    if isinstance(content, bytes):
        return content.removeprefix(b"\xef\xbb\xbf")
    return content.removeprefix("\ufeff")


def _message(raw: Any) -> Message:
    try:
        found = msgspec.convert(raw, _Raw)
    except msgspec.ValidationError as error:
        return Refusal(INVALID_REQUEST, f"this is not a JSON-RPC message: {error}", _id_of(raw))
    if found.jsonrpc != "2.0":
        return Refusal(INVALID_REQUEST, f"jsonrpc is {found.jsonrpc!r}, not '2.0'", found.id)
    if found.method is None:  # a reply: we ask clients nothing
        return RpcNotification()
    if found.id is None:
        return RpcNotification(found.method, found.params)
    return RpcRequest(found.id, found.method, found.params)


def _id_of(raw: Any) -> Id | None:
    number = raw.get("id") if isinstance(raw, dict) else None
    return number if isinstance(number, str | int) else None


def checked(request: RpcRequest, version: str) -> Refusal | None:
    """The refusal of an unknown version; None for a known one, and for `initialize`, which agrees on it."""
    if version in VERSIONS or request.method == "initialize":
        return None
    versions = {"supported": list(VERSIONS), "requested": version}
    return Refusal(
        UNSUPPORTED_VERSION, f"protocol version {version} is not spoken here", request.id, versions
    )


def answer(request: RpcRequest) -> dict[str, Any] | Refusal | None:
    """The result where no daemon is needed for it; None for a call of a tool."""
    match request.method:
        case "initialize":
            return _welcome(request.params.get("protocolVersion"))
        case "ping":
            return {}
        case "tools/list":
            return {"tools": [tool.listed() for tool in TOOLS.values()]}
        case "tools/call":
            return None
        case unknown:
            return Refusal(UNKNOWN_METHOD, f"there is no method {unknown!r} here", request.id)


def _welcome(wanted: object) -> dict[str, Any]:
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "paddock", "title": "Paddock", "version": paddock.__version__},
        "instructions": _INSTRUCTIONS,
    }


def call_of(request: RpcRequest) -> ToolCall | Refusal:
    """The tool that is called; its arguments are not checked yet."""
    tool, arguments = request.params.get("name"), request.params.get("arguments") or {}
    if not isinstance(tool, str) or tool not in TOOLS:
        known = ", ".join(TOOLS)
        return Refusal(INVALID_PARAMS, f"unknown tool: {tool} (there are {known})", request.id)
    if not isinstance(arguments, dict):
        return Refusal(INVALID_PARAMS, "the arguments are no object", request.id)
    return ToolCall(tool, arguments, _token(request.params))


def arguments_of(call: ToolCall) -> Any:
    """The arguments as the tool's own type. Raises BadRequest, which a model may act on."""
    try:
        return msgspec.convert(call.arguments, TOOLS[call.tool].takes)
    except msgspec.ValidationError as error:
        raise BadRequest(f"the arguments of {call.tool} are not usable: {error}") from error


def _token(params: dict[str, Any]) -> Id | None:
    meta = params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    return token if isinstance(token, str | int) else None


def done(given: Any, text: str | None = None) -> dict[str, Any]:
    """A tool's result; its text is the JSON unless one is given."""
    shown = text if text is not None else msgspec.json.encode(given).decode()
    content = [{"type": "text", "text": shown}]
    return {
        "content": content,
        "structuredContent": msgspec.to_builtins(given),
        "isError": False,
    }


def failed(error: PaddockError) -> dict[str, Any]:
    """A tool's result that says why not: message, hint, log lines, and the code for programs."""
    hint = [f"hint: {error.hint}"] if error.hint else []
    text = "\n".join([f"{error.message} ({error.code})", *hint, *error.detail])
    return {"content": [{"type": "text", "text": text}], "isError": True}


def reply(request_id: Id, result: dict[str, Any]) -> bytes:
    """A result on the wire, in one line."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def refused(refusal: Refusal) -> bytes:
    """A refusal on the wire."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.data is not None:
        error["data"] = refusal.data
    return msgspec.json.encode({"jsonrpc": "2.0", "id": refusal.id, "error": error})


def progress(token: Id, value: float, total: float | None, message: str) -> bytes:
    """A sign of progress; `value` must be greater than in the one before."""
    params: dict[str, Any] = {"progressToken": token, "progress": value, "message": message}
    if total is not None:
        params["total"] = total
    notification = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
    return msgspec.json.encode(notification)


def cancelled_id(notice: RpcNotification) -> Id | None:
    """The id of the request that the client cancels, if it says so."""
    if notice.method != "notifications/cancelled":
        return None
    number = notice.params.get("requestId")
    return number if isinstance(number, str | int) else None
