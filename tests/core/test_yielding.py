"""While the GPUs are yielded nothing comes to lie on one, and afterwards what ran comes back."""

from dataclasses import replace

import pytest

from paddock.core.effects import Spawn
from paddock.core.events import Resumed, Yielded
from paddock.core.model import HOST, ProfileId, Room, Spec
from tests.core.story import (
    BROKEN,
    TEN,
    A,
    B,
    C,
    Story,
    asked,
    cancel,
    configured,
    done,
    exited,
    freed,
    grant,
    left,
    ready,
    refused,
    spawn,
    stop,
    unload,
)

CPU = Spec(ProfileId("cpu"), {HOST: 4})


def test_what_is_idle_on_a_gpu_leaves_at_once_and_comes_back():
    s = Story(A, C)
    s.used(0, "a", "a.1")
    s.used(1, "c", "c.2")
    assert s(2, Yielded()) == [stop("a.1", "yielded"), stop("c.2", "yielded")]
    assert s.gone(3, "a.1") == s.gone(3, "c.2") == []
    assert s(9, Resumed()) == [spawn("a.3")]
    assert s(9, ready("a.3")) == [done("a.3"), spawn("c.4")]


def test_a_busy_one_leaves_after_its_last_request():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, Yielded()) == []
    assert s(3, asked(2, "a")) == []  # nobody new is served
    assert s(4, left(1)) == [stop("a.1", "yielded")]


def test_at_once_waits_for_no_request_also_when_it_is_said_later():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    assert s(2, Yielded()) == []
    assert s(3, Yielded(at_once=True)) == [stop("a.1", "yielded")]


def test_a_load_is_given_up_and_whoever_waits_for_it_goes_on_waiting():
    s = Story(A)
    s(0, asked(1, "a"))
    assert s(1, Yielded()) == [stop("a.1", "yielded")]
    assert refused(s.gone(2, "a.1")) == {}
    assert s(3, Resumed()) == [spawn("a.2")]
    assert grant(1, "a.2") in s(4, ready("a.2"))


def test_a_model_in_ram_alone_stays_and_may_come():
    s = Story(A, CPU)
    s.used(0, "a", "a.1")
    s(1, Yielded())
    assert s(2, asked(1, "cpu")) == [spawn("cpu.2")]
    assert grant(1, "cpu.2") in s(3, ready("cpu.2"))
    assert s(4, Resumed()) == []  # `a` has not ended yet


def test_requests_are_refused_where_nobody_is_to_wait():
    s = Story(A, B, refuse_while_yielded=True)
    s(0, asked(1, "a"))
    assert refused(s(1, Yielded())) == {1: "yielded"}
    assert refused(s(2, asked(2, "b"))) == {2: "yielded"}


def test_a_persons_switch_is_refused_even_where_requests_wait():
    s = Story(A)
    s(0, Yielded())
    assert s(1, asked(1, "a")) == []
    assert refused(s(2, asked(2, "a", insist=True))) == {2: "yielded"}


def test_who_still_drains_when_it_is_over_stays():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, Yielded())
    s(3, Resumed())
    assert s(4, left(1)) == []
    assert s(5, asked(2, "a")) == [grant(2, "a.1")]


def test_what_is_unloaded_or_cancelled_meanwhile_does_not_come_back():
    s = Story(A, C)
    s.used(0, "a", "a.1")
    s.used(0, "c", "c.2")
    s(1, Yielded())
    s.gone(2, "a.1"), s.gone(2, "c.2")
    s(3, unload("a"))
    s(3, cancel("c"))
    assert s(4, Resumed()) == []


def test_those_named_by_an_earlier_daemon_come_back_too():
    s = Story(A)
    s(0, Yielded(back=(ProfileId("a"), ProfileId("gone"))))
    assert s(1, Resumed()) == [spawn("a.1")]


def test_who_waits_comes_before_what_ran():
    s = Story(A, B)
    s.used(0, "a", "a.1")
    s(1, Yielded())
    s.gone(2, "a.1")
    s(3, asked(1, "b"))
    assert s(4, Resumed()) == [spawn("b.2")]


def test_a_preview_says_that_the_gpus_are_yielded():
    s = Story(A, room=TEN)
    s(0, Yielded())
    assert "paddock resume" in s.scheduler.preview(ProfileId("a"), 1).refused
    s(1, Resumed())
    assert not s.scheduler.preview(ProfileId("a"), 1).refused


def test_what_ended_while_it_drained_is_not_spawned_before_it_is_over():
    s = Story(A)
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, Yielded())
    s(3, asked(2, "a"))
    assert s(4, exited("a.1")) == s(4, freed("a.1")) == []
    assert spawn("a.2") in s(5, Resumed())


@pytest.mark.parametrize("has_ended", [True, False])
def test_what_was_changed_meanwhile_comes_back_as_it_was_changed(*, has_ended: bool):
    s = Story(replace(A, fingerprint="old"))
    s.used(0, "a", "a.1")
    s(1, Yielded())
    if has_ended:
        s.gone(2, "a.1")
    s(3, configured(replace(A, fingerprint="new")))
    effects = s(4, Resumed()) + ([] if has_ended else s.gone(5, "a.1"))
    assert [(e.instance, e.fingerprint) for e in effects if isinstance(e, Spawn)] == [
        ("a.2", "new")
    ]


def test_a_changed_profile_that_fails_after_a_yield_still_gives_way_to_the_version_that_ran():
    s = Story(replace(A, fingerprint="old"))
    s(0, asked(1, "a"))
    s(1, ready("a.1"))
    s(2, Yielded())
    s(3, configured(replace(A, fingerprint="new")))
    s(4, Resumed())  # it has not left yet, and stays
    s(5, left(1))
    assert s(6, asked(2, "a", insist=True)) == [stop("a.1", "outdated")]
    s.gone(7, "a.1")
    effects = s.gone(8, "a.2", BROKEN)
    assert [e.fingerprint for e in effects if isinstance(e, Spawn)] == ["old"]


def test_what_needs_no_gpu_comes_back_though_a_load_that_needs_one_is_held():
    """`b` was begun, and waits until the GPUs are ours again: who comes back does not wait for it."""
    big = Spec(ProfileId("big"), {HOST: 5})
    s = Story(A, B, CPU, big, room=Room({**TEN.capacity, HOST: 6}))
    s.used(0, "cpu", "cpu.1")
    assert stop("cpu.1") in s(2, asked(2, "big"))
    assert s.gone(3, "cpu.1") == [spawn("big.2")]
    s.used(4, "a", "a.3")
    assert stop("a.3") in s(5, asked(4, "b"))
    s(6, Yielded())
    s.gone(7, "a.3")
    s(8, exited("big.2"))
    assert spawn("cpu.4") in s(8, freed("big.2"))
