"""The table of moves: an instance's life goes forward and ends once."""

import pytest

from paddock.core.model import Cause
from paddock.daemon.instances.phase import (
    MOVES,
    Failed,
    Fitting,
    Loading,
    Phase,
    Ready,
    Starting,
    Stopped,
    Stopping,
    Warming,
    is_loading,
    may_follow,
)

FAILED = Failed(Cause("load_failed", "out of memory"))
LOADING: list[Phase] = [Starting(), Fitting(), Loading("text", 0.5), Warming()]
OTHERS: list[Phase] = [Ready(), Stopping("idle"), Stopped(), FAILED]


@pytest.mark.parametrize("phase", LOADING)
def test_a_load_may_get_ready_or_end_from_each_of_its_phases(phase):
    assert is_loading(phase)
    assert all(may_follow(phase, next_one) for next_one in OTHERS)


@pytest.mark.parametrize("phase", OTHERS)
def test_who_was_ready_never_loads_again(phase):
    assert not is_loading(phase)
    assert not any(may_follow(phase, load) for load in LOADING)


def test_an_end_is_final():
    assert may_follow(Stopping(), Stopped())
    assert may_follow(Stopping(), FAILED)
    assert not any(may_follow(end, phase) for end in (Stopped(), FAILED) for phase in LOADING)
    assert not may_follow(Stopped(), Ready())


def test_the_projector_is_loaded_after_the_text_model_was_warmed():
    assert may_follow(Warming(), Loading("mmproj", 0.0))


def test_every_phase_is_in_the_table():
    assert set(MOVES) == {type(phase) for phase in (*LOADING, *OTHERS)}
