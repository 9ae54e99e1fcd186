"""The body of a large reply, read from its connection in larger pieces and with fewer copies.

The library's HTTP client takes 64 KiB at a time through three layers, each of which copies them: 0.5 s of processor time for 512 MiB
where the socket alone costs 0.1. So once the headers are read, and with them what came behind, the rest of a body of
known length is read from the network stream that the client shows (its documented extension). TLS, proxies,
redirects, retries and time-outs stay the client's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

LARGE = 4 << 20  # bytes; below, the connection had better be used again
PIECE = (
    256 << 10
)  # bytes at once: more falls out of the processor's cache (measured: 1 MiB is slower)


def read_large(response: httpx2.Response) -> None:
    """A hook for replies: has the body of this one read so, where that is possible."""
    length = response.headers.get("Content-Length", "")
    is_plain = not {"Transfer-Encoding", "Content-Encoding"} & {*map(str.title, response.headers)}
    is_http_1 = response.extensions.get("http_version") == b"HTTP/1.1"
    if (
        is_plain and is_http_1
        and response.request.method == "GET"
        and response.status_code in (200, 206)
        and length.isdecimal() and int(length) >= LARGE
    ):  # fmt: skip
        response.stream = _stream(response, int(length))


def _stream(response: httpx2.Response, length: int) -> httpx2.SyncByteStream:
    body, network = response.stream, response.extensions["network_stream"]
    timeout = response.request.extensions.get("timeout", {}).get("read")

    class LargeBody(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            assert isinstance(body, httpx2.SyncByteStream)
            came_along = iter(body)  # kept until the end: it owns the connection
            first = next(came_along, b"")
            yield first
            yield from _rest(network, length - len(first), timeout)

        def close(self) -> None:
            assert isinstance(body, httpx2.SyncByteStream)
            body.close()

    return LargeBody()


def _rest(network: Any, left: int, timeout: float | None) -> Iterator[bytes]:
    """So many bytes; httpx2's error where they do not come, behind those that did."""
    while left > 0:
        pieces, error = _at_hand(network, min(left, PIECE), timeout)
        left -= sum(map(len, pieces))
        if pieces:
            yield pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if error:
            raise error


def _at_hand(
    network: Any, wanted: int, timeout: float | None
) -> tuple[list[bytes], httpx2.HTTPError | None]:
    """What comes next, and more only if it is there already: TLS gives 16 KiB at most, and each piece costs its way."""
    pieces = list[bytes]()
    try:
        with _named_as_the_clients():
            while wanted and (not pieces or network.get_extra_info("is_readable")):
                pieces.append(_some(network, wanted, timeout))
                wanted -= len(pieces[-1])
    except httpx2.HTTPError as error:
        return pieces, error
    return pieces, None


def _some(network: Any, wanted: int, timeout: float | None) -> bytes:
    if piece := network.read(wanted, timeout=timeout):
        return bytes(piece)
    raise httpx2.RemoteProtocolError("the connection was closed before the end of the body")


@contextmanager
def _named_as_the_clients() -> Iterator[None]:
    """What the network stream raises, as the client's own streams would."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except (httpcore2.NetworkError, OSError) as error:
        raise httpx2.ReadError(str(error)) from error
