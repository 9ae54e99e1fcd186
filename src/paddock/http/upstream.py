"""Asking an instance: which headers go there and come back, and how its end is noticed.

Sources: RFC 9110 section 7.6.1 (hop-by-hop fields). llama-server reflects any Origin in its
`access-control-*`, so these are ours to say, never its.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict, istr

from paddock.errors import BadRequest, UpstreamGone
from paddock.http.client_link import link_of
from paddock.http.content import Content
from paddock.http.own_replies import head_of
from paddock.llama.reply import Outlet, Reply

if TYPE_CHECKING:
    from paddock.daemon.instances.endpoint import Endpoint

# What llama-server reads. Never a key, a cookie, an origin or a forwarded address.
REQUEST_HEADERS = tuple(
    istr(name)
    for name in (
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
_PROFILE, _INSTANCE = istr("x-paddock-profile"), istr("x-paddock-instance")
_OURS = {"User-Agent": "paddock", "Accept-Encoding": "identity"}

Body = Content | None


def request_headers(request: web.Request) -> Mapping[str, str]:
    """The headers of a client's request that an instance may see. BadRequest."""
    memo = link_of(request).memo
    if memo.upstream is None:
        memo.upstream = _seen_by_instance(request.headers)
    return memo.upstream


def _seen_by_instance(headers: Mapping[str, str]) -> Mapping[str, str]:
    seen = _OURS.copy()
    for name in REQUEST_HEADERS:
        if (value := headers.get(name)) is not None:
            if not value.isascii():
                _check_letters(name, value)
            seen[name] = value
    return seen


def _check_letters(name: str, value: str) -> None:
    """Headers are sent as UTF-8; what was none when it came cannot be sent on."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"the header {name} is neither ASCII nor UTF-8") from error


def reply_headers(reply: Reply, profile: str, instance: str) -> CIMultiDict[str]:
    """The headers of an instance's reply that a client may see, and who gave it."""
    return _seen(reply.headers, profile, instance)


def _seen(lines: Iterable[tuple[bytes, bytes]], profile: str, instance: str) -> CIMultiDict[str]:
    headers = passed_headers(lines)
    headers[_PROFILE], headers[_INSTANCE] = profile, instance
    return headers


def passed_headers(lines: Iterable[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    """What of a reply's headers is for whoever asked, not for this connection alone."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in lines:
        if (shown := _shown(name)) is not None:
            headers.add(shown, value.decode("utf-8", "surrogateescape"))
    return headers


def reply_head(
    reply: Reply, profile: str, instance: str, ours: Mapping[str, str], *, steady: bool
) -> bytes:
    """The head of a reply as `own_replies.head_of` has it, with the headers that are `ours` as well.

    `steady`: nobody on the way is to hold it back.
    """
    return _reply_head(reply.status, reply.same, profile, instance, tuple(ours.items()), steady)


@lru_cache(maxsize=16)  # few, as one may be long; the replies of an instance hardly differ
def _reply_head(  # positional: found in half the time
    status: int,
    lines: tuple[tuple[bytes, bytes], ...],
    profile: str,
    instance: str,
    ours: tuple[tuple[str, str], ...],
    steady: bool,
) -> bytes:
    headers = _seen(lines, profile, instance)
    headers.update(ours)
    if steady:
        steadied(headers)
    return head_of(status, headers)


def steadied(headers: CIMultiDict[str]) -> None:
    """Have nobody on the way hold a stream back, as nginx and its like would."""
    headers["x-accel-buffering"] = "no"
    headers.setdefault("cache-control", "no-cache")


@lru_cache(maxsize=256)
def _shown(name: bytes) -> istr | None:
    """A header's name as clients see it; None where they do not."""
    text = name.decode("latin-1")
    low = text.lower()
    return None if low in _DROPPED or low.startswith("access-control-") else istr(text)


def names(endpoint: "Endpoint") -> dict[str, str]:
    """Who answered, for every reply."""
    return {_PROFILE: endpoint.profile, _INSTANCE: endpoint.instance}


async def ask(
    endpoint: "Endpoint",
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: Body,
    outlet: Outlet | None = None,
) -> Reply:
    """Send, and return when the reply's head is there; with an `outlet`, as `Pool.ask` says.

    UpstreamGone if none comes; BadRequest where path or headers cannot be sent.
    """
    try:
        return await endpoint.pool.ask(method, path, headers, body, outlet)
    except OSError as error:
        raise gone(endpoint, error) from error
    except ValueError as error:
        raise BadRequest(f"this request cannot be passed on: {error}") from error


async def some(reply: Reply, endpoint: "Endpoint") -> bytes:
    """What has come of the reply's body, at least a byte; empty at its end, UpstreamGone if torn."""
    try:
        return await reply.some()
    except OSError as error:
        raise gone(endpoint, error) from error


async def whole(reply: Reply, endpoint: "Endpoint") -> bytes:
    """The rest of the reply's body; UpstreamGone if torn."""
    try:
        return await reply.whole()
    except OSError as error:
        raise gone(endpoint, error) from error


async def peek(reply: Reply, endpoint: "Endpoint") -> bytes:
    """All of a short reply's body, which stays to be read; UpstreamGone if torn."""
    try:
        return await reply.peek()
    except OSError as error:
        raise gone(endpoint, error) from error


async def pour(reply: Reply, endpoint: "Endpoint", outlet: Outlet) -> bool:
    """Whether there is more for the outlet, once it takes more; UpstreamGone if torn."""
    try:
        return await reply.pour(outlet)
    except OSError as error:
        raise gone(endpoint, error) from error


def gone(endpoint: "Endpoint", error: OSError) -> UpstreamGone:
    """The instance behind `endpoint` closed the connection, or was not there."""
    return UpstreamGone(
        f"the instance {endpoint.instance} of {endpoint.profile} went away: {str(error) or 'no reply'}",
        hint=f"its log says more: paddock logs {endpoint.instance}",
    )
