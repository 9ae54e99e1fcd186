"""Switching, sharing and staying: histories of a stable in good health."""

from paddock.core.events import Measured
from paddock.core.model import Cause, ProfileId, Room, Spec
from tests.core.story import (
    GPU,
    GPU2,
    A,
    B,
    C,
    Story,
    asked,
    done,
    exited,
    freed,
    grant,
    left,
    ready,
    refuse,
    refused,
    spawn,
    spec,
    stop,
    tick,
)

# ---- a switch ----


def test_a_switch_waits_for_the_last_request_then_the_exit_then_the_memory():
    s = Story(A, B)
    assert s(0, asked(1, "a")) == [spawn("a.1")]
    assert s(5, ready("a.1")) == [done("a.1"), grant(1, "a.1")]
    assert s(6, asked(2, "a")) == [grant(2, "a.1")]
    assert s(7, asked(3, "b")) == []
    assert s(8, left(1)) == []
    assert s(9, left(2)) == [stop("a.1")]
    assert s(10, exited("a.1")) == []
    assert s(11, freed("a.1")) == [spawn("b.2")]
    assert s(16, ready("b.2")) == [done("b.2"), grant(3, "b.2")]


def test_a_profile_that_nobody_has_is_refused():
    s = Story(A)
    effects = s(0, asked(1, "z"))
    assert effects == [refuse(1, Cause("model_not_found", "there is no profile 'z'"))]


def test_all_who_wait_share_one_load():
    s = Story(A)
    assert s(0, asked(1, "a")) == [spawn("a.1")]
    assert s(1, asked(2, "a")) == []
    assert s(2, asked(3, "a")) == []
    assert s.scheduler.waiting() == {ProfileId("a"): 3}
    served = [grant(1, "a.1"), grant(2, "a.1"), grant(3, "a.1")]
    assert s(5, ready("a.1")) == [done("a.1"), *served]


def test_a_client_that_gives_up_does_not_abort_a_load_begun():
    s = Story(A)
    s(0, asked(1, "a"))
    assert s(1, left(1)) == []
    assert s(5, ready("a.1")) == [done("a.1")]
    assert s(6, asked(2, "a")) == [grant(2, "a.1")]


def test_a_load_for_which_somebody_left_comes_though_nobody_waits_any_more():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "b")) == [stop("a.1")]
    assert s(2, left(1)) == []
    assert s.gone(3, "a.1") == [spawn("b.2")]


def test_who_gives_up_before_anybody_left_changes_nothing():
    s = Story(A, B)
    s(0, asked(1, "a"))
    s(5, ready("a.1"))
    assert s(6, asked(2, "b")) == []
    assert s(7, left(2)) == []
    assert s(8, left(1)) == []


def test_ready_that_comes_after_the_order_to_stop_is_too_late():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    assert s(2, ready("a.1")) == []
    assert s(3, asked(2, "a")) == []


# ---- room for several ----


def test_what_fits_is_loaded_beside_what_is_there():
    s = Story(A, C)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "c")) == [spawn("c.2")]
    assert s(2, ready("c.2")) == [done("c.2"), grant(1, "c.2")]
    assert s(3, asked(2, "a")) == [grant(2, "a.1")]


def test_loads_on_one_device_come_one_at_a_time():
    s = Story(A, C)
    assert s(0, asked(1, "a")) == [spawn("a.1")]
    assert s(0, asked(2, "c")) == []
    assert s(5, ready("a.1")) == [done("a.1"), grant(1, "a.1"), spawn("c.2")]


def test_loads_on_two_devices_go_side_by_side():
    one, two = Spec(ProfileId("a"), {GPU: 6}), Spec(ProfileId("b"), {GPU2: 6})
    s = Story(one, two, room=Room({GPU: 10, GPU2: 10}))
    assert s(0, asked(1, "a")) == [spawn("a.1")]
    assert s(0, asked(2, "b")) == [spawn("b.2")]


def test_no_more_instances_than_allowed():
    s = Story(A, C, room=Room({GPU: 10}, max_instances=1))
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "c")) == [stop("a.1")]


def test_nobody_leaves_who_need_not():
    s = Story(spec("a", 4), spec("b", 4), C, spec("d", 5))
    s.used(0, "a", "a.1")
    s.used(1, "b", "b.2")
    assert s(2, asked(1, "d")) == [stop("a.1")]


def test_low_priority_leaves_before_high_and_idle_before_busy():
    s = Story(spec("a", 4, priority=1), spec("b", 4, priority=2), spec("d", 5, priority=3))
    s.used(0, "b", "b.1")
    s.used(1, "a", "a.2")
    assert s(2, asked(1, "d")) == [stop("a.2")]
    s = Story(spec("a", 4, priority=1), spec("b", 4, priority=2), spec("d", 5, priority=3))
    s.used(0, "b", "b.1")
    s(1, asked(1, "a"))
    s(2, ready("a.2"))
    assert s(3, asked(2, "d")) == [stop("b.1")]


def test_an_elastic_profile_takes_what_there_is():
    s = Story(spec("a", 14), C)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "c")) == [stop("a.1")]


