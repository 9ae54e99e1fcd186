"""A request that its client sends again, because it gave up on the first: the first must not live on.

Left alone, the first would hold the model's slot for a reader who has gone, and each new copy
would wait behind it, until the next time-out (seen with Claude Code: tale-project/tale#3396). The
first is ended, its slot is waited for, and what it has read of the prompt serves the second.
"""

from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from multidict import istr

from paddock.http.client_link import link_of
from paddock.http.content import Content
from paddock.http.front import Front

if TYPE_CHECKING:
    from paddock.daemon.activity.requests import Request

# What the libraries of OpenAI and Anthropic say of themselves from the second try on (Stainless,
# which makes them); Claude Code is built on one of them.
_RETRY = "x-stainless-retry-count"
_KEY = istr("x-api-key")  # as an `istr`, a header is found in a third of the time


def mark_of(request: web.Request, profile: str, content: Content) -> int:
    """The same for what one client sends twice. Differs from process to process."""
    memo = link_of(request).memo
    if memo.client is None:
        headers = request.headers
        key = headers.get(hdrs.AUTHORIZATION) or headers.get(_KEY)
        memo.client = (request.path, request.remote, headers.get(hdrs.USER_AGENT), key)
    return hash((profile, memo.client, content))


def first_of(front: Front, request: web.Request, mark: int) -> "Request | None":
    """What this request is a second copy of; None where it is none."""
    first = front.daemon.requests.only(mark)
    if first is not None and (_says_so(request) or _is_overdue(front, first)):
        return first
    return None


async def supersede(front: Front, first: "Request") -> None:
    """End it, and wait until it is over."""
    await front.daemon.requests.end(first, "the same request was sent again, and is served instead")


def _says_so(request: web.Request) -> bool:
    return request.headers.get(_RETRY, "0") not in {"", "0"}


def _is_overdue(front: Front, first: "Request") -> bool:
    """Whether it waited so long, without a word of an answer, that its client will have given up."""
    limit = front.settings.resent_after
    return limit > 0 and not first.has_begun and front.daemon.requests.age(first) >= limit
