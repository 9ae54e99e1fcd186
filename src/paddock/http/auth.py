"""Who may ask: keys in two scopes, and the checks that keep web pages of other sites out.

A web page can make the user's browser call us: by a name of its own that it lets resolve to our
address (DNS rebinding, seen in `Host`: see `host.py`), or by a plain cross-site request, be it a link,
a frame or an image (see `sender.py`).
"""

from enum import Enum
from hashlib import sha256

from aiohttp import hdrs, web

from paddock.config.settings import Settings
from paddock.daemon.keyring import Holder, Keyring
from paddock.errors import Forbidden, Unauthorized
from paddock.http.host import OwnHosts
from paddock.http.sender import PROGRAM, Headers, Sender, sender

_REMEMBERED_HOSTS = 256  # any IP literal is acceptable, hence a bound
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


_ASKER = "X-Paddock-Asker"


class Scope(Enum):
    """What a key must be good for."""

    OPEN = "open"
    INFERENCE = "inference"
    MANAGEMENT = "management"


# Whose key a request came with; None where none is asked for: to look for what is not there takes longer.
HOLDER: web.RequestKey[Holder | None] = web.RequestKey("holder")


class Guard:
    """Checks every request."""

    def __init__(self, settings: Settings, keyring: Keyring) -> None:
        self._keyring = keyring
        self._own_hosts = OwnHosts(settings.listen, allowed=settings.allowed_hosts)
        self._hosts: set[str] = set()  # accepted before
        self.origins = frozenset(origin.rstrip("/") for origin in settings.allowed_origins)

    def check(self, method: str, headers: Headers, scope: Scope, *, acts: bool) -> Holder | None:
        """Raise Forbidden or Unauthorized; gives whose key it is, None where none is asked for.

        `acts`: it shows or does more than a harmless read.
        """
        self.let_in(method, headers, acts=acts)
        return self.holder(headers, scope)

    def let_in(self, method: str, headers: Headers, *, acts: bool) -> None:
        """Raise Forbidden where the request came from elsewhere than it may. The same for the same headers."""
        host = headers.get(hdrs.HOST, "")  # aiohttp lets no second one in
        if host not in self._hosts:
            self._check_host(host)
        if acts or method not in _SAFE_METHODS:
            found = sender(headers, self.origins)
            if found is not PROGRAM:
                self._check_sender(found, headers)

    def holder(self, headers: Headers, scope: Scope) -> Holder | None:
        """Whose key it came with, None where none is asked for. Raises Unauthorized, Forbidden."""
        if scope is Scope.OPEN or not self._keyring.is_needed:
            # A front's key makes none needed, and yet it says whose requests it passes on.
            return self._front(headers) if _ASKER in headers else None
        return self._check_key(_presented(headers), scope)

    def _front(self, headers: Headers) -> Holder | None:
        holder = self._keyring.find(sha256(_presented(headers).encode()).digest())
        return holder if holder is not None and holder.speaks_for_others else None

    def allows(self, headers: Headers, scope: Scope) -> bool:
        """Whether the key of a request that was let in is good for more than what it asked."""
        try:
            if self._keyring.is_needed:
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

    def _check_key(self, key: str, scope: Scope) -> Holder:
        holder = self._found(key)
        if holder is None:
            problem = "this API key is not known here" if key else "an API key is needed"
            # Not a word of x-api-key: Claude Code (2.1.197) then says to log in, and nothing else.
            raise Unauthorized(problem, hint="send it as `Authorization: Bearer …`")
        if scope is Scope.MANAGEMENT and not holder.manages:
            raise Forbidden(
                "this key is for inference only",
                hint="use one that was added with `--scope manage`, or of management-keys in paddock.toml",
            )
        return holder

    def _found(self, key: str) -> Holder | None:
        return self._keyring.find(sha256(key.encode("utf-8", "surrogateescape")).digest())


def _presented(headers: Headers) -> str:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return headers.get("x-api-key", "")
