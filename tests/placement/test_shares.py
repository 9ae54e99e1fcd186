"""Layers over made-up devices, whatever their sizes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from paddock.placement.shares import LayerSizes, Share, spread, squeeze

mib = st.integers(0, 100)
dense = st.lists(st.builds(LayerSizes, weights=mib, experts=st.just(0), context=mib), min_size=1)
sparse = st.lists(st.builds(LayerSizes, weights=mib, experts=mib, context=mib), min_size=1)
devices = st.lists(
    st.builds(Share, free=st.integers(0, 2000), margin=st.integers(0, 100), compute=mib),
    min_size=1,
    max_size=4,
)


def numbered(layers: list[LayerSizes]) -> list[LayerSizes]:
    """No two alike, so that each is distinct from the others."""
    return [LayerSizes(x.weights + i / 1000, x.experts, x.context) for i, x in enumerate(layers)]


def placed(shares: list[Share]) -> list[LayerSizes]:
    return [layer for share in shares for layer in share.layers]


@given(st.one_of(dense, sparse), devices)
def test_spread_by_free_memory_all_are_placed_in_their_order(
    layers: list[LayerSizes], shares: list[Share]
):
    layers = numbered(layers)
    spread(layers, shares)
    assert placed(shares) == layers
    free = sum(max(share.free, 1) for share in shares)
    for share in shares:
        part = len(layers) * max(share.free, 1) / free
        assert abs(len(share.whole) - part) <= 1


@given(st.one_of(dense, sparse), devices, mib)
def test_squeezed_nothing_is_lost_and_no_device_is_over_full(
    layers: list[LayerSizes], shares: list[Share], in_turn: int
):
    layers = numbered(layers)
    spread(layers, shares)
    rest = squeeze(layers, shares, in_turn=in_turn)
    assert [*rest, *placed(shares)] == layers
    assert all(share.missing <= 0 for share in shares if share.layers)


@given(dense, devices)
def test_a_dense_models_layers_are_whole_and_the_next_one_would_not_fit(
    layers: list[LayerSizes], shares: list[Share]
):
    layers = numbered(layers)
    rest = squeeze(layers, shares, in_turn=0)
    assert not any(share.slim for share in shares)
    if rest:
        assert not shares[0].takes(rest[-1].total)
    for share, after in pairwise(shares):
        assert not share.layers or not after.takes(share.layers[-1].total)


@given(sparse, devices)
def test_experts_come_in_only_when_everything_else_has_room(
    layers: list[LayerSizes], shares: list[Share]
):
    layers = numbered(layers)
    if squeeze(layers, shares, in_turn=0) and any(layer.experts for layer in layers):
        assert not any(share.whole for share in shares)


def test_experts_are_brought_to_the_first_device_first():
    """As llama.cpp did on two devices of 260 and 180: tests/llama/fit-11434-rpc-moe.txt."""
    layers = [LayerSizes(1, 15, 4)] * 12 + [LayerSizes(1, 0, 0)]
    shares = [Share(260, 60, 20), Share(180, 30, 20)]
    assert squeeze(layers, shares, in_turn=0) == []
    assert [len(share.layers) for share in shares] == [9, 4]
    assert [len(share.slim) for share in shares] == [0, 0]


def test_of_experts_that_are_too_many_the_last_ones_stay_in_ram():
    layers = [LayerSizes(1, 15, 4)] * 12 + [LayerSizes(1, 0, 0)]
    shares = [Share(200, 0, 20)]
    assert squeeze(layers, shares, in_turn=0) == []
    assert (len(shares[0].whole), len(shares[0].slim)) == (7, 6)  # the output among these
    assert shares[0].used == 20 + 12 * 5 + 1 + 7 * 15


def test_without_room_for_the_rest_all_experts_stay_in_ram():
    layers = [LayerSizes(10, 15, 4)] * 12
    (share,) = shares = [Share(100, 0, 20)]
    assert len(squeeze(layers, shares, in_turn=0)) == 7
    assert (len(share.whole), len(share.slim)) == (0, 5)
