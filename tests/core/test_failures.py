"""What goes wrong, is cancelled or taken away: histories of a stable in trouble."""

import pytest

from paddock.core.effects import Refuse, Spawn
from paddock.core.model import Cause, ProfileId
from tests.core.story import (
    BROKEN,
    ENDED,
    A,
    B,
    C,
    Story,
    asked,
    cancel,
    configured,
    done,
    examined,
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
    unload,
)

# ---- a load fails ----


def test_a_failed_load_refuses_everyone_waiting_with_the_cause():
    s = Story(A)
    s(0, asked(1, "a"))
    s(0, asked(2, "a"))
    effects = s(3, exited("a.1", BROKEN))
    assert effects == [refuse(1, BROKEN), refuse(2, BROKEN), done("a.1", "failed", BROKEN)]
    assert s(4, freed("a.1")) == []


def test_what_left_for_a_load_that_failed_comes_back():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    s.gone(2, "a.1")
    failed = [refuse(1, BROKEN), done("b.2", "failed", BROKEN, back="a")]
    assert s(3, exited("b.2", BROKEN)) == failed
    assert s(4, freed("b.2")) == [spawn("a.3")]
    assert s(5, ready("a.3")) == [done("a.3")]


def test_what_comes_back_and_fails_too_is_left_alone():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    s.gone(2, "a.1")
    s.gone(3, "b.2", BROKEN)
    assert s.gone(4, "a.3", BROKEN) == [done("a.3", "failed", BROKEN)]
    assert s.deadline is None


def test_what_left_does_not_come_back_where_somebody_else_took_the_room():
    s = Story(A, B, spec("d"))
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    s.gone(2, "a.1")
    s(3, asked(2, "d"))
    assert spawn("d.3") in s.gone(4, "b.2", BROKEN)
    assert s(5, ready("d.3")) == [done("d.3"), grant(2, "d.3")]
    assert s(6, left(2)) == []


def test_what_is_asked_for_again_comes_for_who_asked():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    s.gone(2, "a.1")
    s(3, exited("b.2", BROKEN))
    assert s(4, asked(2, "a")) == []
    assert s(5, freed("b.2")) == [spawn("a.3")]
    assert s(6, ready("a.3")) == [done("a.3"), grant(2, "a.3")]


def test_what_comes_back_waits_for_a_load_on_the_same_device():
    s = Story(spec("a", 4), spec("b", 5), C, spec("d", 2))
    s.used(0, "a", "a.1")
    s.used(0, "c", "c.2")
    assert s(1, asked(1, "b")) == [stop("a.1")]
    assert s.gone(2, "a.1") == [spawn("b.3")]
    assert s(3, asked(2, "d")) == []
    assert spawn("d.4") in s(4, exited("b.3", BROKEN))
    assert s(4, freed("b.3")) == []
    assert s(5, ready("d.4")) == [done("d.4"), grant(2, "d.4"), spawn("a.5")]


# ---- trying again ----


def fail(s: Story, now: float, ticket: int, instance: str) -> None:
    assert spawn(instance) in s(now, asked(ticket, "a", insist=True))
    s.gone(now, instance, BROKEN)


def test_each_failure_doubles_the_time_before_the_next_try():
    s = Story(A, retry_after=10, retry_limit=35)
    for number, wait in enumerate((10, 20, 35, 35), start=1):
        fail(s, 1000 * number, number, f"a.{number}")
        effects = s(1000 * number + wait - 1, asked(50, "a"))
        assert refused(effects) == {50: "load_failed_recently"}
    assert s(4035, asked(60, "a")) == [spawn("a.5")]


def test_the_refusal_says_what_happened_and_when_it_is_tried_again():
    s = Story(A)
    fail(s, 0, 1, "a.1")
    [refusal] = s(4, asked(2, "a"))
    assert isinstance(refusal, Refuse)
    assert refusal.cause.message == "out of memory (not tried again for 6 s)"
    assert refusal.cause.hint == "`paddock switch a` tries again at once"
    assert (refusal.cause.exit_code, refusal.cause.log) == (1, ("cudaMalloc failed",))


def test_a_load_that_succeeds_forgives_the_failures():
    s = Story(A)
    fail(s, 0, 1, "a.1")
    assert s.scheduler.setback(ProfileId("a")) is not None
    s(20, asked(2, "a"))
    s(21, ready("a.2"))
    assert s.scheduler.setback(ProfileId("a")) is None


def test_a_changed_profile_is_tried_at_once():
    s = Story(A)
    fail(s, 0, 1, "a.1")
    s(1, configured(spec("a", ttl=5)))
    assert refused(s(2, asked(2, "a"))) == {2: "load_failed_recently"}
    s(3, configured(spec("a", fingerprint="new")))
    assert s(4, asked(3, "a")) == [spawn("a.2")]


