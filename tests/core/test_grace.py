"""For whom an idle model is spared: for those who may come back to it, and never against oneself.

`a` and `b` take 8 s to load, and so linger for 2 s; `by_turns` leaves `b` idle at 19, and `a` pushed out.
"""

from paddock.core.effects import Effect
from paddock.core.model import Asker
from paddock.core.users import Users
from tests.core.story import (
    A,
    B,
    Story,
    asked,
    grant,
    left,
    ready,
    spawn,
    stop,
    tick,
)


def by_turns(*, first: str, second: str) -> Story:
    """`first` had `a`, then `second` had `b`, until 19."""
    s = Story(A, B, patience=30, tenure=3, linger=0.25)
    s(0, asked(1, "a", by=first))
    s(8, ready("a.1"))
    s(9, left(1))
    s(10, asked(2, "b", by=second))
    s.gone(10, "a.1")
    s(18, ready("b.2"))
    s(19, left(2))
    return s


def asks_for_a(s: Story, now: float, by: str) -> list[Effect]:
    return s(now, asked(3, "a", by=by))


def test_a_lone_asker_waits_for_nothing():
    assert asks_for_a(by_turns(first="x", second="x"), 19.1, "x") == [stop("b.2")]


def test_somebody_else_waits_for_as_long_as_it_lingers():
    s = by_turns(first="x", second="y")
    assert asks_for_a(s, 19.1, "x") == []
    assert s.deadline == 21
    assert s(21, tick) == [stop("b.2")]


def test_who_is_not_known_is_somebody_else():
    assert asks_for_a(by_turns(first="", second=""), 19.1, "") == []
    assert asks_for_a(by_turns(first="x", second=""), 19.1, "x") == []
    assert asks_for_a(by_turns(first="x", second="x"), 19.1, "") == []


def test_nothing_is_spared_for_one_who_waits_for_another_model_too():
    s = by_turns(first="x", second="y")
    assert asks_for_a(s, 19.1, "x") == []
    assert s(19.2, asked(4, "a", by="y")) == [stop("b.2")]


def test_it_is_spared_for_the_others_who_used_it():
    s = by_turns(first="x", second="y")
    s(19.1, asked(4, "b", by="x"))
    s(19.6, left(4))
    assert asks_for_a(s, 19.7, "x") == []
    assert s.deadline == 21, "two seconds after y was last there, not x"


def test_who_asked_for_both_at_once_may_come_back():
    s = by_turns(first="x", second="x")
    s(20, asked(4, "b", by="x"))
    assert asks_for_a(s, 21, "x") == []
    assert s(22, left(4)) == []
    assert s.deadline == 24
    assert s(23, asked(5, "b", by="x")) == [grant(5, "b.2")]


def test_a_request_that_comes_a_moment_before_the_last_one_is_over_follows_it():
    """The client has read the end of its answer before we know that it ended."""
    s = by_turns(first="x", second="x")
    s(20, asked(4, "b", by="x"))
    assert asks_for_a(s, 21.9, "x") == []
    assert s(22, left(4)) == [stop("b.2")]


def test_a_load_is_spared_for_those_who_gave_up_waiting_for_it():
    """They may ask again; until one of them waits for something else."""
    s = by_turns(first="x", second="y")
    asks_for_a(s, 21, "x")
    s.gone(21, "b.2")
    s(22, left(3))
    assert s(23, asked(4, "b", by="y")) == []
    s(29, ready("a.3"))
    assert s.deadline == 31, "as long as it lingers, from ready on"
    assert s(30, asked(5, "b", by="x")) == [stop("a.3")]


def test_it_is_spared_for_whom_somebody_left_though_he_gave_up_before_it_began():
    s = by_turns(first="x", second="y")
    assert asks_for_a(s, 21, "x") == [stop("b.2")]
    s(21.5, left(3))
    assert spawn("a.3") in s.gone(22, "b.2")
    s(22.5, asked(4, "b", by="y"))
    assert s(30, ready("a.3"))[1:] == []
    assert s.deadline == 32


def test_nobody_loses_his_grace_to_how_many_came_after_him():
    """However many sessions one client uses, and then asks for the other model with them all."""
    s = by_turns(first="x", second="y")
    for number in range(40):
        s(19, asked(100 + number, "b", by=f"session {number}"))
        s(19, left(100 + number))
    for number in range(40):
        assert s(20, asked(200 + number, "a", by=f"session {number}")) == []
    assert s.deadline == 21, "two seconds after y was last there"
    assert s(21, tick) == [stop("b.2")]


def test_what_is_remembered_of_askers_is_bounded():
    users = Users()
    for number in range(10_000):
        users.note(Asker(f"session {number}"), float(number))
    assert len(users.last) < 100
    assert users.missed({}) == 9999
