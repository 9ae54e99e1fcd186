"""Who may ask: keys in two scopes, and the checks that keep web pages of other sites out.

A web page can make the user's browser call us: by a name of its own that it lets resolve to our
address (DNS rebinding, seen in `Host`: see `host.py`), or by a plain cross-site request, be it a link,
a frame or an image (see `sender.py`).
"""

import hmac
from collections.abc import Iterable
from enum import Enum
from hashlib import sha256

from paddock.config.settings import Settings
from paddock.errors import Forbidden, Unauthorized
from paddock.http.host import OwnHosts
from paddock.http.sender import PROGRAM, Headers, Sender, sender

_REMEMBERED_HOSTS = 256  # any IP literal is acceptable, hence a bound
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Scope(Enum):
    """What a key must be good for."""

    OPEN = "open"
    INFERENCE = "inference"
    MANAGEMENT = "management"


class Guard:
    """Checks every request; holds digests only, never a key."""

    def __init__(self, settings: Settings) -> None:
        self._inference = _digests((*settings.api_keys, *settings.management_keys))
        self._management = _digests(settings.management_keys)
        self._own_hosts = OwnHosts(settings.listen, allowed=settings.allowed_hosts)
        self._hosts: set[str] = set()  # accepted before
        self.origins = frozenset(origin.rstrip("/") for origin in settings.allowed_origins)

    def check(self, method: str, headers: Headers, scope: Scope, *, acts: bool) -> None:
        """Raise Forbidden or Unauthorized. `acts`: it shows or does more than a harmless read."""
        host = headers.get("Host", "")  # aiohttp lets no second one in
        if host not in self._hosts:
            self._check_host(host)
        if acts or method not in _SAFE_METHODS:
            found = sender(headers, self.origins)
            if found is not PROGRAM:
                self._check_sender(found, headers)
        if self._inference and scope is not Scope.OPEN:
            self._check_key(_presented(headers), scope)

    def allows(self, headers: Headers, scope: Scope) -> bool:
        """Whether the key of a request that was let in is good for more than what it asked."""
        try:
            if self._inference:
                self._check_key(_presented(headers), scope)
        except (Forbidden, Unauthorized):
            return False
        return True

    def sender(self, headers: Headers) -> Sender:
        """Who had this request sent."""
        return sender(headers, self.origins)

    def _check_host(self, host: str) -> None:
        if host and host not in self._own_hosts:
            raise Forbidden(  # HTTP/1.0 has none, and no browser speaks it
                f"the Host header names {host!r}, which is not this machine",
                hint="if it is, add the name to allowed-hosts in paddock.toml",
            )
        if len(self._hosts) < _REMEMBERED_HOSTS:
            self._hosts.add(host)

    def _check_sender(self, found: Sender, headers: Headers) -> None:
        if found is Sender.ELSEWHERE:
            origin = headers.get("Origin")
            raise Forbidden(
                f"a web page of {repr(origin) if origin else 'another site'} may not call this address",
                hint="if it should, add its origin to allowed-origins in paddock.toml",
            )
        if found is Sender.UNKNOWN:
            raise Forbidden(
                "your browser does not say whether you or a web page of another site sent this request",
                hint=f"open http://{headers.get('Host', '')}/ first, or use http://localhost",
            )

    def _check_key(self, key: str, scope: Scope) -> None:
        digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
        valid = self._management if scope is Scope.MANAGEMENT else self._inference
        if _is_among(digest, valid):
            return
        if _is_among(digest, self._inference):
            raise Forbidden(
                "this key is for inference only",
                hint="use one of management-keys in paddock.toml",
            )
        problem = "this API key is not known here" if key else "an API key is needed"
        # Not a word of x-api-key: Claude Code (2.1.197) then says to log in, and nothing else.
        raise Unauthorized(problem, hint="send it as `Authorization: Bearer …`")


def _digests(keys: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(sha256(key.encode()).digest() for key in keys)


def _is_among(digest: bytes, valid: tuple[bytes, ...]) -> bool:
    """Compare with every one, in the same time wherever it lies."""
    return sum(hmac.compare_digest(digest, known) for known in valid) > 0


def _presented(headers: Headers) -> str:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return headers.get("x-api-key", "")
