"""How much a study may cost: time, and trials. Its end is a promise; before it, time is kept for the comparison."""

from time import monotonic

from paddock.tuning.search import BudgetSpent

_SLACK = 1.2  # a load of the comparison may take so much longer than the trial did


class Budget:
    """Runs from when it is made. `reserve`: seconds of it that are kept for what comes after the trials."""

    def __init__(self, seconds: float, trials: int) -> None:
        self._ends, self._trials = monotonic() + seconds, trials
        self.reserve = 0.0

    @property
    def left(self) -> float:
        """Seconds until its end."""
        return max(0.0, self._ends - monotonic())

    @property
    def free(self) -> float:
        """Seconds that are not kept for later."""
        return max(0.0, self.left - self.reserve)

    def keep_for(self, seconds: float) -> None:
        """Keep time for what takes about so long."""
        self.reserve = _SLACK * seconds

    def check(self, needed: float = 0.0) -> None:
        """BudgetSpent where less than this is free."""
        if self.free <= needed:
            raise BudgetSpent("the time is used")

    def check_trials(self, made: int) -> None:
        if made >= self._trials:
            raise BudgetSpent("as many trials as were allowed")
