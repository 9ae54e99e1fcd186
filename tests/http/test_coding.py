"""Compressed bodies: whatever comes is decoded in small pieces, or refused. Pure."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from backports import zstd  # type: ignore[import-not-found,unused-ignore]
from hypothesis import given
from hypothesis import strategies as st

from paddock.errors import BadRequest
from paddock.http import coding

MIB = 1 << 20
PIECE = 1 << 16  # bytes
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("name", PACKED)
def test_no_piece_of_what_a_small_body_unpacks_to_is_large(name: str) -> None:
    bomb = PACKED[name](bytes(64 * MIB))
    assert len(bomb) < MIB / 8
    decoder, sizes = coding.decoder(name), []
    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in decoder.pieces(bomb)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    decoder.end()
    assert sum(sizes) == 64 * MIB
    assert max(sizes) <= PIECE
    assert peak < 2 * MIB


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_of_many_empty_parts_is_refused_before_they_cost_anything(name: str) -> None:
    """64 MiB of empty zstd frames kept the loop busy for minutes, and no limit of size saw any of it."""
    decoder = coding.decoder(name)
    with pytest.raises(BadRequest, match="1000 parts"):
        list(decoder.pieces(PACKED[name](b"") * 1001))


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_in_some_parts_is_whole(name: str) -> None:
    decoder = coding.decoder(name)
    packed = b"".join(PACKED[name](b"%d;" % number) for number in range(1000))
    assert b"".join(decoder.pieces(packed)) == b"".join(b"%d;" % number for number in range(1000))
    decoder.end()


@pytest.mark.parametrize("name", PACKED)
@given(
    data=st.binary(min_size=1, max_size=400), at=st.integers(0, 10_000), change=st.integers(1, 255)
)
def test_wrong_bytes_are_refused_or_decoded_in_small_pieces(
    name: str, data: bytes, at: int, change: int
) -> None:
    packed = bytearray(PACKED[name](data * 50))
    packed[at % len(packed)] ^= change
    decoder = coding.decoder(name)
    try:
        assert all(len(piece) <= PIECE for piece in decoder.pieces(bytes(packed)))
        decoder.end()
    except BadRequest:
        return  # nothing else is raised
