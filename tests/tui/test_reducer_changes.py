"""What single events change in what a dashboard knows."""

import pytest
from msgspec.structs import replace as with_fields

from paddock.api.events import (
    AnyEvent,
    ConfigChanged,
    InstanceEnded,
    QueueChanged,
    SwitchEnded,
    SwitchProgress,
    VerdictReached,
)
from paddock.api.types import ConfigInfo, Failure, ProfileNow, Progress
from paddock.tui import notices
from paddock.tui.reducer import reduce
from paddock.tui.state import View
from tests.tui import histories
from tests.tui.inhabitants import instance, profiles_with, ready_glm
from tests.tui.machine import CLOCK, FIRST_SEQ, GLM, OSS, QWEN
from tests.tui.rules import now_of
from tests.tui.tale import Tale, changed, progress, seen, snapshot, with_glm
from tests.tui.views import lines, states


def test_a_cancelled_switch_leaves_one_line() -> None:
    tale = Tale().tell(*histories.loading())
    tale.tell(SwitchEnded(profile=QWEN, outcome="cancelled", seconds=8.0, restored=[GLM]))
    tale.tell(
        QueueChanged(profile=QWEN, waiting=0), InstanceEnded(instance=f"{QWEN}.2", profile=QWEN)
    )
    view = seen(tale.events)
    assert (view.switches, states(view)) == ({}, {})
    assert lines(view) == ["qwen-coder-30b: cancelled after 8.0 s; glm-flash-q4 comes back"]


def test_a_switch_that_nobody_waits_for_any_more_is_forgotten_unless_its_load_has_begun() -> None:
    tale = Tale().tell(with_glm(), QueueChanged(profile=QWEN, waiting=1))
    tale.tell(progress("qwen", "draining", 0.0, GLM), QueueChanged(profile=QWEN, waiting=0))
    view = seen(tale.events)
    assert (view.switches, states(view)) == ({}, {GLM: "ready"})
    begun = Tale().tell(*histories.loading()).tell(QueueChanged(profile=QWEN, waiting=0))
    assert QWEN in seen(begun.events).switches


def test_a_model_that_crashes_while_it_serves_is_reported_once() -> None:
    failure = Failure(code="crashed", message=f"{GLM} was killed by signal 9")
    tale = Tale().tell(with_glm())
    tale.tell(
        changed(ready_glm(phase="failed", failure=failure), "ready"),
        InstanceEnded(instance=f"{GLM}.1", profile=GLM, failure=failure),
    )
    view = seen(tale.events)
    assert (states(view), view.current, view.instances) == ({GLM: "failed"}, None, {})
    assert lines(view) == ["glm-flash-q4: was killed by signal 9"]


def test_what_only_came_back_is_used_by_nobody() -> None:
    first = snapshot(profiles=profiles_with())
    coming = changed(ready_glm(phase="warming"), "loading")
    came: list[AnyEvent] = [
        changed(ready_glm(), "ready"),
        SwitchEnded(profile=GLM, outcome="ready", seconds=9.0, instance=f"{GLM}.1"),
    ]
    unasked = seen(Tale().tell(first, coming, *came).events).model(GLM)
    wanted = Tale().tell(first, QueueChanged(profile=GLM, waiting=1), coming, *came)
    asked = seen(wanted.events).model(GLM)
    assert unasked is not None
    assert asked is not None
    assert (unasked.state, unasked.last_used) == ("ready", None)
    assert (asked.state, asked.last_used) == ("ready", wanted.events[-1].time)


def test_a_newer_instance_speaks_for_its_profile_while_the_old_one_leaves() -> None:
    tale = Tale().tell(with_glm(), changed(ready_glm(phase="stopping"), "stopping"))
    tale.tell(changed(instance("glm_again", phase="starting"), "loading"))
    tale.tell(changed(ready_glm(phase="stopping", stale=True), "loading"))
    view = seen(tale.events)
    model = view.model(GLM)
    assert model is not None
    assert (model.state, model.instance, model.stale) == ("loading", f"{GLM}.3", False)
    tale.tell(InstanceEnded(instance=f"{GLM}.1", profile=GLM))
    assert states(seen(tale.events)) == {GLM: "loading"}


def test_an_instance_that_has_ended_is_not_taken_from_a_snapshot() -> None:
    """The daemon lists it until the driver has given its memory back, and sends no second end."""
    gone = snapshot([ready_glm(phase="stopping", exited=True)], profiles=profiles_with())
    assert seen(Tale().tell(gone).events).instances == {}
    leaving = snapshot([ready_glm(phase="stopping")], profiles=profiles_with(glm="stopping"))
    assert list(seen(Tale().tell(leaving).events).instances) == [f"{GLM}.1"]


def test_another_verdict_with_the_same_complaint_is_no_news() -> None:
    tale = Tale().tell(*histories.degraded())
    more = with_fields(histories.DEGRADED, samples=9, generation=41.0)
    tale.tell(VerdictReached(profile=GLM, instance=f"{GLM}.1", verdict=more))
    view = seen(tale.events)
    assert len(view.notices) == 2
    assert view.instances[f"{GLM}.1"].verdict == more


@pytest.mark.parametrize(
    ("event", "is_stale", "line"),
    [
        ({}, False, "models.conf was read again: nothing changed"),
        ({"changed": [GLM], "added": ["a", "b"]}, True,
         "models.conf was read again: changed glm-flash-q4; added a, b"),
        ({"removed": [OSS]}, True, "models.conf was read again: removed gpt-oss-120b"),
        ({"error": Failure(code="config_invalid", message="line 3: unknown key")}, False,
         "models.conf was not applied: line 3: unknown key"),
    ],
)  # fmt: skip
def test_a_changed_configuration_asks_for_a_snapshot(event, is_stale: bool, line: str) -> None:
    config = ConfigInfo(path="/c", loaded_at="", error=event.pop("error", None))
    tale = Tale().tell(with_glm(), ConfigChanged(config=config, **event))
    view = seen(tale.events)
    assert (view.is_stale, lines(view), view.config) == (is_stale, [line], config)
    assert not seen(tale.tell(with_glm()).events).is_stale


def test_lines_are_kept_one_line_long_and_fifty_in_number() -> None:
    view = View()
    for number in range(60):
        view = notices.noted(view, "config", f"a\n  b {number}", 0.0)
    assert lines(view) == [f"a b {number}" for number in range(10, 60)]


def test_what_an_event_says_of_its_profile_replaces_what_was_known() -> None:
    """The reducer draws no conclusion of its own, even where one lies near."""
    now = ProfileNow(state="draining", switching=True, instance="x", last_used="yesterday")
    event = QueueChanged(profile=GLM, waiting=3, now=now, current=OSS, seq=FIRST_SEQ + 1)
    view = reduce(seen(Tale().tell(with_glm()).events), event, CLOCK)
    model = view.model(GLM)
    assert model is not None
    assert now_of(model) == now
    assert (view.current, model.waiting, model.title) == (OSS, 3, "GLM 4.7 Flash")


def test_an_older_daemon_that_says_nothing_of_a_profile_is_asked_for_a_snapshot() -> None:
    view = seen(Tale().tell(with_glm()).events)
    assert reduce(view, QueueChanged(profile=GLM, waiting=1, seq=FIRST_SEQ + 1), CLOCK).is_stale
    moved = SwitchProgress(profile=GLM, progress=Progress(stage="loading"), seq=FIRST_SEQ + 1)
    assert not reduce(view, moved, CLOCK).is_stale, "not ten times a second"
