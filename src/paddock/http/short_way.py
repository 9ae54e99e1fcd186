"""From aiohttp's connection straight to the handler, for what is asked most: POSTs to fixed paths.

aiohttp's router, its record of the match and its hooks before a reply take 10 to 15 µs a request, and
for these they decide nothing: the path says it all, and what our hooks add to replies is for pages of
browsers, which send `Origin` with every POST. Whatever else comes goes aiohttp's way.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from paddock.errors import BadRequest
from paddock.http.client_link import link_of

_Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ShortWay:
    """Stands in for an application's own handler of all requests."""

    def __init__(self, posts: Mapping[str, _Handle], otherwise: _Handle) -> None:
        """`posts`: by path, as it is written in a URL."""
        self._posts, self._otherwise = posts, otherwise

    def __call__(self, request: web.Request) -> Awaitable[web.StreamResponse]:
        """Raises BadRequest for HTTP/0.9 and 2.0, which aiohttp's parser lets through in this form."""
        memo = link_of(request).memo
        if memo.handle is not None:
            return memo.handle(request)
        if request._version[0] != 1:  # `version` would keep it for the reply
            raise BadRequest("this address speaks HTTP/1.1")
        headers = request.headers
        if request.method == "POST" and hdrs.ORIGIN not in headers and hdrs.EXPECT not in headers:
            handle = self._posts.get(request.rel_url.raw_path)
            if handle is not None:
                memo.handle = handle
                return handle(request)
        return self._otherwise(request)
