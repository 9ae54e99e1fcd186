"""What a score is, by what was measured."""

import pytest

from paddock.api.bench import BenchedProfile, DepthFigures, StreamFigures
from paddock.bench.spread import spread_of
from paddock.tuning.budget import Budget
from paddock.tuning.goals import TURNS, turn_of
from paddock.tuning.search import BudgetSpent


def benched() -> BenchedProfile:
    return BenchedProfile(
        profile="m", outcome="done", context=8192,
        depths=[DepthFigures(depth=1024, prompt=spread_of([512.0, 1024.0]), generation=spread_of([64.0, 128.0]))],
        streams=[StreamFigures(streams=4, depth=512, generation=spread_of([200.0, 210.0]))],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("goal", "samples"),
    [
        ("chat", [256 / (1024 / 512 + 256 / 64), 256 / (1024 / 1024 + 256 / 128)]),
        ("agent", [256 / (8192 / 512 + 256 / 64), 256 / (8192 / 1024 + 256 / 128)]),
        ("throughput", [200.0, 210.0]),
        ("context", [8192.0]),
    ],
)
def test_a_score(goal: str, samples: list[float]) -> None:
    found = TURNS[goal].scores(benched())  # type: ignore[index]
    assert found
    assert found.samples == pytest.approx(samples)


def test_nothing_measured_is_no_score() -> None:
    assert TURNS["chat"].scores(BenchedProfile(profile="m", outcome="failed")) is None


def test_what_is_measured_fits_the_context() -> None:
    turn = TURNS["agent"]
    assert turn.options(3, None, None).depths == (8192,)
    assert turn.options(3, 4096, 1).depths == (4096 - 96 - 16,)
    assert TURNS["throughput"].options(3, 4096, 4).streams == (4,)
    assert TURNS["chat"].options(3, 4096, 4).streams == (1,)


def test_a_turn_of_ones_own() -> None:
    turn = turn_of("chat", (4096, 32))
    assert (turn.prompt, turn.answer, turn.measured) == (4096, 32, 32)


def test_a_budget_keeps_time_for_the_comparison_at_the_end() -> None:
    budget = Budget(100.0, trials=5)
    budget.check(90.0)
    budget.keep_for(50.0)
    assert budget.free == pytest.approx(100 - 60, abs=1)
    assert budget.left == pytest.approx(100, abs=1)
    with pytest.raises(BudgetSpent):
        budget.check(41.0)
    budget.reserve = 0.0
    budget.check(90.0)
    budget.check_trials(4)
    with pytest.raises(BudgetSpent):
        budget.check_trials(5)
