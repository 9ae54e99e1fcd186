"""What a dashboard knows after a history of events; and that no history at all can upset it."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields

from paddock.api.activity import RequestInfo, Totals
from paddock.api.placement import Speed, Verdict, VerdictState
from paddock.api.types import (
    Activity,
    AnyEvent,
    ConfigChanged,
    ConfigInfo,
    DeviceInfo,
    Failure,
    InstanceChanged,
    InstanceEnded,
    InstanceInfo,
    Phase,
    ProfileInfo,
    Progress,
    QueueChanged,
    Snapshot,
    SpeedMeasured,
    Stage,
    State,
    Status,
    SwitchEnded,
    SwitchProgress,
    VerdictReached,
)
from paddock.tui import notices
from paddock.tui.fold import connected, connecting, dismissed, fold, heard, lost, ticked
from paddock.tui.state import LinkChanged, View
from paddock.tui.traces import LENGTH
from tests.tui import histories
from tests.tui.histories import (
    CLOCK,
    GLM,
    MISTRAL,
    OSS,
    OUT_OF_MEMORY,
    QWEN,
    Tale,
    activity,
    changed,
    cuda0,
    cuda1,
    end_of,
    host,
    instance,
    loaded,
    progress,
    ready_glm,
    request,
    seen,
    snapshot,
    with_glm,
)
from tests.tui.world import World, comparable


def states(view: View) -> dict[str, str]:
    return {model.id: model.state for model in view.models if model.state != "unloaded"}


def lines(view: View) -> list[str]:
    return [notice.text for notice in view.notices]


def trace(view: View, name: str) -> list[float | None]:
    return list(view.traces[name].values)


# ---- the stories ----


def test_an_idle_evening() -> None:
    view = seen(histories.idle())
    assert (view.link, view.current, states(view)) == ("live", GLM, {GLM: "ready"})
    assert (view.version, view.engine) == ("0.1.0", "native b11434")
    assert view.url == histories.URL, "the daemon does not know how it is reached"
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
    assert (at_first, switch.told - since) == (0, 4.0)
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
    assert set(view.traces) == {"generation", "requests", "used:Host"}


def test_who_answers_is_busy_though_no_instance_tells_so() -> None:
    events = histories.busy()
    view = seen(events)
    assert states(view) == {GLM: "busy", QWEN: "queued"}
    assert view.instances[f"{GLM}.1"].leases == 3
    model = view.model(GLM)
    assert model is not None
    assert model.last_used == events[-1].time
    after = fold(view, activity([cuda0(glm=21764)]), end_of(events) + 1)
    assert states(after) == {GLM: "ready", QWEN: "queued"}
    assert after.instances[f"{GLM}.1"].leases == 0


# ---- smaller things ----


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


def test_a_model_that_crashes_while_it_serves_is_told_of_once() -> None:
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
    first = snapshot(profiles=histories.profiles_with())
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
    """The daemon lists it until the driver has given its memory back, and tells of no second end."""
    gone = snapshot([ready_glm(phase="stopping")], profiles=histories.profiles_with())
    assert seen(Tale().tell(gone).events).instances == {}
    leaving = snapshot(
        [ready_glm(phase="stopping")], profiles=histories.profiles_with(glm="stopping")
    )
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
         "models.conf is not in force: line 3: unknown key"),
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


# ---- the link ----


def test_a_lost_link_is_told_once_and_what_was_known_stays() -> None:
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
    told = [
        LinkChanged("connecting"),
        LinkChanged("live"),
        *histories.idle(),
        LinkChanged("lost", "the daemon has ended"),
    ]
    view = View()
    for news in told:
        view = heard(view, news, CLOCK)
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
    assert fold(view, later, end_of(restart)).waiting == {QWEN: 2}


def test_a_failure_outlives_a_snapshot_that_still_tells_of_it() -> None:
    events = histories.failing()
    view = seen(events)
    rows = list(view.models)
    again = snapshot(list(view.instances.values()), profiles=rows, current=GLM)
    again = with_fields(again, seq=view.last_seq, time=events[-1].time)
    assert fold(view, again, end_of(events)).switches == view.switches


def test_a_dashboard_that_comes_late_finds_the_load_under_way() -> None:
    coming = instance(
        "qwen", phase="loading", progress=Progress(stage="loading", elapsed=4.0, mib_done=9000)
    )
    rows = histories.profiles_with(qwen="loading", mistral="queued")
    view = seen(Tale().tell(snapshot([coming], profiles=rows)).events)
    assert {p: s.progress.stage for p, s in view.switches.items()} == {
        MISTRAL: "queued",
        QWEN: "loading",
    }
    assert view.switches[QWEN].began == CLOCK - 4.0
    view = fold(view, loaded("qwen", 5.0, 11000, 17664), CLOCK + 1)
    assert view.switches[QWEN].first == (CLOCK, 9000)


def test_a_second_switch_of_a_profile_has_a_beginning_of_its_own() -> None:
    """Its first one was forgotten silently: its own time tells that this is another."""
    tale = Tale().tell(with_glm(), progress("qwen", "draining", 30.0, GLM))
    view = seen(tale.tell(progress("qwen", "draining", 1.0, GLM), after=60.0).events)
    assert view.switches[QWEN].began == CLOCK + 59.0


# ---- traces ----


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
    view = fold(view, histories.with_glm(), now + 10.0)
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


def test_a_device_that_nobody_tells_of_is_forgotten_after_ten_minutes() -> None:
    tale = Tale().tell(with_glm())
    for _ in range(LENGTH):
        tale.tell(activity([cuda0(glm=21764), host()]), after=1.0)
    view = seen(tale.events)
    assert "used:CUDA1" not in view.traces
    assert len(trace(view, "used:CUDA0")) == LENGTH


def test_a_clock_that_jumps_costs_no_memory() -> None:
    view = ticked(seen(histories.busy()), 1e9)
    assert all(len(known.values) <= LENGTH for known in view.traces.values())
    assert fold(view, activity([cuda1()]), 0.0).traced == view.traced


# ---- whatever happens ----

PROFILES = ["a", "b", "c"]
names = st.sampled_from(PROFILES)
instances = st.sampled_from([f"{name}.{number}" for name in PROFILES for number in (1, 2)])
floats = st.floats(0.0, 1e6)
failures = st.none() | st.builds(
    Failure, code=st.just("load_failed"), message=st.sampled_from(["a exited", "two\nlines", ""])
)
verdicts = st.builds(Verdict, state=st.sampled_from(get_args(VerdictState)))
speeds = st.builds(Speed, prompt=st.none() | floats, generation=st.none() | floats)
progresses = st.builds(
    Progress,
    stage=st.sampled_from(get_args(Stage)),
    part=st.sampled_from(["", "text_model", "b"]),
    fraction=st.none() | st.floats(0.0, 1.0),
    elapsed=floats,
    eta=st.none() | floats,
    mib_done=st.none() | st.integers(0, 1 << 20),
)
infos = st.builds(
    InstanceInfo,
    id=instances,
    profile=names,
    phase=st.sampled_from(get_args(Phase)),
    since=st.just(""),
    verdict=st.none() | verdicts,
    speed=st.none() | speeds,
    progress=st.none() | progresses,
)
devices = st.builds(
    DeviceInfo,
    name=st.sampled_from(["CUDA0", "CUDA1", "Host"]),
    kind=st.just("gpu"),
    total_mib=st.none() | st.integers(0, 1 << 20),
    free_mib=st.none() | st.integers(0, 1 << 20),
    utilization=st.none() | st.floats(0.0, 1.0),
)
requests = st.builds(
    RequestInfo,
    id=st.integers(1, 9),
    profile=names,
    instance=st.none() | instances,
    phase=st.sampled_from(["queued", "prompt", "generating"]),
    speed=st.none() | floats,
)
times = st.sampled_from(["", "2026-11-25T20:00:00.000Z", "yesterday"])
configs = st.builds(ConfigInfo, path=st.just(""), loaded_at=times, error=failures)
rows = st.builds(
    ProfileInfo, id=names, state=st.sampled_from(get_args(State)), failure=failures, last_used=times
)
statuses = st.builds(
    Status,
    version=st.just("0"),
    pid=st.just(1),
    started_at=times,
    current=st.none() | names,
    instances=st.lists(infos, max_size=4),
    queue=st.dictionaries(names, st.integers(0, 3)),
    devices=st.lists(devices, max_size=3),
    config=configs,
    requests=st.lists(requests, max_size=4),
)
events = st.one_of(
    st.builds(Snapshot, status=statuses, profiles=st.lists(rows, unique_by=lambda r: r.id)),
    st.builds(InstanceChanged, instance=infos, state=st.sampled_from(get_args(State))),
    st.builds(InstanceEnded, instance=instances, profile=names, failure=failures),
    st.builds(SwitchProgress, profile=names, progress=progresses),
    st.builds(
        SwitchEnded,
        profile=names,
        outcome=st.sampled_from(["ready", "failed", "cancelled"]),
        seconds=floats,
        restored=st.lists(names, max_size=2),
        failure=failures,
    ),
    st.builds(QueueChanged, profile=names, waiting=st.integers(0, 3)),
    st.builds(SpeedMeasured, profile=names, instance=instances, speed=speeds),
    st.builds(VerdictReached, profile=names, instance=instances, verdict=verdicts),
    st.builds(
        Activity,
        requests=st.lists(requests, max_size=5),
        devices=st.lists(devices, max_size=3),
        totals=st.builds(Totals),
        pressure=st.none() | st.floats(0.0, 100.0),
    ),
    st.builds(ConfigChanged, config=configs, changed=st.lists(names, max_size=2)),
)
news = st.one_of(
    events,
    st.builds(
        LinkChanged,
        link=st.sampled_from(["connecting", "live", "lost"]),
        error=st.sampled_from(["", "gone"]),
    ),
)
pauses = st.sampled_from([0.0, 0.3, 1.0, 3.0, 1000.0, -5.0])


def numbered(event: AnyEvent, seq: int) -> AnyEvent:
    return with_fields(event, seq=seq, time="2026-11-25T20:00:00.000Z")


@given(st.lists(st.tuples(news, pauses), max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_history_upsets_it_and_all_stays_bounded(history) -> None:
    view, now = View(), 100.0
    for seq, (one, pause) in enumerate(history, 1):
        now = max(now + pause, 0.0)
        told = one if isinstance(one, LinkChanged) else numbered(one, seq)
        view = heard(view, told, now)
        assert heard(view, told, now) == view, "told twice, it is known once"
    assert len(view.notices) <= notices.KEPT
    assert all(0 < len(known.values) <= LENGTH for known in view.traces.values())
    assert len(view.traces) <= 2 + 2 * 3
    assert set(view.switches) <= set(PROFILES)
    assert len(view.instances) <= 6
    lengths = {len(known.values) for known in view.traces.values()}
    assert not lengths or max(lengths) <= LENGTH


@given(st.lists(events, min_size=1, max_size=20), st.data())
@settings(deadline=None)
def test_what_was_told_before_is_not_folded_again(history, data) -> None:
    """A feed that resumes one event too early does no harm; a reading is always new."""
    view = View()
    for seq, event in enumerate(history, 1):
        view = fold(view, numbered(event, seq), 100.0 + seq)
    facts = [(s, e) for s, e in enumerate(history, 1) if not isinstance(e, Snapshot | Activity)]
    if facts and view.last_seq:
        seq, event = data.draw(st.sampled_from(facts))
        assert fold(view, numbered(event, seq), 200.0) == view


steps = st.one_of(
    st.tuples(st.sampled_from(["ask", "give_up", "load", "serve", "fail", "stop"]), names),
    st.tuples(st.just("judge"), names, verdicts),
    st.tuples(st.just("measure"), names, speeds),
    st.tuples(
        st.just("work"), st.dictionaries(names, st.integers(0, 2)), st.lists(devices, max_size=2)
    ),
)


@given(st.lists(steps, max_size=15), st.lists(steps, min_size=1, max_size=25))
@settings(max_examples=200, deadline=None)
def test_a_snapshot_tells_what_the_events_before_it_told(before, after) -> None:
    world = World(PROFILES)
    for step in before:
        getattr(world, step[0])(*step[1:])
    late = fold(View(), world.snapshot(), 100.0)
    world.told.clear()
    for step in after:
        getattr(world, step[0])(*step[1:])
    for event in world.told:
        late = fold(late, event, 100.0)
    fresh = fold(View(), world.snapshot(), 100.0)
    assert comparable(late) == comparable(fresh)


def test_folding_changes_no_event_and_no_earlier_view() -> None:
    """The structs of the wire are not frozen: views share them, so nobody may write to them."""
    for story in histories.STORIES:
        events = story()
        before = msgspec.json.encode(events)
        seen(events)
        assert msgspec.json.encode(events) == before