def test_a_profile_removed_and_written_anew_is_tried_at_once():
    s = Story(A)
    fail(s, 0, 1, "a.1")
    s(1, configured())
    s(2, configured(spec("a", fingerprint="new")))
    assert s(3, asked(2, "a")) == [spawn("a.2")]


# ---- crashes ----


def test_a_crash_while_serving_is_followed_by_a_fresh_start_for_the_next_who_asks():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, exited("a.1", BROKEN)) == []
    assert s(3, asked(2, "a")) == []
    assert s(4, freed("a.1")) == [spawn("a.2")]
    assert s(5, left(1)) == []


def crash(s: Story, now: float, ticket: int, instance: str) -> None:
    assert spawn(instance) in s(now, asked(ticket, "a"))
    s(now, ready(instance))
    s.gone(now + 1, instance, BROKEN)
    s(now + 1, left(ticket))


def test_the_third_crash_in_a_row_is_a_loop_and_held_back():
    s = Story(A, crashes=3, retry_after=10)
    crash(s, 10, 1, "a.1")
    crash(s, 20, 2, "a.2")
    crash(s, 30, 3, "a.3")
    assert refused(s(32, asked(4, "a"))) == {4: "load_failed_recently"}
    assert s(41, asked(5, "a")) == [spawn("a.4")]


def test_who_waits_when_the_loop_is_noticed_is_refused():
    s = Story(spec("a", concurrency=1), crashes=2)
    s(0, asked(1, "a"))
    s(0, asked(2, "a"))
    s(0, asked(3, "a"))
    s(1, ready("a.1"))
    assert s.gone(2, "a.1", BROKEN) == [spawn("a.2")]
    s(3, ready("a.2"))
    assert refused(s(4, exited("a.2", BROKEN))) == {3: "crashed"}


def test_a_crash_after_a_steady_life_starts_the_count_anew():
    s = Story(A, crashes=2, steady=60)
    crash(s, 10, 1, "a.1")
    s(20, asked(2, "a"))
    s(20, ready("a.2"))
    s.gone(80, "a.2", BROKEN)
    assert s(81, asked(3, "a")) == [spawn("a.3")]


# ---- the user cancels ----


def test_cancelling_a_load_ends_it_and_brings_the_previous_back():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    s.gone(2, "a.1")
    cause = Cause("cancelled", "the load of b was cancelled")
    assert s(3, cancel("b")) == [refuse(1, cause), stop("b.2", "cancelled")]
    assert s(3, cancel("b")) == []
    assert s(4, exited("b.2")) == [done("b.2", "cancelled", cause, back="a")]
    assert s(5, freed("b.2")) == [spawn("a.3")]


def test_cancelling_what_waits_for_a_drain_leaves_the_previous_as_it_was():
    s = Story(A, B)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, asked(2, "b", insist=True))
    assert s(3, asked(3, "a")) == []
    assert s(4, cancel("b")) == [
        refuse(2, Cause("cancelled", "the load of b was cancelled")),
        grant(3, "a.1"),
    ]
    s(5, left(1))
    assert s(6, left(3)) == []


def test_cancelling_when_the_previous_is_already_leaving_brings_it_back():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "b")) == [stop("a.1")]
    assert refused(s(2, cancel("b"))) == {1: "cancelled"}
    assert s.gone(3, "a.1") == [spawn("a.2")]


def test_cancelling_what_comes_back_ends_that_too():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    s(2, cancel("b"))
    assert s(3, cancel("a")) == []
    assert s.gone(4, "a.1") == []


def test_who_asks_after_a_cancel_gets_a_fresh_load_when_the_old_process_is_gone():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, cancel("a"))
    assert s(2, asked(2, "a")) == []
    assert s(3, ready("a.1")) == []
    assert s(4, exited("a.1")) == [
        done("a.1", "cancelled", Cause("cancelled", "the load of a was cancelled"))
    ]
    assert s(5, freed("a.1")) == [spawn("a.2")]


def test_nobody_else_leaves_where_a_cancelled_load_makes_room():
    s = Story(spec("a", 4), B, C)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "b")) == [spawn("b.2")]
    s(2, cancel("b"))
    assert s(3, asked(2, "c")) == []
    s(4, exited("b.2"))
    assert s(5, freed("b.2")) == [spawn("c.3")]


def test_cancelling_what_nobody_loads_does_nothing():
    s = Story(A)
    s.used(0, "a", "a.1")
    assert s(1, cancel("a")) == []
    assert s(2, asked(1, "a")) == [grant(1, "a.1")]


# ---- the user unloads ----


