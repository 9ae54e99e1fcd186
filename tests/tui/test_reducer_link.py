"""What a dashboard knows of its link: lost, found again, and to a daemon that began anew."""

from msgspec.structs import replace as with_fields

from paddock.api.events import QueueChanged
from paddock.api.types import Progress
from paddock.tui.reducer import connected, connecting, lost, reduce, reduce_news
from paddock.tui.state import LinkChanged, View
from tests.tui import histories
from tests.tui.inhabitants import instance, profiles_with
from tests.tui.machine import CLOCK, GLM, MISTRAL, QWEN
from tests.tui.tale import Tale, end_of, loaded, progress, seen, snapshot, with_glm
from tests.tui.views import lines, states


def test_a_lost_link_is_shown_once_and_what_was_known_stays() -> None:
    before, now = seen(histories.two_resident()), end_of(histories.two_resident())
    view = lost(before, "the daemon has ended", now)
    for attempt in range(5):
        view = lost(connecting(view, now + attempt), "no daemon answers", now + attempt + 0.5)
    assert (view.link, view.link_error) == ("lost", "no daemon answers")
    assert (view.models, view.instances) == (before.models, before.instances)
    assert lines(view) == ["the daemon has ended"]
    view = connected(connecting(view, now + 6), now + 6)
    assert (view.link, view.link_error) == ("live", "")
    assert lines(view) == ["the daemon has ended", "connected"]
    assert connected(view, now + 7) == view


def test_a_feeds_news_of_the_link_come_the_same_way_as_events() -> None:
    story = [
        LinkChanged("connecting"),
        LinkChanged("live"),
        *histories.idle(),
        LinkChanged("lost", "the daemon has ended"),
    ]
    view = View()
    for news in story:
        view = reduce_news(view, news, CLOCK)
    assert (view.link, view.link_error, view.current) == ("lost", "the daemon has ended", GLM)


def test_a_restarted_daemon_may_count_from_less() -> None:
    before = seen(histories.failing())
    restart = histories.restarted()
    view = lost(before, "the daemon has ended", end_of(histories.failing()))
    view = seen(restart, view)
    assert view.last_seq < before.last_seq
    assert states(view) == {GLM: "ready"}
    assert list(view.switches) == [], "the new daemon knows of no failure"
    assert view.notices[: len(before.notices)] == before.notices
    assert lines(view)[-2:] == ["the daemon has ended", "connected"]
    later = QueueChanged(profile=QWEN, waiting=2, seq=view.last_seq + 1)
    assert reduce(view, later, end_of(restart)).waiting == {QWEN: 2}


def test_a_failure_outlives_a_snapshot_that_still_has_it() -> None:
    events = histories.failing()
    view = seen(events)
    rows = list(view.models)
    again = snapshot(list(view.instances.values()), profiles=rows, current=GLM)
    again = with_fields(again, seq=view.last_seq, time=events[-1].time)
    assert reduce(view, again, end_of(events)).switches == view.switches


def test_a_dashboard_that_comes_late_finds_the_load_under_way() -> None:
    coming = instance(
        "qwen", phase="loading", progress=Progress(stage="loading", elapsed=4.0, mib_done=9000)
    )
    rows = profiles_with(qwen="loading", mistral="queued")
    view = seen(Tale().tell(snapshot([coming], profiles=rows)).events)
    assert {p: s.progress.stage for p, s in view.switches.items()} == {
        MISTRAL: "queued",
        QWEN: "loading",
    }
    assert view.switches[QWEN].began == CLOCK - 4.0
    view = reduce(view, loaded("qwen", 5.0, 11000, 17664), CLOCK + 1)
    assert view.switches[QWEN].first == (CLOCK, 9000)


def test_a_second_switch_of_a_profile_has_a_beginning_of_its_own() -> None:
    """Its first one was forgotten silently: its own time shows that this is another."""
    tale = Tale().tell(with_glm(), progress("qwen", "draining", 30.0, GLM))
    view = seen(tale.tell(progress("qwen", "draining", 1.0, GLM), after=60.0).events)
    assert view.switches[QWEN].began == CLOCK + 59.0
