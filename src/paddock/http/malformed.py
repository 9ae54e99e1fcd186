"""Replies to requests that reach no handler: which API was meant, what was wrong, in its own shape.

A request that cannot be parsed names no route. The path in its first line still shows which API its
client speaks, and each client understands refusals in the shape of that API only.
"""

from http import HTTPStatus
from itertools import groupby
from urllib.parse import urlsplit

from aiohttp import http_exceptions, web

from paddock.errors import (
    BadRequest,
    HeadTooLarge,
    InternalFault,
    NoSuchThing,
    PaddockError,
)
from paddock.http import errors, refusing
from paddock.http.routes import ROUTES
from paddock.http.surfaces import LLAMA, Surface

_LINES = 100  # of a head that are looked at
_SHOWN = 200  # letters of a path that are repeated to its sender, or written to the log


def surface_of(target: str) -> Surface:
    """The API that this target of a request belongs to; llama.cpp's where none is known."""
    path = _path(target)
    fitting = (prefix for prefix in _PREFIXES if path.startswith(prefix))
    longest = max(fitting, key=len, default="")
    return _PREFIXES.get(longest, LLAMA)


def target_of(head: bytes) -> str:
    """The target in the first line of what a client sent, "" where it has none."""
    words = head[:_SHOWN].split(b"\n", 1)[0].split(b" ")
    return words[1].strip().decode("latin-1") if len(words) > 1 else ""


def reason(error: BaseException | None) -> PaddockError:
    """Why a request is refused that broke below the handlers, or in one of them.

    Never in aiohttp's words: they quote what was sent, which may be a key.
    """
    match error:
        case PaddockError():
            return error
        case http_exceptions.LineTooLong():
            return HeadTooLarge(
                "a line of the request's head is too long",
                hint="the target and each header may have 8,190 bytes",
            )
        case http_exceptions.BadHttpMethod() if "HTTPS" in str(error):
            return BadRequest("this address speaks HTTP, not HTTPS", hint="write http://")
        case http_exceptions.HttpProcessingError() | web.RequestPayloadError():
            return BadRequest("the request is not well-formed HTTP")
        case web.HTTPNotFound() | web.HTTPMethodNotAllowed():
            return NoSuchThing("there is nothing of this name here")
        case web.HTTPException(status=status) if status < 500:
            return BadRequest(f"the request cannot be served: {error.reason}")
        case _:
            return InternalFault(
                "Paddock failed to answer this request; the fault is its own",
                hint="the daemon's log says where it happened: paddock logs daemon",
            )


def is_ours(error: BaseException | None) -> bool:
    """Whether it is a fault of this program, and not of what was sent to it."""
    return isinstance(reason(error), InternalFault)


def accepted_in(head: bytes) -> str | None:
    """What a client accepts, by as much as is here of its request's head."""
    lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:_LINES]
    named = (line.partition(b":") for line in lines)
    found = (value for name, _, value in named if name.lower() == b"accept")
    return next((value.strip().decode("latin-1") for value in found), None)


def raw(error: PaddockError, surface: Surface, accept: str | None = None) -> bytes:
    """The whole reply as it goes over the line, for a connection that serves nothing further."""
    if refusing.is_of_events(surface, accept):
        response = refusing.to_a_reader_of_events(error, surface)
    else:
        response = errors.refusal(error, surface.shape)
    content = response.body if isinstance(response.body, bytes) else b""
    lines = (
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
        f"Content-Length: {len(content)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + content


def shown(text: str) -> str:
    """What came from outside, short enough for a line of the log."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _path(target: str) -> str:
    """Of `/path?query`, or of a proxy's `http://host/path`."""
    bare = target.partition("?")[0]
    if bare.startswith("/"):
        return bare
    try:
        return urlsplit(bare).path
    except ValueError:
        return bare


def _prefixes() -> dict[str, Surface]:
    """The fixed part of each route, and each first segment under which there is one API only."""
    known = {route.path.partition("{")[0]: route.surface for route in ROUTES if route.path != "/"}
    by_segment = groupby(sorted(known), key=lambda prefix: prefix.split("/")[1])
    for segment, prefixes in by_segment:
        surfaces = {known[prefix].name: known[prefix] for prefix in prefixes}
        if len(surfaces) == 1:
            known[f"/{segment}"] = next(iter(surfaces.values()))
    return known


_PREFIXES = _prefixes()
