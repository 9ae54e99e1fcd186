"""No history at all upsets a dashboard, and none fills its memory."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields

from paddock.api.activity import RequestInfo, Totals
from paddock.api.bench import BenchNow, RunOutcome
from paddock.api.events import (
    Activity,
    AnyEvent,
    BenchChanged,
    ConfigChanged,
    InstanceChanged,
    InstanceEnded,
    PullChanged,
    QueueChanged,
    Snapshot,
    SpeedMeasured,
    SwitchEnded,
    SwitchProgress,
    TuningChanged,
    VerdictReached,
    YieldChanged,
)
from paddock.api.placement import Speed, Verdict, VerdictState
from paddock.api.pulls import PullFile, PullInfo, PullState
from paddock.api.tunings import Goal, TuningNow
from paddock.api.types import (
    ConfigInfo,
    DeviceInfo,
    Failure,
    InstanceInfo,
    InstanceNow,
    Phase,
    ProfileInfo,
    ProfileNow,
    Progress,
    Stage,
    State,
    Status,
)
from paddock.api.yielding import YieldInfo
from paddock.tui import notices
from paddock.tui.reducer import reduce, reduce_news
from paddock.tui.state import LinkChanged, View
from paddock.tui.traces import LENGTH
from tests.tui import histories
from tests.tui.tale import seen
from tests.tui.world import World, comparable

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
nows = st.none() | st.builds(
    ProfileNow,
    state=st.sampled_from(get_args(State)),
    switching=st.booleans(),
    instance=st.none() | instances,
    failed=st.booleans(),
    last_used=times,
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
    st.builds(
        InstanceChanged,
        now=nows,
        current=st.none() | names,
        instance=infos,
        state=st.sampled_from(get_args(State)),
    ),
    st.builds(
        InstanceEnded,
        now=nows,
        current=st.none() | names,
        instance=instances,
        profile=names,
        failure=failures,
    ),
    st.builds(
        SwitchProgress, now=nows, current=st.none() | names, profile=names, progress=progresses
    ),
    st.builds(
        SwitchEnded,
        now=nows,
        current=st.none() | names,
        profile=names,
        outcome=st.sampled_from(["ready", "failed", "cancelled"]),
        seconds=floats,
        restored=st.lists(names, max_size=2),
        failure=failures,
    ),
    st.builds(
        QueueChanged, now=nows, current=st.none() | names, profile=names, waiting=st.integers(0, 3)
    ),
    st.builds(
        SpeedMeasured,
        profile=names,
        instance=instances,
        speed=speeds,
    ),
    st.builds(
        VerdictReached,
        profile=names,
        instance=instances,
        verdict=verdicts,
    ),
    st.builds(
        Activity,
        requests=st.lists(requests, max_size=5),
        devices=st.lists(devices, max_size=3),
        totals=st.builds(Totals),
        current=st.none() | names,
        instances=st.lists(
            st.builds(InstanceNow, id=instances, phase=st.sampled_from(get_args(Phase))), max_size=3
        ),
        profiles=st.dictionaries(
            names, st.builds(ProfileNow, state=st.sampled_from(get_args(State)))
        ),
        pressure=st.none() | st.floats(0.0, 100.0),
    ),
    st.builds(
        YieldChanged,
        yielded=st.none()
        | st.builds(YieldInfo, since=times, by=st.just("a game"), until=st.none() | times),
    ),
    st.builds(ConfigChanged, config=configs, changed=st.lists(names, max_size=2)),
    st.builds(
        PullChanged,
        pull=st.builds(
            PullInfo,
            id=instances,
            model=names,
            state=st.sampled_from(get_args(PullState)),
            files=st.lists(
                st.builds(PullFile, path=names, size=st.integers(1, 9), done=st.integers(0, 9)),
                max_size=2,
            ),
        ),
    ),
    st.builds(
        TuningChanged,
        tuning=st.builds(
            TuningNow,
            profile=names,
            goal=st.sampled_from(get_args(Goal)),
            outcome=st.sampled_from(get_args(RunOutcome)),
            step=st.sampled_from(["", "trial 2: threads=4"]),
            eta=st.none() | st.floats(0.0, 1000.0),
            gain=st.none() | st.floats(-1.0, 9.0),
        ),
    ),
    st.builds(
        BenchChanged,
        bench=st.builds(
            BenchNow,
            profile=names,
            outcome=st.sampled_from(get_args(RunOutcome)),
            step=st.sampled_from(["", "loading"]),
            number=st.integers(1, 3),
            of=st.just(3),
            eta=st.none() | st.floats(0.0, 1000.0),
            best=names,
            speed=st.none() | st.floats(0.1, 900.0),
        ),
    ),
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


@pytest.mark.long
@given(st.lists(st.tuples(news, pauses), max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_history_upsets_it_and_all_stays_bounded(history) -> None:
    view, now = View(), 100.0
    for seq, (one, pause) in enumerate(history, 1):
        now = max(now + pause, 0.0)
        arrived = one if isinstance(one, LinkChanged) else numbered(one, seq)
        view = reduce_news(view, arrived, now)
        assert reduce_news(view, arrived, now) == view, "reported twice, it is known once"
    assert len(view.notices) <= notices.KEPT
    assert all(0 < len(known.values) <= LENGTH for known in view.traces.values())
    assert len(view.traces) <= 2 + 2 * 3
    assert set(view.switches) <= set(PROFILES)
    assert len(view.instances) <= 6
    lengths = {len(known.values) for known in view.traces.values()}
    assert not lengths or max(lengths) <= LENGTH


@given(st.lists(events, min_size=1, max_size=20), st.data())
@settings(deadline=None)
def test_what_was_reported_before_is_not_folded_again(history, data) -> None:
    """A feed that resumes one event too early does no harm; a reading is always new."""
    view = View()
    for seq, event in enumerate(history, 1):
        view = reduce(view, numbered(event, seq), 100.0 + seq)
    facts = [(s, e) for s, e in enumerate(history, 1) if not isinstance(e, Snapshot | Activity)]
    if facts and view.last_seq:
        seq, event = data.draw(st.sampled_from(facts))
        assert reduce(view, numbered(event, seq), 200.0) == view


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
def test_a_snapshot_says_what_the_events_before_it_reported(before, after) -> None:
    world = World(PROFILES)
    for step in before:
        getattr(world, step[0])(*step[1:])
    late = reduce(View(), world.snapshot(), 100.0)
    world.published.clear()
    for step in after:
        getattr(world, step[0])(*step[1:])
    world.read()
    for event in world.published:
        late = reduce(late, event, 100.0)
    fresh = reduce(View(), world.snapshot(), 100.0)
    assert comparable(late) == comparable(fresh)


def test_folding_changes_no_event_and_no_earlier_view() -> None:
    """The structs of the wire are not frozen: views share them, so nobody may write to them."""
    for story in histories.STORIES:
        events = story()
        before = msgspec.json.encode(events)
        seen(events)
        assert msgspec.json.encode(events) == before