def test_less_memory_than_before_makes_the_next_one_evict():
    s = Story(A, C)
    s.used(0, "a", "a.1")
    assert s(1, Measured(Room({GPU: 8}))) == []
    assert s(2, asked(1, "c")) == [stop("a.1")]


def test_who_is_in_the_way_is_named():
    s = Story(A, B)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, asked(2, "b"))
    assert [live.id for live in s.scheduler.in_the_way(ProfileId("b"))] == ["a.1"]
    s(3, left(1))
    assert [live.id for live in s.scheduler.in_the_way(ProfileId("b"))] == ["a.1"]
    s.gone(4, "a.1")
    assert s.scheduler.in_the_way(ProfileId("z")) == []


# ---- fairness ----


def test_whose_patience_is_at_its_end_is_not_overtaken_any_more():
    s = Story(A, B, patience=30)
    s(0, asked(1, "a"))
    s(5, ready("a.1"))
    s(6, asked(2, "b"))
    assert s(7, asked(3, "a")) == [grant(3, "a.1")]
    assert s.deadline == 36
    assert s(36, tick) == []
    assert s(37, asked(4, "a")) == []
    assert s(38, left(1)) == []
    assert s(39, left(3)) == [stop("a.1")]
    assert s.gone(40, "a.1") == [spawn("b.2")]


def test_who_was_shut_out_is_let_in_again_when_the_impatient_one_gives_up():
    s = Story(A, B, patience=30)
    s(0, asked(1, "a"))
    s(5, ready("a.1"))
    s(6, asked(2, "b"))
    s(36, tick)
    assert s(37, asked(3, "a")) == []
    assert s(38, left(2)) == [grant(3, "a.1")]


def test_a_person_who_insists_is_not_overtaken_at_all():
    s = Story(A, B)
    s(0, asked(1, "a"))
    s(5, ready("a.1"))
    assert s(6, asked(2, "b", insist=True)) == []
    assert s(7, asked(3, "a")) == []
    assert s(8, left(1)) == [stop("a.1")]


def test_the_higher_priority_loads_first_until_patience_ends():
    s = Story(spec("a"), spec("b", priority=1), spec("d", priority=2), patience=30)
    s(0, asked(1, "a"))
    assert s(1, asked(2, "b")) == []
    assert s(2, asked(3, "d")) == []
    s(5, ready("a.1"))
    assert s(6, left(1)) == [stop("a.1")]
    assert s.gone(7, "a.1") == [spawn("d.2")]
    s = Story(spec("a"), spec("b", priority=1), spec("d", priority=2), patience=30)
    s(0, asked(1, "a"))
    s(1, asked(2, "b"))
    s(2, asked(3, "d"))
    s(31, ready("a.1"))
    assert s(31.5, left(1)) == [stop("a.1")]
    assert s.gone(31.7, "a.1") == [spawn("b.2")]


def test_two_that_push_each_other_out_by_turns_stay_a_while():
    s = Story(A, B, patience=30, tenure=3, linger=0.25)
    s(0, asked(1, "a"))
    s(8, ready("a.1"))
    assert s(9, asked(2, "b")) == []
    assert s(10, left(1)) == [stop("a.1")]  # b was never pushed out: it need not wait
    s.gone(10, "a.1")
    s(10, asked(3, "a"))
    s(18, ready("b.2"))
    assert s(19, left(2)) == []  # b took 8 s to load: it lingers for 2 s
    assert s.deadline == 21
    assert s(20, asked(4, "b")) == [grant(4, "b.2")]
    assert s(20.5, left(4)) == []
    assert s(22.5, tick) == [stop("b.2")]


def test_a_long_tenure_ends_though_the_others_never_pause():
    s = Story(A, B, patience=300, tenure=3, linger=0.25)
    s.used(0, "a", "a.1")
    s(0, asked(1, "b"))
    s.gone(0, "a.1")
    s(1, asked(2, "a"))
    s(10, ready("b.2"))
    assert s(39, asked(3, "b")) == [grant(3, "b.2")]
    assert s(39.5, left(1)) == []
    assert s(40, left(3)) == [stop("b.2")]  # ready at 10, and three times 10 s are over


# ---- limits ----


def test_more_requests_than_the_profile_takes_at_once_wait():
    s = Story(spec("a", concurrency=1))
    s(0, asked(1, "a"))
    s(0, asked(2, "a"))
    s(0, asked(3, "a"))
    assert s(5, ready("a.1")) == [done("a.1"), grant(1, "a.1")]
    assert s(6, left(1)) == [grant(2, "a.1")]
    assert s(7, left(3)) == []
    assert s(8, left(2)) == []


def test_a_full_queue_refuses():
    s = Story(A, queue_limit=2)
    s(0, asked(1, "a"))
    s(0, asked(2, "a"))
    assert refused(s(0, asked(3, "a"))) == {3: "queue_full"}
    assert s(5, ready("a.1")) == [done("a.1"), grant(1, "a.1"), grant(2, "a.1")]
