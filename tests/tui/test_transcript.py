"""What is kept of a log, what is shown of that, and where words stand in it."""

from hypothesis import given
from hypothesis import strategies as st

from paddock.tui.transcript import Transcript


def transcript(*lines: str, kept: int = 100, spare: int = 10) -> Transcript:
    made = Transcript(kept=kept, spare=spare)
    made.add(lines)
    return made


def test_all_lines_are_shown_until_some_are_wanted():
    made = transcript("Load", "error: disk", "ready")
    made.show_only("ERR")
    assert made.shown == ["error: disk"]
    made.add(["an Error again", "fine"])
    assert made.shown == ["error: disk", "an Error again"]
    made.show_only("")
    assert len(made.shown) == 5


def test_words_are_sought_among_what_is_shown_round_the_end():
    made = transcript("a b", "b", "c", "a")
    made.seek("A")
    assert made.found() == [0, 3]
    assert made.next_after(0) == 3
    assert made.next_after(3) == 0
    assert made.next_after(3, step=-1) == 0
    assert made.next_after(0, step=-1) == 3
    made.show_only("b")
    assert (made.found(), made.next_after(0), made.next_after(1)) == ([0], 0, 0)


def test_nothing_sought_is_nowhere():
    made = transcript("a")
    assert (made.found(), made.next_after(0), list(made.spans("a"))) == ([], None, [])
    made.seek("x")
    assert (made.found(), made.next_after(0), made.next_after(-1, step=-1)) == ([], None, None)


def test_each_place_in_a_line_is_reported():
    made = transcript()
    made.seek("ab")
    assert list(made.spans("abAB-ab")) == [(0, 2), (2, 4), (5, 7)]
    assert list(made.spans("İab")) == [], "a line whose length changes in lower case is not marked"


def test_the_oldest_are_forgotten_together():
    made = transcript(*"0123456789", kept=10, spare=2)
    made.show_only("1")
    assert made.add(["10", "11"]) == 0
    assert made.add(["12"]) == 1, "of the three forgotten, one was shown"
    assert made.shown == ["10", "11", "12"]


def test_what_is_cleared_is_still_looked_for():
    made = transcript("a", "b")
    made.show_only("a")
    made.clear()
    made.add(["ab", "b"])
    assert made.shown == ["ab"]


@given(st.lists(st.text("ab\n", max_size=3), max_size=60), st.text("ab", max_size=1))
def test_what_is_shown_is_what_is_wanted_of_what_is_kept(lines: list[str], wanted: str):
    made = Transcript(kept=10, spare=5)
    made.show_only(wanted)
    for line in lines:
        before = len(made.shown) + (wanted in line)
        assert made.add([line]) == before - len(made.shown)
    kept = lines[-len(made._lines) :] if made._lines else []
    assert len(made._lines) <= 15
    assert made.shown == [line for line in kept if wanted in line]
