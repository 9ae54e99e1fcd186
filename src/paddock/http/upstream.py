"""Asking an instance: which headers go there and come back, and how its end is noticed.

Sources: RFC 9110 section 7.6.1 (hop-by-hop fields). llama-server reflects any Origin in its
`access-control-*`, so these are ours to say, never its.
"""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from paddock.errors import BadRequest, UpstreamGone
from paddock.http.content import Content, Spooled

if TYPE_CHECKING:
    from paddock.daemon.instances.endpoint import Endpoint

# What llama-server reads. Never a key, a cookie, an origin or a forwarded address.
REQUEST_HEADERS = (
    "Content-Type",
    "Accept",
    "X-Conversation-Id",
    "Anthropic-Version",
    "Anthropic-Beta",
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "Last-Event-ID",
)
_DROPPED = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "server",
        "date",
        "set-cookie",
    )
)
_OURS = {"User-Agent": "paddock", "Accept-Encoding": "identity"}  # else aiohttp adds its own
_SLICE = 1 << 16
_IN_ONE_PIECE = 1 << 18  # bytes; a larger body is handed over slice by slice, with back-pressure


Body = Content | None


def request_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a client's request that an instance may see. BadRequest."""
    seen = _OURS.copy()
    for name in REQUEST_HEADERS:
        if (value := headers.get(name)) is not None:
            if not value.isascii():
                _check_letters(name, value)
            seen[name] = value
    return seen


def _check_letters(name: str, value: str) -> None:
    """aiohttp sends headers as UTF-8, and cannot send on what was none when it came."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"the header {name} is neither ASCII nor UTF-8") from error


def reply_headers(upstream: aiohttp.ClientResponse, endpoint: "Endpoint") -> CIMultiDict[str]:
    """The headers of an instance's reply that a client may see, and who gave it."""
    headers = CIMultiDict(
        (name, value)
        for name, value in upstream.headers.items()
        if (low := name.lower()) not in _DROPPED and not low.startswith("access-control-")
    )
    headers.update(names(endpoint))
    return headers


def names(endpoint: "Endpoint") -> dict[str, str]:
    """Who answered, for every reply."""
    return {"x-paddock-profile": endpoint.profile, "x-paddock-instance": endpoint.instance}


async def ask(
    endpoint: "Endpoint", method: str, path: str, headers: dict[str, str], body: Body
) -> aiohttp.ClientResponse:
    """Send, and return when the reply's headers are there; UpstreamGone if none come.

    A pooled connection may be closed by llama-server (idle for 5 s, or after 100 requests) in the
    moment of being used; then, and only before a byte of reply, it is asked once more.
    """
    if endpoint.session.closed:  # it is being stopped; aiohttp would raise RuntimeError
        raise gone(endpoint, ConnectionError("it is being stopped"))
    try:
        return await _send(endpoint, method, path, headers, body)
    except aiohttp.ClientConnectorError as error:
        raise gone(endpoint, error) from error
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        pass
    except (aiohttp.ClientError, OSError) as error:
        raise gone(endpoint, error) from error
    try:
        return await _send(endpoint, method, path, headers, body)
    except (aiohttp.ClientError, OSError) as error:
        raise gone(endpoint, error) from error


async def _send(
    endpoint: "Endpoint", method: str, path: str, headers: dict[str, str], body: Body
) -> aiohttp.ClientResponse:
    data, length = _data(body)
    if length is not None:
        headers = headers | {"Content-Length": str(length)}
    return await endpoint.session.request(
        method,
        URL(endpoint.base_url + path, encoded=True),
        headers=headers,
        data=data,
        allow_redirects=False,
    )


def _data(body: Body) -> tuple[Any, int | None]:
    """The body for aiohttp, and its length where aiohttp could not tell it."""
    if isinstance(body, Spooled):
        return body.slices(), len(body)
    if body is not None and len(body) > _IN_ONE_PIECE:
        return _slices(body), len(body)
    return body, None


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _SLICE):
        yield body[start : start + _SLICE]


async def some(reply: aiohttp.ClientResponse, endpoint: "Endpoint") -> bytes:
    """What has come of the reply's body, at least a byte; empty at its end, UpstreamGone if torn."""
    try:
        return await reply.content.readany()
    except (aiohttp.ClientError, OSError) as error:
        raise gone(endpoint, error) from error


async def whole(reply: aiohttp.ClientResponse, endpoint: "Endpoint") -> bytes:
    """The rest of the reply's body; UpstreamGone if torn."""
    try:
        return await reply.read()
    except (aiohttp.ClientError, OSError) as error:
        raise gone(endpoint, error) from error


def gone(endpoint: "Endpoint", error: Exception) -> UpstreamGone:
    """The instance behind `endpoint` closed the connection, or was not there."""
    torn = isinstance(error, aiohttp.ClientPayloadError)  # its text tells of aiohttp's parser
    why = "its reply broke off" if torn else str(error) or "no reply"
    return UpstreamGone(
        f"the instance {endpoint.instance} of {endpoint.profile} went away: {why}",
        hint=f"its log says more: paddock logs {endpoint.instance}",
    )