def test_unloading_lets_running_requests_end_and_no_new_ones_begin():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, unload("a")) == []
    assert s(3, asked(2, "a")) == []
    assert s(4, left(1)) == [stop("a.1", "unloaded")]
    assert s.gone(5, "a.1") == [spawn("a.2")]


def test_unloading_now_does_not_wait():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, unload("a", now=True)) == [stop("a.1", "unloaded")]
    assert s(3, unload("a", now=True)) == []
    assert s(4, left(1)) == []
    assert s.gone(5, "a.1") == []


def test_unloading_what_still_loads_cancels_the_load():
    s = Story(A)
    s(0, asked(1, "a"))
    cause = Cause("cancelled", "a was unloaded")
    assert s(1, unload("a")) == [refuse(1, cause), stop("a.1", "cancelled")]
    assert s.gone(2, "a.1") == [done("a.1", "cancelled", cause)]


@pytest.mark.parametrize("event", [exited("x.9", ENDED), freed("x.9"), ready("x.9"), left(9), tick])
def test_news_of_strangers_changes_nothing(event):
    s = Story(A)
    assert s(1, event) == []
    assert not s.scheduler.live


def test_memory_is_not_free_before_the_process_is_gone():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, asked(1, "b"))
    assert s(2, freed("a.1")) == []
    assert s.gone(3, "a.1") == [spawn("b.2")]


def test_a_changed_profile_that_fails_gives_way_to_the_version_that_ran():
    s = Story(spec("a", fingerprint="old"), B)
    s.used(0, "a", "a.1")
    s(1, configured(spec("a", fingerprint="new"), B))
    assert s(2, asked(1, "a", insist=True)) == [stop("a.1", "outdated")]
    [renewed] = s.gone(3, "a.1")
    assert isinstance(renewed, Spawn)
    assert (renewed.instance, renewed.fingerprint) == ("a.2", "new")
    assert s(4, exited("a.2", BROKEN)) == [
        refuse(1, BROKEN),
        done("a.2", "failed", BROKEN, back="a"),
    ]
    [restored] = s(5, freed("a.2"))
    assert isinstance(restored, Spawn)
    assert (restored.instance, restored.fingerprint) == ("a.3", "old")
    assert s(6, asked(2, "a")) == [], "served by what ran before, failed version or not"
    assert s(7, ready("a.3")) == [done("a.3"), grant(2, "a.3")]


# ---- what is known to fail ----

SHORT = Cause("cannot_load", "b cannot be loaded: b.gguf is truncated")


def test_nobody_leaves_for_a_profile_that_is_known_to_fail():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    assert s(1, examined("b", SHORT)) == []
    assert s(2, asked(1, "b")) == [refuse(1, SHORT)]
    assert s(3, asked(2, "b", insist=True)) == [refuse(2, SHORT)]
    assert s(4, asked(3, "a")) == [grant(3, "a.1")]


def test_who_insists_with_force_has_it_tried_and_what_left_comes_back():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, examined("b", SHORT))
    assert s(2, asked(1, "b", insist=True, force=True)) == [stop("a.1")]
    assert s(2, asked(2, "b")) == []  # it is being tried: this one may as well wait for it
    assert s.gone(3, "a.1") == [spawn("b.2")]
    failed = [refuse(1, BROKEN), refuse(2, BROKEN), done("b.2", "failed", BROKEN, back="a")]
    assert s(4, exited("b.2", BROKEN)) == failed
    assert s(5, freed("b.2")) == [spawn("a.3")]


def test_a_flaw_that_becomes_known_while_others_leave_brings_them_back():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    assert s(1, asked(1, "b")) == [stop("a.1")]
    assert s(2, examined("b", SHORT)) == [refuse(1, SHORT)]
    assert s.gone(3, "a.1") == [spawn("a.2")]


def test_a_flaw_found_while_a_request_still_waits_for_a_busy_one_refuses_it():
    s = Story(A, B)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, asked(2, "b")) == []
    assert s(3, examined("b", SHORT)) == [refuse(2, SHORT)]


def test_what_is_up_serves_whatever_is_known_of_its_file_now():
    s = Story(A)
    s.used(0, "a", "a.1")
    s(1, examined("a", SHORT))
    assert s(2, asked(1, "a")) == [grant(1, "a.1")]


def test_an_outdated_one_does_not_leave_for_its_own_changed_profile_that_is_known_to_fail():
    s = Story(A)
    s.used(0, "a", "a.1")
    s(1, configured(spec("a", fingerprint="new")))
    s(1, examined("a", SHORT))
    assert s(2, asked(1, "a", insist=True)) == [refuse(1, SHORT)]
    assert s(3, asked(2, "a")) == [grant(2, "a.1")]


def test_a_mended_file_is_tried_anew():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, examined("b", SHORT))
    s(2, examined("b", None))
    assert s(3, asked(1, "b")) == [stop("a.1")]
