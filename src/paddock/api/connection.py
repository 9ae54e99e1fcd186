"""One HTTP exchange with the daemon, on the standard library alone: a command starts fast.

The only place that knows `http.client`. Whatever goes wrong comes out as a `PaddockError`: the
server's own refusal with its code, hint and log lines, or `DaemonUnreachable`.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Lock
from urllib.parse import urlsplit

import msgspec

from paddock.api.types import ErrorBody, Failure
from paddock.errors import BadRequest, DaemonUnreachable, PaddockError, UpstreamGone

_PIECE = 65536  # bytes asked for at once; what is there is returned without waiting for more


class HangUp:
    """Ends an exchange from another thread, whatever it waits for. Good for one exchange."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self.is_cut = False

    def cut(self) -> None:
        """End the exchange at once; if it has not begun, as soon as it is connected."""
        with self._lock:
            self.is_cut = True
            self._shut_down()

    def hold(self, opened: socket.socket | None) -> None:
        """Set the socket to cut; None: the exchange is over."""
        with self._lock:
            self._socket = opened
            if self.is_cut:
                self._shut_down()

    def _shut_down(self) -> None:
        # Not `close`, which would leave the other thread waiting, and not TLS's own shutdown, which
        # would take the session away from under it.
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class ApiConnection:
    """Where the daemon is, and how to ask it. Opens one socket for each exchange."""

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 10.0) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadRequest(
                f"{url!r} is not the address of a daemon",
                hint="it looks like http://127.0.0.1:8080",
            )
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, _port(parts), parts.path.rstrip("/")
        self._key = key
        self._timeout = timeout

    @contextmanager
    def exchange(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        accept: str = "application/json",
        headers: dict[str, str] | None = None,
        patient: bool = False,
        refused: bool = False,
        silence: float | None = None,
        line: HangUp | None = None,
    ) -> Iterator[HTTPResponse]:
        """Send one request and give its reply; a refusal is raised, unless `refused` asks for it.

        `patient` waits without limit between bytes: for streams and loads. `silence`: the limit in
        seconds once the reply has begun. `line` can end it.
        """
        timeout = None if patient else self._timeout
        connection = self._connect(self._host, self._port, timeout=timeout)
        line = line or HangUp()
        try:
            with self._translated(timeout):
                opened = self._open(connection, line)
                response = self._send(connection, method, path, body, accept, headers or {})
            if silence is not None:
                opened.settimeout(silence)
            with self._translated(timeout if silence is None else silence):
                if response.status >= 400 and not refused:
                    raise refusal(response.read(), response.status)
                yield response
        finally:
            line.hold(None)
            connection.close()

    def _open(self, connection: HTTPConnection, line: HangUp) -> socket.socket:
        try:
            connection.connect()
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise self._unreachable() from error
        opened: socket.socket = connection.sock
        line.hold(opened)
        return opened

    def _send(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        body: object,
        accept: str,
        headers: dict[str, str],
    ) -> HTTPResponse:
        payload = None if body is None else msgspec.json.encode(body)
        connection.request(method, self._prefix + path, payload, self._headers(accept) | headers)
        return connection.getresponse()

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {"Accept": accept, "Content-Type": "application/json"}
        return headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    @contextmanager
    def _translated(self, timeout: float | None) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise DaemonUnreachable(
                f"{self.url} did not answer within {timeout or self._timeout:g} s",
                hint="the machine may be short of memory; `paddock logs` and the daemon's log tell more",
            ) from error
        except HTTPException as error:
            raise UpstreamGone(f"{self.url} broke off its reply ({error!r})") from error
        except ConnectionError as error:
            raise UpstreamGone(f"{self.url} broke off the connection ({error})") from error
        except OSError as error:  # no such host, no route
            raise self._unreachable(f" ({error})") from error

    def _unreachable(self, reason: str = "") -> DaemonUnreachable:
        return DaemonUnreachable(
            f"no daemon answers at {self.url}{reason}",
            hint="start one with `paddock start`, or name another with --url or PADDOCK_URL",
        )


def pieces(response: HTTPResponse) -> Iterator[bytes]:
    """The body as it arrives."""
    while piece := response.read1(_PIECE):
        yield piece


def refusal(body: bytes, status: int) -> PaddockError:
    """The error in a refusing reply, in any of the shapes that the daemon sends."""
    try:
        return error_of(msgspec.json.decode(body, type=ErrorBody).error, status)
    except msgspec.DecodeError:
        pass
    try:
        return foreign_error(msgspec.json.decode(body), status)
    except msgspec.DecodeError:
        text = body.decode(errors="replace").strip()
        return PaddockError(f"HTTP {status}: {text[:500] or 'no reason given'}")


def error_of(failure: Failure, status: int = 500) -> PaddockError:
    """The exception for this failure, of the class that its code names."""
    kind = _class_of(failure.code)
    # The model APIs say the hint within the message too, for clients that show nothing else.
    message = failure.message.removesuffix(f" ({failure.hint})")
    if kind is PaddockError and failure.code != PaddockError.code:
        message = f"{message} ({failure.code}, HTTP {status})"
    return kind(message, hint=failure.hint, detail=tuple(failure.log))


def foreign_error(body: object, status: int = 500) -> PaddockError:
    """The exception for an error in OpenAI's or Anthropic's shape, or llama-server's own."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        return PaddockError(f"HTTP {status}: {inner}")
    named = (inner.get("reason"), inner.get("code"), inner.get("type"))
    code = next(
        (c for c in named if isinstance(c, str) and _class_of(c) is not PaddockError), "error"
    )
    log = inner.get("log")
    return error_of(
        Failure(
            code=code,
            message=str(inner.get("message") or inner),
            hint=str(inner.get("hint") or ""),
            log=[str(line) for line in log] if isinstance(log, list) else [],
        ),
        status,
    )


def _class_of(code: str) -> type[PaddockError]:
    waiting = [PaddockError]
    while waiting:
        kind = waiting.pop()
        if kind.code == code:
            return kind
        waiting += kind.__subclasses__()
    return PaddockError


def _port(parts: object) -> int | None:
    try:
        return getattr(parts, "port", None)
    except ValueError as error:
        raise BadRequest(f"the address has no valid port: {error}") from error
