"""The traces of a view: the last minutes of speeds, requests and memory."""

from paddock.tui.reducer import lost, reduce, ticked
from paddock.tui.traces import LENGTH
from tests.tui import histories
from tests.tui.machine import cuda0, cuda1, host
from tests.tui.tale import Tale, activity, end_of, request, seen, with_glm
from tests.tui.views import trace


def test_silence_means_that_nothing_changed_for_a_minute() -> None:
    events = histories.two_resident()
    now = end_of(events)
    view = ticked(seen(events), now + 200.5)
    assert trace(view, "generation") == [36.4] * (4 + 65) + [None] * 134
    assert trace(view, "requests") == [1.0] * (4 + 65) + [None] * 134


def test_while_the_link_is_lost_there_is_a_gap() -> None:
    events = histories.two_resident()
    now = end_of(events)
    view = lost(seen(events), "gone", now + 2.0)
    view = reduce(view, with_glm(), now + 10.0)
    assert trace(view, "requests") == [1.0] * 4 + [1.0] + [None] * 8 + [0.0]


def test_of_two_values_in_one_second_the_later_counts() -> None:
    tale = Tale().tell(with_glm())
    for speed in (10.0, 20.0):
        asked = request(1, "glm", "aider", "generating", 1.0, speed=speed)
        tale.tell(activity([cuda0()], [asked]), after=0.4)
    assert trace(seen(tale.events), "generation") == [20.0]


def test_speed_is_unknown_where_streams_do_not_tell_it() -> None:
    asked = request(1, "glm", "aider", "generating", 1.0)
    tale = Tale().tell(with_glm()).tell(activity([cuda0()], [asked]), after=1.0)
    assert trace(seen(tale.events), "generation") == [0.0, None]


def test_a_device_that_nobody_reports_is_forgotten_after_ten_minutes() -> None:
    tale = Tale().tell(with_glm())
    for _ in range(LENGTH):
        tale.tell(activity([cuda0(glm=21764), host()]), after=1.0)
    view = seen(tale.events)
    assert "used:CUDA1" not in view.traces
    assert len(trace(view, "used:CUDA0")) == LENGTH


def test_a_clock_that_jumps_costs_no_memory() -> None:
    view = ticked(seen(histories.busy()), 1e9)
    assert all(len(known.values) <= LENGTH for known in view.traces.values())
    assert reduce(view, activity([cuda1()]), 0.0).traced == view.traced
