"""Who may ask: keys in two scopes, and the Host and Origin checks that keep web pages out.

A web page can make the user's browser call us: by a name of its own that it lets resolve to our
address (DNS rebinding, seen in `Host`), or by a plain cross-site request (seen in `Origin` and
`Sec-Fetch-Site`, which a page cannot forge). Programs send neither of the last two.
"""

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from enum import Enum
from hashlib import sha256
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy

from paddock.config.settings import Settings
from paddock.errors import Forbidden, Unauthorized

Headers = CIMultiDictProxy[str]

# By these names programs in containers of Docker and Podman reach their host. Both are subdomains that
# those engines answer for themselves: no page can have either lead to us by its own DNS.
CONTAINER_HOSTS = frozenset({"host.docker.internal", "host.containers.internal"})

_REMEMBERED_HOSTS = 256  # any IP literal is acceptable, hence a bound
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_TRUSTED_FETCH = frozenset({"same-origin", "none"})  # `none`: typed into the address bar


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
        self._names = _own_names(settings)
        self._hosts: set[str] = set()  # accepted before
        self.origins = frozenset(origin.rstrip("/") for origin in settings.allowed_origins)

    def check(self, method: str, headers: Headers, scope: Scope, *, acts: bool) -> None:
        """Raise Forbidden or Unauthorized. `acts`: it tells or does more than a harmless read."""
        self._check_host(headers.get("Host", ""))
        if acts or method not in _SAFE_METHODS:
            self._check_origin(headers)
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

    def _check_host(self, host: str) -> None:
        if host in self._hosts or not host:  # HTTP/1.0 has none, and no browser speaks it
            return
        if not self._is_own(_host_name(host)):
            raise Forbidden(
                f"the Host header names {host!r}, which is not this machine",
                hint="if it is, add the name to allowed-hosts in paddock.toml",
            )
        if len(self._hosts) < _REMEMBERED_HOSTS:
            self._hosts.add(host)

    def _is_own(self, name: str) -> bool:
        return name in self._names or name.endswith(".localhost") or _is_address(name)

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("Origin")
        if origin is None:
            return self._check_fetch(headers)
        if origin in self.origins or urlsplit(origin).netloc == headers.get("Host"):
            return None
        raise Forbidden(
            f"a web page of {origin!r} may not call this address",
            hint="if it should, add its origin to allowed-origins in paddock.toml",
        )

    def _check_fetch(self, headers: Headers) -> None:
        """An image or script tag of a foreign page carries no Origin, but a browser says so."""
        site = headers.get("Sec-Fetch-Site")
        if site is None or site in _TRUSTED_FETCH or headers.get("Sec-Fetch-Mode") == "navigate":
            return
        raise Forbidden("a web page of another site may not call this address")

    def _check_key(self, key: str, scope: Scope) -> None:
        digest = sha256(key.encode()).digest()
        valid = self._management if scope is Scope.MANAGEMENT else self._inference
        if _is_among(digest, valid):
            return
        if _is_among(digest, self._inference):
            raise Forbidden(
                "this key is for inference only",
                hint="use one of management-keys in paddock.toml",
            )
        problem = "this API key is not known here" if key else "an API key is needed"
        raise Unauthorized(problem, hint="send it as `Authorization: Bearer …` or `x-api-key`")


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


def _own_names(settings: Settings) -> frozenset[str]:
    listen = _host_name(settings.listen)
    names = ("localhost", *CONTAINER_HOSTS, socket.gethostname(), listen, *settings.allowed_hosts)
    return frozenset(name.lower() for name in names if name)


def _host_name(host: str) -> str:
    """The name of `name:port` or `[address]:port`, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
