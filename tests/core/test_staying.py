"""Who may stay, and for how long: idle times, pins, and drains that last."""

from paddock.core.model import Cause, Room
from tests.core.story import (
    A,
    B,
    C,
    Story,
    asked,
    exited,
    freed,
    kept,
    left,
    ready,
    refuse,
    spawn,
    spec,
    stop,
    tick,
    unload,
)

# ---- idle for long, pinned ----


def test_an_idle_instance_leaves_when_its_time_is_over():
    s = Story(spec("a", ttl=60))
    s(0, asked(1, "a"))
    assert s.deadline != 60
    s(5, ready("a.1"))
    assert s.deadline is None  # it is in use
    s(100, left(1))
    assert s.deadline == 160
    assert s(160, tick) == [stop("a.1", "idle")]


def test_idle_time_counts_from_ready_where_nobody_came():
    s = Story(spec("a", ttl=60))
    s(0, asked(1, "a"))
    s(1, left(1))
    s(5, ready("a.1"))
    assert s.deadline == 65
    assert s(65, tick) == [stop("a.1", "idle")]


def test_a_client_may_say_how_long_it_stays():
    s = Story(spec("a", ttl=60))
    s.used(0, "a", "a.1")
    idle_since = (s.deadline or 0) - 60
    s(1, kept("a", ttl=600))
    assert s.deadline == idle_since + 600
    s(2, kept("a", ttl=0))
    assert s.deadline is None  # for ever
    s(3, unload("a"))
    s(4, exited("a.1"))
    s(4, freed("a.1"))
    s.used(10, "a", "a.2")
    assert s.deadline is not None  # what was said held for the one that has left


def test_who_is_wanted_for_ever_leaves_after_the_others():
    s = Story(spec("a", 4), spec("b", 4), spec("c", 6))
    s.used(0, "a", "a.1")
    s.used(10, "b", "b.2")
    s(20, kept("a", ttl=0))
    assert s(500, asked(3, "c")) == [stop("b.2")]


def test_a_client_may_have_one_leave_that_would_have_stayed():
    s = Story(spec("a"))
    s.used(0, "a", "a.1")
    s(1, kept("a", ttl=30))
    s(2, asked(2, "a"))
    s(3, left(2))
    assert s.deadline == 33
    assert s(33, tick) == [stop("a.1", "idle")]


def test_no_client_shortens_the_stay_of_a_pinned_one():
    s = Story(spec("a", pin=True))
    s.used(0, "a", "a.1")
    s(1, kept("a", ttl=30))
    assert s.deadline is None


def test_a_pinned_instance_never_leaves_for_being_idle():
    s = Story(spec("a", ttl=60, pin=True))
    s.used(0, "a", "a.1")
    assert s.deadline is None
    assert s(1000, tick) == []


def test_what_cannot_fit_beside_a_pinned_one_is_refused_with_the_sum():
    s = Story(spec("a", pin=True), B)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "b")) == [
        refuse(
            1,
            Cause(
                "cannot_fit",
                "b cannot fit: gpu0: needs 6 MiB of 10, a.1 keeps 6",
                "unpin or unload what keeps the memory, or give the profile less context",
            ),
        )
    ]


def test_a_pinned_one_on_its_way_out_keeps_nobody_out():
    s = Story(spec("a", pin=True), B)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, unload("a"))
    assert s(3, asked(2, "b")) == []
    assert s(4, left(1)) == [stop("a.1", "unloaded")]
    assert s.gone(5, "a.1") == [spawn("b.2")]


def test_pinned_instances_can_be_too_many():
    s = Story(spec("a", pin=True), C, room=Room({}, max_instances=1))
    s.used(0, "a", "a.1")
    [refusal] = s(1, asked(1, "c"))
    assert "1 of at most 1 instances are pinned" in str(refusal)


# ---- a drain that lasts too long ----


def test_a_switch_stops_waiting_for_running_requests_where_the_user_set_a_limit():
    s = Story(A, B, patience=30, drain_timeout=20)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, asked(2, "b"))
    assert s(32, tick) == []
    assert s.deadline == 52
    assert s(52, tick) == [stop("a.1")]
    assert s(53, left(1)) == []
    assert s.gone(54, "a.1") == [spawn("b.2")]


def test_the_limit_counts_anew_when_the_one_who_waited_gave_up():
    s = Story(A, B, patience=30, drain_timeout=20)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, asked(2, "b"))
    s(32, tick)
    s(33, left(2))
    assert s(200, asked(3, "b", insist=True)) == []
    assert s.deadline == 220
