"""How much a study may cost: time, and trials."""

from time import monotonic

from paddock.tuning.search import BudgetSpent

_TURN = (
    2 * 1.4
)  # trials that one comparison of the best with today takes: two loads, with more samples each
_SHARE = 0.35  # of the budget that the second comparison may take, where there is one


class Budget:
    """Runs from when it is made."""

    def __init__(self, seconds: float, trials: int) -> None:
        self._ends, self._trials, self._all = monotonic() + seconds, trials, seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._ends - monotonic())

    def is_spent(self, needed: float) -> bool:
        """Whether so many seconds are more than there is."""
        return self.left <= needed

    def check_load(self, typical: float) -> None:
        """BudgetSpent where one more load leaves no time to compare at the end. `typical`: seconds of one."""
        last = max(_TURN * typical, min(2 * _TURN * typical, _SHARE * self._all))
        if self.is_spent(typical + last):
            raise BudgetSpent("the time is used")

    def check_trials(self, made: int) -> None:
        if made >= self._trials:
            raise BudgetSpent("as many trials as were allowed")
