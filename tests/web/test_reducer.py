"""The page's reducer beside the terminal's: after each step of any history both know the same."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from paddock.api.bench import BenchNow
from paddock.api.events import AnyEvent, BenchChanged, ConfigChanged, PullChanged, TuningChanged
from paddock.api.pulls import PullFile, PullInfo
from paddock.api.tunings import TuningNow
from paddock.api.types import ConfigInfo
from paddock.tui.reducer import reduce_news
from paddock.tui.state import LinkChanged, News, View
from tests.tui import histories
from tests.tui.machine import CLOCK
from tests.tui.tale import clock_of
from tests.tui.test_reducer_properties import news, numbered, pauses
from tests.web.node import run

# The page words notices where it shows them, and keeps an hour of readings elsewhere.
APART = {"traces", "traced", "url", "notices", "refused"}
TALES = ("idle", "loading", "failing", "two_resident", "degraded", "no_gpu", "busy", "restarted")
Step = tuple[News, float]


def test_every_recorded_history() -> None:
    _compare({name: _steps_of(getattr(histories, name)()) for name in TALES})


def test_a_loss_a_restart_and_a_return() -> None:
    lost = [(LinkChanged("connecting"), CLOCK + 90), (LinkChanged("lost", "gone"), CLOCK + 91)]
    before = _steps_of(histories.failing())
    _compare({"all": [*before, *lost, *lost, *_steps_of(histories.restarted())]})


def test_histories_that_no_daemon_would_tell() -> None:
    found: list[list[Step]] = []

    @settings(max_examples=150, phases=[Phase.generate], database=None, derandomize=True)
    @given(st.lists(st.tuples(news, pauses), max_size=30))
    def draw(history: list[tuple[News, float]]) -> None:
        steps, now = [], 100.0
        for seq, (one, pause) in enumerate(history, 1):
            now += max(pause, 0.0)  # a page has a clock that never goes back
            steps.append((one if isinstance(one, LinkChanged) else numbered(one, seq), now))
        found.append(steps)

    draw()
    assert len(found) == 150
    _compare({str(number): steps for number, steps in enumerate(found)})


def _steps_of(events: Sequence[AnyEvent]) -> list[Step]:
    return [(event, clock_of(event)) for event in events]


def _compare(tales: Mapping[str, Sequence[Step]]) -> None:
    on_the_wire = {
        name: [(msgspec.to_builtins(one), now) for one, now in steps]
        for name, steps in tales.items()
    }
    pages = run("reduce.mjs", on_the_wire)
    for name, steps in tales.items():
        view = View()
        for (one, now), page in zip(steps, pages[name], strict=True):
            view = reduce_news(view, one, now)
            assert _known(page) == _known(_plain(view)), (name, one)
            assert [_notice(n) for n in page["notices"]] == [
                (n.kind, n.at, n.profile) for n in view.notices
            ]


def _plain(view: View) -> dict[str, Any]:
    return {f.name: msgspec.to_builtins(getattr(view, f.name)) for f in fields(view)}


def _notice(notice: Mapping[str, Any]) -> tuple[str, float, str]:
    return notice["kind"], notice["at"], notice["profile"]


def _known(view: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _bare(value) for name, value in view.items() if name not in APART and value}


def _bare(value: Any) -> Any:
    """Without what is left out on the wire: what is empty says nothing. Seconds to the microsecond."""
    if isinstance(value, dict):
        bare = {name: _bare(inner) for name, inner in value.items()}
        return {name: inner for name, inner in bare.items() if inner or name == "first"}
    if isinstance(value, list | tuple):
        return [_bare(inner) for inner in value]
    return round(value, 6) if isinstance(value, float) else value


def _notices_after_each(events: Sequence[AnyEvent]) -> list[list[str]]:
    """The terminal's lines after each event, once both were found to know the same."""
    steps: list[Step] = [(numbered(one, seq), CLOCK + seq) for seq, one in enumerate(events, 1)]
    _compare({"all": steps})
    view, found = View(), []
    for one, now in steps:
        view = reduce_news(view, one, now)
        found.append([notice.text for notice in view.notices])
    return found


def test_a_download_is_one_line_that_goes_on() -> None:
    def said(model: str, state: str, done: int = 0) -> PullChanged:
        files = [PullFile(path="x.gguf", size=100, done=done)]
        return PullChanged(pull=PullInfo(id="1", model=model, state=state, files=files))  # type: ignore[arg-type]

    said_in_turn = [
        said("a/b", "running"),
        said("a/b", "running", 50),
        said("c/d", "running"),
        said("a/b", "done"),
    ]
    assert _notices_after_each(said_in_turn)[-1] == [
        "a/b: running, 50%",
        "c/d: running, 0%",
        "a/b: done",
    ]


def test_a_study_is_one_line_that_goes_on_and_its_trials_are_no_news_of_models_conf() -> None:
    config = ConfigInfo(path="models.conf", loaded_at="")
    said_in_turn: list[AnyEvent] = [
        TuningChanged(tuning=TuningNow(profile="a", goal="chat")),
        ConfigChanged(config=config, added=["a@tune"]),
        TuningChanged(tuning=TuningNow(profile="a", goal="chat", step="trial 2", gain=0.2, eta=60.0)),
        ConfigChanged(config=config, changed=["a@tune"]),
        TuningChanged(tuning=TuningNow(profile="a", goal="chat", outcome="done", gain=0.25)),
    ]  # fmt: skip
    found = _notices_after_each(said_in_turn)
    assert found[0] == ["a: tuning, for chat: begins"]
    assert found[2] == found[3] == ["a: tuning, +20.0% so far, 1 min 00 s left, for chat: trial 2"]  # fmt: skip
    assert found[4] == ["a: tuning for chat: done, +25.0%"]


def test_a_benchmark_is_one_line_over_all_its_profiles() -> None:
    said_in_turn: list[AnyEvent] = [
        BenchChanged(bench=BenchNow(profile="a", number=1, of=2, step="loading")),
        BenchChanged(bench=BenchNow(profile="b", number=2, of=2, step="64 tokens, 1 of 3", eta=60.0, best="a", speed=41.25)),
        BenchChanged(bench=BenchNow(profile="b", number=2, of=2, outcome="done", best="b", speed=50.0)),
    ]  # fmt: skip
    found = _notices_after_each(said_in_turn)
    assert found == [
        ["a: benchmark 1 of 2: loading"],
        ["b: benchmark 2 of 2, 1 min 00 s left, fastest so far a with 41.2 t/s: 64 tokens, 1 of 3"],
        ["b: benchmark: done, fastest so far b with 50.0 t/s"],
    ]  # fmt: skip
