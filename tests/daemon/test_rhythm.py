"""When a context is saved ahead: the moment that would have kept everybody waiting the least."""

from hypothesis import given
from hypothesis import strategies as st

from paddock.daemon.instances.rhythm import LEAST, LONGEST, Rest, Rhythm, best_moment, waited

seconds = st.floats(0, 120)
rests = st.lists(st.builds(Rest, seconds, st.booleans()), max_size=16)
saves = st.floats(0, LONGEST)


def in_all(seen: list[Rest], moment: float | None, save: float) -> float:
    return sum(waited(rest, moment, save) for rest in seen)


@given(rests, saves)
def test_no_worse_than_never_or_than_after_five_seconds(seen: list[Rest], save: float):
    best = in_all(seen, best_moment(seen, save), save)
    assert best <= in_all(seen, None, save)
    assert best <= in_all(seen, 5.0, save)


@given(rests, saves)
def test_nobody_waits_longer_than_a_save_takes(seen: list[Rest], save: float):
    moment = best_moment(seen, save)
    assert moment is None or moment >= LEAST
    assert all(0.0 <= waited(rest, moment, save) <= save for rest in seen)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=16), saves)
def test_who_always_comes_back_is_never_kept_waiting(gaps: list[float], save: float):
    seen = [Rest(gap, leaves=False) for gap in gaps]
    assert in_all(seen, best_moment(seen, save), save) == 0.0


@given(st.lists(st.floats(LEAST + LONGEST, 100), min_size=1, max_size=16), saves)
def test_a_change_after_a_while_of_reading_meets_no_save(pauses: list[float], save: float):
    seen = [Rest(pause, leaves=True) for pause in pauses]
    assert in_all(seen, best_moment(seen, save), save) == 0.0


def test_what_takes_too_long_is_saved_as_it_leaves_alone():
    assert best_moment([Rest(60.0, leaves=True)], LONGEST + 0.1) is None


def test_at_first_and_for_a_client_that_alternates_after_six_seconds_it_is_saved_at_once():
    rhythm = Rhythm()
    assert rhythm.moment(2.5) == LEAST
    for began in range(0, 200, 10):
        rhythm.note_rest(began)
        rhythm.note_end(began + 6.0, leaves=True)
    assert rhythm.moment(2.5) == LEAST
    assert rhythm.moment(4.9) == LEAST


def test_an_agent_whose_tools_take_two_seconds_is_left_alone_until_they_are_over():
    rhythm = Rhythm()
    for began in range(0, 200, 10):
        rhythm.note_rest(began)
        rhythm.note_end(began + 2.0, leaves=False)
    assert (rhythm.moment(1.5) or 99.0) > 2.0


def test_what_was_not_seen_to_begin_counts_for_nothing():
    rhythm, fresh = Rhythm(), Rhythm()
    rhythm.note_end(5.0, leaves=True)
    assert [rhythm.moment(s) for s in (0.1, 2.0, 4.0)] == [fresh.moment(s) for s in (0.1, 2.0, 4.0)]
