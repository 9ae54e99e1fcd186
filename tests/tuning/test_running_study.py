"""A study in this process, with a real daemon and real llama-servers: each goal, the end of its time, other traffic.

What a flag is worth is planted in the engine (`slow.c`); the end of the time is brought about by the test, so that
it comes where it is meant to.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from paddock.api.chat import ask
from paddock.api.client import Client
from paddock.api.tunings import Goal, Tuning, TuningTrial
from paddock.llama.scripted import ScriptedModel, write
from paddock.tuning import study
from paddock.tuning.budget import Budget
from tests.tuning.slowness import needs_slowness, slow_engine
from tests.yard import places, process

pytestmark = needs_slowness

CONF = """
[slots]
model = m.gguf
parallel = 2
ctx-size = 1024
threads = 3
[short]
model = m.gguf
ctx-size = 512
[full]
model = m.gguf
ctx-size = 2048
[m]
model = m.gguf
ctx-size = 512
threads = 1
[before]
model = before.gguf
[other]
model = other.gguf
"""
# Two and three threads are slow, and so is the largest context.
SLOW = '*" --threads 2 "*|*" --threads 3 "*|*" --ctx-size 2048 "*'


class Place:
    """The daemon, and a file: while it is there no engine gets further than its start."""

    def __init__(self, url: str, root: Path) -> None:
        self.client, self.root, self.hang = Client(url), root, root / "hang"

    def study(
        self, name: str, goal: Goal, heard: Callable[[str], None] | None = None, **options: Any
    ) -> Tuning:
        wanted = study.TuneOptions(goal=goal, turn=(16, 4), command="paddock tune", **options)
        proposal = study.proposed(self.client, name, wanted, cores=2)
        return study.Study(self.client, proposal, wanted, _Heard(heard), self.root).run()

    def live(self) -> set[str]:
        found = self.client.status().instances
        return {one.profile for one in found if one.phase in ("ready", "busy")}

    def until_live(self, *names: str) -> None:
        for _ in self.client.events():
            if self.live() == set(names):
                return


class _Heard:
    def __init__(self, heard: Callable[[str], None] | None) -> None:
        self._heard = heard

    def step(self, text: str, left: float | None) -> None:
        if self._heard:
            self._heard(text)

    def trial(self, trial: TuningTrial, unit: str) -> None: ...


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("study")
    paths = places(root / "yard", CONF)
    paths.models_dir.mkdir()
    write(paths.models_dir / "m.gguf", ScriptedModel(say="One two.", endless=True, ctx=2048))
    for name in ("before", "other"):
        write(paths.models_dir / f"{name}.gguf", ScriptedModel(say=f"I am {name}."))
    waits = f"while [ -e {root}/hang ]; do sleep 0.05; done"
    engine = slow_engine(root, SLOW, 60, usual_ms=12, first=waits)
    with process(paths, "--engine", str(engine)) as own:
        yield Place(own.url, root)


# ---- the goals ----


def test_a_throughput_that_is_better_with_other_threads_is_found(place: Place) -> None:
    found = place.study("slots", "throughput", only=("threads",), trials=2)
    assert found.verdict == "better", found
    assert found.changes.keys() == {"threads"}
    assert found.unit == "tokens/s"
    assert "all streams" in found.measured
    assert found.today
    assert found.best
    assert found.best.low > found.today.high


def test_a_throughput_that_is_equal_is_not_called_better(place: Place) -> None:
    found = place.study("full", "throughput", only=("load-mode",))
    assert (found.verdict, found.changes) == ("same", {}), found


def test_the_longest_context_that_is_not_slower_is_found(place: Place) -> None:
    found = place.study("short", "context", only=("context",), trials=4)
    longest = next(one for one in found.trials if one.choices["context"] == "2048")
    assert longest.score is None
    assert "less than 90%" in longest.why
    assert (found.verdict, found.changes) == ("better", {"ctx-size": "1024"}), found
    assert found.best
    assert (found.best.median, found.unit) == (1024, "tokens")


def test_a_context_that_no_setting_makes_longer_is_not_called_better(place: Place) -> None:
    found = place.study("full", "context", only=("context", "load-mode"), trials=2)
    assert (found.verdict, found.changes) == ("same", {}), found


# ---- the end of its time ----


class _Clock:
    """Has the time of a study end a moment after a step that begins so, while no engine starts any more."""

    def __init__(self, place: Place, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._place, self._step = place, step
        self.end: float | None = None
        clock = self

        class Ending(Budget):
            @property
            def free(self) -> float:
                return super().free if clock.end is None else max(0.0, clock.end - monotonic())

        monkeypatch.setattr(study, "Budget", Ending)

    def heard(self, text: str) -> None:
        if text.startswith(self._step) and self.end is None:
            self._place.hang.touch()
            self.end = monotonic() + 0.5

    def check(self) -> None:
        assert self.end
        assert monotonic() - self.end < 10, "for ever, if nothing ended it"


@contextmanager
def ending(place: Place, step: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Clock]:
    clock = _Clock(place, step, monkeypatch)
    try:
        yield clock
    finally:
        place.hang.unlink(missing_ok=True)


def test_a_load_that_would_outlast_the_budget_is_broken_off(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ending(place, "trial 2", monkeypatch) as clock:
        found = place.study("m", "chat", clock.heard, only=("load-mode",), repeat=1)
        clock.check()
    assert (found.outcome, len(found.trials), found.changes) == ("done", 1, {})
    assert any("its time was over" in note for note in found.notes)


def test_a_comparison_that_would_outlast_the_budget_is_broken_off_and_proves_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ending(place, "the best again, 1", monkeypatch) as clock:
        found = place.study("slots", "chat", clock.heard, only=("threads",), trials=2, repeat=1)
        clock.check()
    assert (found.outcome, found.verdict, found.changes) == ("done", "unproven", {})
    assert [note for note in found.notes if "comparison" in note]


# ---- others ----


def test_whoever_asks_in_a_trial_is_served_the_trial_is_measured_again_and_all_models_come_back(
    place: Place,
) -> None:
    """Slow requests: somebody comes in the middle of one."""
    place.client.unload()
    place.client.switch("before")
    heard: list[str] = []
    measured = threading.Event()

    def other() -> None:
        while not any(r.client.startswith("paddock-bench") for r in place.client.status().requests):
            sleep(0.02)
        pieces = ask(Client(place.client.url), "other", "hi")
        heard.append("".join(piece.text for piece in pieces if piece.kind == "content"))
        heard.append("after" if measured.is_set() else "meanwhile")

    asking = threading.Thread(target=other)

    def step(text: str) -> None:
        if text.startswith("trial 2"):
            asking.start()

    found = place.study("m", "chat", step, only=("threads",), trials=2, repeat=2)
    measured.set()
    asking.join()
    assert heard == ["I am other.", "meanwhile"]
    disturbed = found.trials[1]
    assert disturbed.repeated >= 1, found.trials
    assert disturbed.beside_traffic == 0
    assert disturbed.score
    assert len(disturbed.score.samples) == 2, "nothing is missing"
    place.until_live("before", "other")
