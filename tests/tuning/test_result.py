"""What counts as better, which change brings what, and what nothing beats."""

import random
from collections.abc import Callable, Mapping

import pytest

from paddock.api.tunings import Goal, Tuning, TuningTrial
from paddock.bench.spread import spread_of
from paddock.tuning.result import front_of, is_clearly_more, judge, trimmed
from paddock.tuning.search import BudgetSpent
from tests.tuning.spaces import SPACE, Machine, trial

PAIRS = 8_000


def _steady(chance: random.Random) -> float:
    return chance.gauss(100, 5)


def _disturbed(chance: random.Random) -> float:
    """Three of ten beside a program that comes and goes."""
    return chance.gauss(100, 2) * (1 if chance.random() < 0.7 else chance.uniform(0.2, 1))


@pytest.mark.parametrize("draw", [_steady, _disturbed])
def test_of_equal_truth_hardly_ever_one_is_called_better(
    draw: Callable[[random.Random], float],
) -> None:
    chance = random.Random(20)
    found = 0
    for _ in range(PAIRS):
        today, best = (spread_of([draw(chance) for _ in range(6)]) for _ in range(2))
        assert today
        assert best
        found += is_clearly_more(today, best)
    assert found <= PAIRS // 1000, "one in a thousand"


@pytest.mark.parametrize(
    ("today", "best", "verdict"),
    [
        ([50, 51, 50, 52, 51, 50], [60, 61, 60, 62, 61, 60], "better"),
        ([50, 51, 50, 52, 51, 50], [60, 61, 60, 62, 61, 12], "better"),  # one was disturbed
        ([50, 51, 50, 52, 51, 50], [60, 61, 60, 62, 13, 12], "same"),  # two are no accident
        ([50, 64, 50, 52, 51, 50], [430, 145, 420, 210, 250, 132], "better"),  # wide, and far away
        ([50, 51, 50, 52, 51, 50], [51, 52, 51, 53, 52, 51], "same"),
        ([50.0, 50.1, 50.0, 50.1, 50.0, 50.1], [51.0, 51.1, 51.0, 51.1, 51.0, 51.1], "same"),  # 2 %
        ([60, 61, 60, 62, 61, 60], [50, 51, 50, 52, 51, 50], "same"),
        ([50, 51], [60, 61], "unproven"),
        ([50, 51, 50, 52, 51, 50], [60, 61, 60, 62], "unproven"),  # the comparison was cut
        ([50, 51, 50, 52, 51], [60, 61, 60, 62, 61], "better"),
    ],
)
def test_the_verdict(today: list[float], best: list[float], verdict: str) -> None:
    tuning = Tuning(profile="m", goal="chat", begun_at="", changes={"threads": "4"}, best_trial=2)
    tuning.today, tuning.best = spread_of(today), spread_of(best)
    judge(tuning, "chat")
    assert tuning.verdict == verdict
    assert bool(tuning.changes) == (verdict == "better")


@pytest.mark.parametrize(
    ("today", "best", "verdict"), [(4096, 8192, "better"), (4096, 4096, "same")]
)
def test_a_context_is_counted(today: int, best: int, verdict: str) -> None:
    tuning = Tuning(profile="m", goal="context", begun_at="", best_trial=2)
    tuning.today, tuning.best = spread_of([today]), spread_of([best])
    judge(tuning, "context")
    assert tuning.verdict == verdict


def test_no_time_for_a_comparison_changes_nothing() -> None:
    tuning = Tuning(profile="m", goal="chat", begun_at="", changes={"threads": "4"}, best_trial=2)
    tuning.today = spread_of([10.0, 10.1, 10.0])
    judge(tuning, "chat")
    assert (tuning.verdict, tuning.changes) == ("unproven", {})


# ---- which change brings what ----


def test_changes_that_bring_nothing_are_taken_out_of_the_best() -> None:
    machine = Machine(lambda c: 10.0 * (2 if c["threads"] == "4" else 1))
    today = machine.try_(SPACE.today())
    best = machine.try_({**SPACE.today(), "threads": "4", "ubatch": "1024", "load-mode": "none"})
    kept, parts = trimmed(SPACE, machine, today, best)
    assert kept.changes == {"threads": "4"}
    assert [(one.name, one.before, one.after, one.gain) for one in parts] == [
        ("threads", "2", "4", 1.0)
    ]


def test_each_change_of_the_best_is_weighed_alone() -> None:
    machine = Machine(
        lambda c: 10.0 * (2 if c["threads"] == "4" else 1) * (1.5 if c["ubatch"] == "1024" else 1)
    )
    today = machine.try_(SPACE.today())
    best = machine.try_({**SPACE.today(), "threads": "4", "ubatch": "1024"})
    _, parts = trimmed(SPACE, machine, today, best)
    assert {one.name: one.gain for one in parts} == {"threads": 1.0, "ubatch": 0.5}


def test_what_there_was_no_time_to_take_out_stays_and_says_so() -> None:
    class Spent(Machine):
        def try_(self, choices: Mapping[str, str]) -> TuningTrial:
            if self.made >= 2:
                raise BudgetSpent
            return super().try_(choices)

    machine = Spent(lambda c: 10.0)
    today = machine.try_(SPACE.today())
    best = machine.try_({**SPACE.today(), "threads": "4"})
    kept, parts = trimmed(SPACE, machine, today, best)
    assert kept is best
    assert [(one.name, one.gain) for one in parts] == [("threads", None)]


# ---- what nothing beats ----


def test_the_front_has_what_no_other_trial_beats() -> None:
    fast = trial(1, generation=60.0, context=4096, free_mib=100)
    roomy = trial(2, generation=40.0, context=4096, free_mib=9000)
    long = trial(3, generation=30.0, context=65536, free_mib=10)
    beaten = trial(4, generation=35.0, context=4096, free_mib=8000)
    twin = trial(5, generation=60.0, context=4096, free_mib=100)
    failed = trial(6, generation=99.0, context=9, free_mib=9)
    failed.state = "failed"
    assert front_of([fast, roomy, long, beaten, twin, failed]) == [1, 2, 3]


def test_whatever_is_measured_nothing_on_the_front_is_beaten() -> None:
    chance = random.Random(3)
    for _ in range(200):
        trials = [
            trial(n, chance.randint(1, 5), chance.randint(1, 5), chance.randint(1, 5))
            for n in range(1, 12)
        ]
        front = front_of(trials)
        merits = {t.number: (t.generation or 0.0, t.context or 0, t.free_mib or 0) for t in trials}
        assert front
        for number in front:
            assert not any(
                all(a >= b for a, b in zip(merits[other], merits[number], strict=True))
                and merits[other] != merits[number]
                for other in merits
            )
        assert len({merits[number] for number in front}) == len(front)


def test_goals_are_those_of_the_api() -> None:
    from typing import get_args

    from paddock.tuning.goals import TURNS

    assert set(TURNS) == set(get_args(Goal))
