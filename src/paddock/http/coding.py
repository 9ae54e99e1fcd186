"""How request bodies may be compressed (RFC 9110, 8.4): what is decoded, and that it stays bounded.

llama-server knows no coding at all, so what it gets is plain. aiohttp would decode, too, but breaks
with an error of its own where a library is missing, and reads zstd with windows of 128 MiB.
"""

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from aiohttp import hdrs

from paddock.errors import BadRequest, UnknownCoding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = "gzip, deflate, zstd"
_PIECE = 1 << 16  # bytes, of what is decoded at a time
_PARTS = (
    1000  # gzip members or zstd frames of one body; empty ones would cost minutes and give nothing
)
_GZIP, _ZLIB, _BARE = 31, 15, -15  # zlib's names of its formats
_WINDOW = {
    int(zstd.DecompressionParameter.window_log_max): 23
}  # 8 MiB, the most that RFC 9659 allows


class Decoder(Protocol):
    """Of one body."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What these bytes stand for, in small pieces. BadRequest where they are broken."""

    def end(self) -> None:
        """BadRequest where the body ends in the middle."""


def coding_of(headers: Mapping[str, str]) -> str:
    """`gzip`, `deflate`, `zstd`, or "" for a body as it is. UnknownCoding."""
    if hdrs.CONTENT_ENCODING not in headers:
        return ""
    named = headers["Content-Encoding"].strip().lower()
    name = named.removeprefix("x-") if named == "x-gzip" else named
    if name == "identity":
        return ""
    if name not in _DECODERS:
        raise UnknownCoding(
            f"a body with the content coding {named[:40]!r} cannot be read",
            hint=f"send it as it is, or as one of: {ACCEPTED}",
        )
    return name


def decoder(coding: str) -> Decoder:
    """For one body of a coding that `coding_of` gave."""
    return _DECODERS[coding]()


class _Plain:
    """No coding."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        """It ends where it ends."""


class _Inflater:
    """gzip and deflate, by zlib."""

    def __init__(self, kind: int) -> None:
        self._kind = kind
        self._inside = zlib.decompressobj(kind)
        self._has_begun = False
        self._parts = 1

    def pieces(self, data: bytes) -> Iterator[bytes]:
        self._look_at(data)
        while data:
            if self._inside.eof:
                if self._kind != _GZIP:
                    raise _broken("behind its end comes more")
                self._parts = _next_part(self._parts)
                self._inside = zlib.decompressobj(self._kind)  # gzip may have several members
            yield self._piece(data)
            data = self._inside.unconsumed_tail or self._inside.unused_data

    def _look_at(self, data: bytes) -> None:
        """Some clients send deflate without the frame that belongs around it."""
        if data and not self._has_begun:
            self._has_begun = True
            if self._kind == _ZLIB and data[0] & 0x0F != 8:
                self._inside = zlib.decompressobj(_BARE)

    def _piece(self, data: bytes) -> bytes:
        try:
            return self._inside.decompress(data, _PIECE)
        except zlib.error as error:
            raise _broken(str(error)) from error

    def end(self) -> None:
        if self._has_begun and not self._inside.eof:
            raise _broken("it ends in the middle")


class _Zstd:
    """zstd, with a bounded window."""

    def __init__(self) -> None:
        self._inside: Any = zstd.ZstdDecompressor(options=_WINDOW)
        self._has_begun = False
        self._parts = 1

    def pieces(self, data: bytes) -> Iterator[bytes]:
        self._has_begun = self._has_begun or bool(data)
        while data or not (self._inside.needs_input or self._inside.eof):
            if self._inside.eof:
                self._parts = _next_part(self._parts)
                self._inside = zstd.ZstdDecompressor(options=_WINDOW)  # there may be several frames
            yield self._piece(data)
            data = self._inside.unused_data if self._inside.eof else b""

    def _piece(self, data: bytes) -> bytes:
        try:
            return bytes(self._inside.decompress(data, _PIECE))
        except zstd.ZstdError as error:
            raise _broken(str(error)) from error

    def end(self) -> None:
        if self._has_begun and not self._inside.eof:
            raise _broken("it ends in the middle")


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "": _Plain,
    "gzip": lambda: _Inflater(_GZIP),
    "deflate": lambda: _Inflater(_ZLIB),
    "zstd": _Zstd,
}


def _next_part(before: int) -> int:
    if before >= _PARTS:
        raise _broken(f"it has more than {_PARTS} parts")
    return before + 1


def _broken(why: str) -> BadRequest:
    return BadRequest(f"the body cannot be decompressed: {why}")
