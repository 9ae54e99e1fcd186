"""How much of a load may differ before it is reported."""

import pytest

from paddock.api.placement import (
    Buffer,
    DevicePlan,
)
from paddock.placement.verify_load import Pace
from tests.placement.verified import RAM, codes, judged, load, placement, plan


@pytest.mark.parametrize(("mib", "differs"), [(10500, False), (10501, True), (9500, False), (9499, True)])  # fmt: skip
def test_a_device_may_differ_by_five_percent(mib: int, differs: bool):
    assert (codes(judged(load(placement(mib=mib)), plan())) == ["placement-differs"]) == differs


@pytest.mark.parametrize(("mib", "differs"), [(116, False), (117, True), (84, False), (83, True)])
def test_a_small_device_may_differ_by_16_mib(mib: int, differs: bool):
    small = DevicePlan(device="Host", id=RAM, model=100)
    buffer = Buffer(device="Host", kind="model", mib=mib)
    placed = placement(buffers=[buffer], layers_overflowing=None)
    found = judged(load(placed), plan(devices=[small]))
    assert (codes(found) == ["placement-differs"]) == differs


def test_what_is_planned_for_a_projector_is_missed_nowhere():
    """llama-server does not tell where it puts one."""
    assert judged(load(placement(mib=9000), has_projector=True), plan()).state == "verified"
    found = judged(load(placement(mib=10600), has_projector=True), plan())
    assert codes(found) == ["placement-differs"]


@pytest.mark.parametrize(("speed", "slow"), [(34.0, False), (33.9, True)])
def test_15_percent_slower_is_slow(speed: float, slow: bool):
    assert (judged(load(), plan(), Pace((speed,)), best=40.0).speed == "degraded") == slow
    assert (judged(load(), plan(), Pace((speed,)), expected=40.0).speed == "degraded") == slow


@pytest.mark.parametrize(("n_ctx", "smaller"), [(32768, False), (31130, False), (31129, True)])
def test_a_context_that_is_left_open_may_be_five_percent_smaller(n_ctx: int, smaller: bool):
    """As much as a desktop takes from one minute to the next."""
    found = judged(load(placement(n_ctx=n_ctx)), plan())
    assert (codes(found) == ["context-smaller"]) == smaller


def test_of_slots_with_caches_of_their_own_each_has_its_part_of_the_context():
    assert judged(load(placement(n_ctx=8192), streams=4), plan()).state == "verified"
    found = judged(load(placement(n_ctx=4096), streams=4), plan())
    assert found.reasons[0].message == "the context is 4096 tokens instead of 8192"


def test_a_context_that_was_asked_for_is_never_cut():
    """A slot has no more than the model was trained for, however much is asked for."""
    found = judged(load(placement(n_ctx=32768), ctx_asked=65536), plan(n_ctx=65536))
    assert found.state == "verified"
