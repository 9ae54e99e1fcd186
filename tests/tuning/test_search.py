"""The order of trials, by machines of which the truth is known."""

from collections.abc import Callable, Mapping

import pytest

from paddock.tuning.search import BudgetSpent, Search
from tests.tuning.spaces import SPACE, Machine

Truth = Callable[[Mapping[str, str]], float | None]


def _threads(choices: Mapping[str, str]) -> float:
    return {"1": 5.0, "2": 10.0, "3": 14.0, "4": 13.0}[choices["threads"]]


def _both(choices: Mapping[str, str]) -> float:
    return _threads(choices) * {"128": 0.5, "256": 0.8, "512": 1, "1024": 1.3, "2048": 1.1}[choices["ubatch"]]  # fmt: skip


@pytest.mark.parametrize(
    ("truth", "best"),
    [
        (_threads, {"threads": "3"}),
        (_both, {"threads": "3", "ubatch": "1024"}),
        (lambda c: 10.0, {}),
        (lambda c: 10.0 + (c["load-mode"] == "none") * 0.1, {}),  # 1 %: noise
        (lambda c: None if c["threads"] == "3" else _threads(c), {}),
        (lambda c: None if c["ubatch"] == "2048" else _both(c), {"threads": "3", "ubatch": "1024"}),
    ],
)
def test_the_best_is_found_with_few_loads(truth: Truth, best: dict[str, str]) -> None:
    machine = Machine(truth)
    search = Search(SPACE, machine)
    search.run()
    assert search.best
    assert search.best.choices == {**SPACE.today(), **best}
    assert machine.made <= SPACE.grid / 2, "half of a full grid at most"


def test_what_only_changes_together_is_found_by_a_guess() -> None:
    def truth(choices: Mapping[str, str]) -> float:
        return 30.0 if (choices["threads"], choices["ubatch"]) == ("4", "128") else 10.0

    lucky = {**SPACE.today(), "threads": "4", "ubatch": "128"}
    machine = Machine(truth, guesses=[lucky])
    search = Search(SPACE, machine)
    search.run()
    assert search.best
    assert search.best.choices == lucky


def test_a_profile_that_cannot_be_measured_today_is_not_searched() -> None:
    machine = Machine(lambda c: None)
    search = Search(SPACE, machine)
    search.run()
    assert machine.made == 1
    assert search.today
    assert search.today.score is None


@pytest.mark.parametrize("most", range(8))
def test_whenever_the_budget_ends_the_best_so_far_is_known(most: int) -> None:
    machine = Machine(_both, most=most)
    search = Search(SPACE, machine)
    if most < 7:
        with pytest.raises(BudgetSpent):
            search.run()
    known = [one for one in machine.tried if one.score]
    best = max((one.score.median for one in known if one.score), default=0.0)
    assert (search.best.score.median if search.best and search.best.score else 0.0) == best
