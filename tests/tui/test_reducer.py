"""What a dashboard knows after a history of events."""

import pytest
from msgspec.structs import replace as with_fields

from paddock.api.events import QueueChanged, SwitchEnded
from paddock.api.placement import Speed
from paddock.api.types import InstanceNow, ProfileNow
from paddock.tui.reducer import dismissed, reduce
from tests.tui import histories
from tests.tui.histories import OUT_OF_MEMORY
from tests.tui.machine import CLOCK, GLM, MISTRAL, OSS, QWEN, URL, cuda0
from tests.tui.tale import Tale, activity, end_of, progress, seen
from tests.tui.views import lines, states, trace


def test_an_idle_evening() -> None:
    view = seen(histories.idle())
    assert (view.link, view.current, states(view)) == ("live", GLM, {GLM: "ready"})
    assert (view.version, view.engine) == ("0.1.0", "native b11434")
    assert view.url == URL, "the daemon does not know how it is reached"
    assert list(view.instances) == [f"{GLM}.1"]
    assert (view.switches, view.requests, view.notices) == ({}, (), ())
    assert view.totals.requests == 318


def test_a_load_with_its_progress() -> None:
    view = seen(histories.loading())
    assert states(view) == {QWEN: "loading"}
    assert view.waiting == {QWEN: 1}
    assert view.current is None
    assert [i.phase for i in view.instances.values()] == ["loading"]
    switch = view.switches[QWEN]
    assert (switch.progress.stage, switch.progress.mib_done) == ("loading", 4 * 1899)
    assert switch.first is not None
    since, at_first = switch.first
    assert (at_first, switch.reported - since) == (0, 4.0)
    assert switch.began == pytest.approx(CLOCK + 2.0, abs=0.2)


def test_each_step_of_a_switch_is_seen() -> None:
    steps: list[tuple[dict[str, str], str | None]] = []
    events = histories.loading()
    for count in range(1, len(events) + 1):
        view = seen(events[:count])
        step = (states(view), view.switches[QWEN].progress.stage if view.switches else None)
        if not steps or steps[-1] != step:
            steps.append(step)
    assert steps == [
        ({GLM: "ready"}, None),
        ({GLM: "ready", QWEN: "queued"}, None),
        ({GLM: "stopping", QWEN: "queued"}, None),
        ({GLM: "stopping", QWEN: "queued"}, "stopping"),
        ({GLM: "stopping", QWEN: "queued"}, "memory"),
        ({QWEN: "queued"}, "memory"),
        ({QWEN: "queued"}, "starting"),
        ({QWEN: "loading"}, "starting"),
        ({QWEN: "loading"}, "fitting"),
        ({QWEN: "loading"}, "loading"),
    ]


def test_a_failure_stays_to_be_read_while_what_left_for_it_comes_back() -> None:
    view = seen(histories.failing())
    assert states(view) == {GLM: "ready", OSS: "failed"}
    assert view.current == GLM
    failed = view.switches[OSS]
    assert (failed.failure, failed.restored) == (OUT_OF_MEMORY, (GLM,))
    assert list(view.switches) == [OSS]
    assert lines(view) == [
        "gpt-oss-120b: failed: exited with code 1: out of memory; glm-flash-q4 comes back",
        "glm-flash-q4 is ready after 9.1 s, verified",
    ]
    model = view.model(OSS)
    assert model is not None
    assert model.failure == OUT_OF_MEMORY
    assert dismissed(view, OSS).switches == {}
    assert dismissed(view, GLM) == view, "there was nothing to read"


def test_a_second_attempt_takes_the_place_of_the_failure() -> None:
    tale = Tale().tell(*histories.failing())
    tale.tell(QueueChanged(profile=OSS, waiting=1), progress("oss", "draining", 0.0, GLM))
    view = seen(tale.events)
    assert view.switches[OSS].failure is None
    assert states(view)[OSS] == "queued"
    tale.tell(SwitchEnded(profile=OSS, outcome="ready", seconds=60.0, instance=f"{OSS}.2"))
    assert seen(tale.events).switches == {}


def test_what_is_under_way_cannot_be_dismissed() -> None:
    view = seen(histories.loading())
    assert dismissed(view, QWEN) == view


def test_two_models_side_by_side() -> None:
    view = seen(histories.two_resident())
    assert states(view) == {GLM: "ready", MISTRAL: "busy"}
    assert view.current == MISTRAL
    assert trace(view, "generation") == [36.4] * 4
    assert trace(view, "requests") == [1.0] * 4
    assert trace(view, "used:CUDA1") == [pytest.approx(1 - 1556 / 16380)] * 4


def test_a_model_that_does_not_lie_as_it_should() -> None:
    view = seen(histories.degraded())
    assert lines(view) == [
        "glm-flash-q4 is ready after 9.6 s",
        "glm-flash-q4 is degraded: 33 graph splits instead of 5",
    ]
    model = view.model(GLM)
    assert model is not None
    assert model.verdict == view.instances[f"{GLM}.1"].verdict == histories.DEGRADED
    assert model.speed == view.instances[f"{GLM}.1"].speed == Speed(prompt=1410.0, generation=41.7)


def test_a_machine_without_a_gpu() -> None:
    view = seen(histories.no_gpu())
    assert set(view.traces) == {"generation", "requests", "used:Host", "util:Host"}


def test_who_answers_is_busy_though_no_instance_says_so() -> None:
    events = histories.busy()
    view = seen(events)
    assert states(view) == {GLM: "busy", QWEN: "queued"}
    assert view.instances[f"{GLM}.1"].leases == 3
    model = view.model(GLM)
    assert model is not None
    assert model.last_used == events[-1].time
    idle = with_fields(
        activity([cuda0(glm=21764)]),
        current=GLM,
        instances=[InstanceNow(id=f"{GLM}.1", phase="ready")],
        profiles={GLM: ProfileNow(state="ready")},
    )
    after = reduce(view, idle, end_of(events) + 1)
    assert states(after) == {GLM: "ready", QWEN: "queued"}
    assert after.instances[f"{GLM}.1"].leases == 0
