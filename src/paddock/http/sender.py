"""Who had a request sent: a program, somebody here, or a page of another site.

A page cannot forge `Origin`, `Sec-Fetch-Site` and the cookies of others. Browsers send the second only
where they trust the address: any by https, `localhost` and loopback addresses by http. To
`http://box.lan:8080` and to `http://0.0.0.0:8080`, which is this machine, Chromium 156 sends a page's
GET without its origin. So our own page leaves a cookie there (`SameSite=Strict`: sent
back with what we and the user ask, never with what another site does).
Sources: W3C Fetch Metadata, RFC 6454, RFC 6265bis section 5.2.
"""

from collections.abc import Collection
from enum import Enum

from aiohttp import hdrs
from multidict import CIMultiDictProxy, istr

Headers = CIMultiDictProxy[str]

_SITE = istr("Sec-Fetch-Site")
_VISITED = "paddock-visited=1"
VISITED_COOKIE = f"{_VISITED}; Path=/; HttpOnly; SameSite=Strict"
_HERE = frozenset({"same-origin", "none"})  # `none`: typed, a bookmark, another program's link


class Sender(Enum):
    """Who had it sent, as far as can be known."""

    PROGRAM = "no browser"
    HERE = "a page of ours, a page that may call us, or a person by hand"
    ELSEWHERE = "a page of another site"
    UNKNOWN = "a browser that does not say"


PROGRAM = Sender.PROGRAM


def sender(headers: Headers, friends: Collection[str]) -> Sender:
    """Who had this request sent; `friends`: the origins of other pages that may call us."""
    get = headers.get
    if (origin := get(hdrs.ORIGIN)) is not None:
        is_here = origin in friends or _is_of(origin, headers.get("Host", ""))
        return Sender.HERE if is_here else Sender.ELSEWHERE
    if (site := get(_SITE)) is not None:
        return Sender.HERE if site in _HERE else Sender.ELSEWHERE
    if not get(hdrs.USER_AGENT, "").startswith("Mozilla/") or not _is_browser(headers):
        return PROGRAM  # nearly always, hence looked at first
    return Sender.HERE if _VISITED in headers.get("Cookie", "") else Sender.UNKNOWN


def names_sender(headers: Headers) -> bool:
    """Whether this browser says who had a request sent, so that it needs no cookie."""
    return "Sec-Fetch-Site" in headers or not _is_browser(headers)


def is_visit(headers: Headers) -> bool:
    """A link was followed: what comes fills the tab, and is out of the other site's hands."""
    return headers.get("Sec-Fetch-Dest") == "document"


def _is_of(origin: str, host: str) -> bool:
    """Whether the page came from the very address that it asks; behind a TLS proxy its scheme differs."""
    _, mark, authority = origin.partition("://")
    return bool(mark) and authority == host


def _is_browser(headers: Headers) -> bool:
    """PowerShell calls itself Mozilla too, but browsers alone say which languages they would like."""
    return headers.get("User-Agent", "").startswith("Mozilla/") and "Accept-Language" in headers
