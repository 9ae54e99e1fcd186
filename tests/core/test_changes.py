"""What the scheduler meets from outside: a changed models.conf, an earlier daemon, the end."""

from paddock.core.events import ClosingDown
from paddock.core.model import Cause, ProfileId
from tests.core.story import (
    GPU,
    A,
    B,
    C,
    Story,
    adopted,
    asked,
    cancel,
    configured,
    done,
    exited,
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

CHANGED = spec("a", fingerprint="new")
CLOSED = Cause("shutting_down", "Paddock is shutting down")

# ---- models.conf changed ----


def test_a_stale_instance_serves_on():
    s = Story(A)
    s.used(0, "a", "a.1")
    assert s(1, configured(CHANGED)) == []
    live = s.scheduler.live_of(ProfileId("a"))
    assert live is not None
    assert s.scheduler.is_stale(live)
    assert s(2, asked(1, "a")) == [grant(1, "a.1")]


def test_a_person_who_insists_gets_the_changed_profile():
    s = Story(A)
    s.used(0, "a", "a.1")
    s(1, configured(CHANGED))
    assert s(2, asked(1, "a", insist=True)) == [stop("a.1", "outdated")]
    assert s.gone(3, "a.1") == [spawn("a.2")]
    assert s(4, ready("a.2")) == [done("a.2"), grant(1, "a.2")]


def test_insisting_lets_the_requests_of_the_stale_one_end():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, configured(CHANGED))
    assert s(3, asked(2, "a", insist=True)) == []
    assert s(4, left(1)) == [stop("a.1", "outdated")]


def test_a_profile_removed_while_it_runs_stays_and_serves_nobody_new():
    s = Story(A, C)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, configured(C)) == []
    assert refused(s(3, asked(2, "a"))) == {2: "model_not_found"}
    assert s(4, left(1)) == []


def test_a_removed_profile_is_the_first_to_leave():
    s = Story(spec("a", 4), spec("b", 4, cost=0.1, priority=-1), spec("d", 5))
    s.used(0, "a", "a.1")
    s.used(1, "b", "b.2")
    s(2, configured(spec("b", 4), spec("d", 5)))
    assert s(3, asked(1, "d")) == [stop("a.1")]


def test_who_waits_for_a_removed_profile_is_refused():
    s = Story(A, B)
    s(0, asked(1, "a"))
    cause = Cause("model_not_found", "a was removed from models.conf")
    assert s(1, configured(B)) == [refuse(1, cause)]
    assert s(2, ready("a.1")) == [done("a.1")]


def test_what_left_for_a_profile_that_is_then_removed_comes_back():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "b")) == [stop("a.1")]
    assert refused(s(2, configured(A))) == {1: "model_not_found"}
    assert s.gone(3, "a.1") == [spawn("a.2")]


def test_what_should_come_back_does_not_once_it_is_removed():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    s(2, cancel("b"))
    s(3, configured(B))
    assert s.gone(4, "a.1") == []


def test_a_pin_set_while_another_waits_refuses_the_other():
    s = Story(A, B)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, asked(2, "b"))
    assert refused(s(3, configured(spec("a", pin=True), B))) == {2: "cannot_fit"}


def test_a_profile_that_grew_too_large_brings_back_what_left_in_vain():
    s = Story(spec("a", 4), spec("b", 4), spec("d", 7))
    s.used(0, "a", "a.1")
    s.used(0, "b", "b.2")
    assert s(1, asked(1, "d")) == [stop("a.1"), stop("b.2")]
    s.gone(2, "a.1")
    changed = configured(spec("a", 4), spec("b", 4), spec("d", 11, stiff=frozenset({GPU})))
    [refusal, back] = s(3, changed)
    assert refused([refusal]) == {1: "cannot_fit"}
    assert back == spawn("a.3")
    assert s.gone(4, "b.2") == []
    assert s(5, ready("a.3")) == [done("a.3"), spawn("b.4")]


# ---- an earlier daemon's instances ----


def test_an_adopted_instance_serves():
    s = Story(A)
    assert s(0, adopted("a.7")) == []
    assert s(1, asked(1, "a")) == [grant(1, "a.7")]


def test_an_adopted_load_is_awaited_like_any_other():
    s = Story(A)
    s(0, adopted("a.7", is_ready=False))
    assert s(1, asked(1, "a")) == []
    assert s(5, ready("a.7")) == [done("a.7"), grant(1, "a.7")]


def test_the_rest_of_an_adopted_load_does_not_pass_for_a_whole_one():
    s = Story(spec("a", 4, cost=40), spec("b", 4), spec("d", 5))
    s(0, adopted("a.7", is_ready=False))
    s(1, ready("a.7"))
    s(2, asked(1, "b"))
    s(12, ready("b.1"))
    s(13, left(1))
    assert s(14, asked(2, "d")) == [stop("b.1")]  # 10 s to bring it back, against 40


def test_an_adopted_instance_keeps_its_room_and_its_fingerprint():
    s = Story(A, B)
    s(0, adopted("a.7", "old"))
    live = s.scheduler.live_of(ProfileId("a"))
    assert live is not None
    assert s.scheduler.is_stale(live)
    assert s(1, asked(1, "b")) == [stop("a.7")]


def test_an_adopted_instance_of_an_unknown_profile_waits_for_its_end():
    s = Story(A)
    s(0, adopted("z.3"))
    assert refused(s(1, asked(1, "z"))) == {1: "model_not_found"}
    assert s.gone(2, "z.3") == []
    assert not s.scheduler.live


# ---- the end ----


def test_closing_refuses_who_waits_and_ends_everything():
    s = Story(A, C)
    s.used(0, "a", "a.1")
    s(1, asked(1, "c"))
    assert s(2, ClosingDown(keep=False)) == [
        refuse(1, CLOSED),
        stop("a.1", "closing"),
        stop("c.2", "closing"),
    ]
    assert s(3, asked(2, "a")) == [refuse(2, CLOSED)]
    assert s.gone(4, "a.1") == []
    assert s.gone(4, "c.2") == []
    assert s.deadline is None


def test_closing_may_leave_the_instances_to_the_next_daemon():
    s = Story(spec("a", ttl=5), C)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, ClosingDown(keep=True)) == []
    assert s(3, left(1)) == []
    assert s(100, tick) == []


def test_closing_does_not_stop_twice_what_was_cancelled():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, cancel("a"))
    assert s(2, ClosingDown(keep=False)) == []
    [ended] = s(3, exited("a.1"))
    assert ended == done("a.1", "cancelled", Cause("cancelled", "the load of a was cancelled"))
