"""What had to leave for something that is over comes back where there is room, what was wanted last first."""

import pytest

from paddock.core.events import Displaced
from paddock.core.model import ProfileId
from tests.core.story import A, B, C, Story, asked, done, ready, spawn, stop, unload


def displaced(*names: str) -> Displaced:
    return Displaced(tuple(ProfileId(name) for name in names))


def test_all_come_back_one_after_the_other_where_all_have_room():
    s = Story(A, C)
    assert s(0, displaced("a", "c")) == [spawn("a.1")]
    assert s(1, ready("a.1")) == [done("a.1"), spawn("c.2")]


def test_of_two_that_have_no_room_together_the_first_one_comes():
    s = Story(A, B, C)
    assert s(0, displaced("b", "a", "c")) == [spawn("b.1")]
    assert s(1, ready("b.1")) == [done("b.1"), spawn("c.2")]
    assert s(2, ready("c.2")) == [done("c.2")], "and nothing is pushed out for the other"


def test_a_model_that_somebody_has_loaded_meanwhile_stays_although_it_is_idle():
    s = Story(A, B, C)
    s.used(0, "b", "b.1")
    assert s(1, displaced("a", "c")) == [spawn("c.2")]


def test_room_that_is_about_to_be_free_is_for_the_first_of_them():
    """`x` has room at once; but then `a` would have none when `b` is gone."""
    s = Story(A, B, C)
    s.used(0, "b", "b.1")
    assert s(1, unload("b")) == [stop("b.1", "unloaded")]
    assert s(2, displaced("a", "c")) == []
    assert s.gone(3, "b.1") == [spawn("a.2")]
    assert s(4, ready("a.2")) == [done("a.2"), spawn("c.3")]


@pytest.mark.parametrize("names", [(), ("gone",), ("a",)])
def test_what_is_unknown_or_loaded_needs_nothing(names: tuple[str, ...]):
    s = Story(A)
    s.used(0, "a", "a.1")
    assert s(1, displaced(*names)) == []


def test_whoever_asks_meanwhile_comes_before_it():
    s = Story(A, B)
    s.used(0, "b", "b.1")
    s(1, unload("b"))
    assert s(2, displaced("a")) == []
    s(3, asked(7, "b"))
    assert s.gone(4, "b.1") == [spawn("b.2")]
    assert s(5, ready("b.2"))[0] == done("b.2")
