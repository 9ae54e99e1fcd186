"""Which trials are made, in which order: one thing after the other from the best so far, then a sampler's guesses.

Pure but for whoever tries. The order needs few loads and says by itself which change brings what; the sampler
finds what only changes together.
"""

from collections.abc import Mapping
from typing import Protocol

from paddock.api.tunings import TuningTrial
from paddock.tuning.space import Knob, Space

WORTH = 0.02  # less more than the best is no reason to go that way: samples of a trial are few
_STALE = 4  # guesses in a row that bring nothing
_IDLE = 6  # guesses in a row that need no load
_PASSES = 2  # over all that is varied


class BudgetSpent(Exception):
    """No time, or no trial, is left."""


class Trier(Protocol):
    """Who makes trials, or answers from those that were made."""

    def try_(self, choices: Mapping[str, str]) -> TuningTrial:
        """What came of it. BudgetSpent where it would need a load that cannot be paid any more."""

    def guess(self) -> TuningTrial:
        """The same of choices that the sampler draws."""


class Search:
    """`best` is what is known at any time; None before today's line was measured."""

    def __init__(self, space: Space, trier: Trier) -> None:
        self._space, self._trier = space, trier
        self.today: TuningTrial | None = None
        self.best: TuningTrial | None = None

    def run(self) -> None:
        """Until nothing is left to try. BudgetSpent, and what was found stands in `best`."""
        self.today = self.best = self._trier.try_(self._space.today())
        if self.best.score is None:
            return
        for _ in range(_PASSES):
            before = self.best
            for knob in self._space.knobs:
                self._along(knob)
            if self.best is before:
                break
        self._guess()

    def _along(self, knob: Knob) -> None:
        if knob.ladder:
            self._climb(knob, 1)
            self._climb(knob, -1)
            return
        start = self._choices
        for choice in knob.choices:
            if choice.label != start[knob.name]:
                self._move({**start, knob.name: choice.label})

    def _climb(self, knob: Knob, step: int) -> None:
        """From where the best stands, as long as it gets better; what lies alike is passed over."""
        labels = [knob.choices[at].label for at in knob.ladder]
        start = self._choices
        at = labels.index(start[knob.name]) + step
        while 0 <= at < len(labels):
            trial, is_better = self._move({**start, knob.name: labels[at]})
            if not is_better and trial.state != "same":
                return
            at += step

    def _move(self, choices: Mapping[str, str]) -> tuple[TuningTrial, bool]:
        trial = self._trier.try_(choices)
        return trial, self._adopt(trial)

    def _adopt(self, trial: TuningTrial) -> bool:
        is_better = trial.state == "measured" and is_more(trial, self.best)
        if is_better:
            self.best = trial
        return is_better

    def _guess(self) -> None:
        stale = idle = 0
        while self._space.knobs and stale < _STALE and idle < _IDLE:
            trial = self._trier.guess()
            if trial.state == "measured":
                stale, idle = 0 if self._adopt(trial) else stale + 1, 0
            else:
                idle += 1

    @property
    def _choices(self) -> dict[str, str]:
        assert self.best is not None, "today's line was measured first"
        return dict(self.best.choices)


def is_more(trial: TuningTrial, best: TuningTrial | None, worth: float = WORTH) -> bool:
    """Whether its score is more than that of the best, by enough to go that way."""
    if trial.score is None or best is None or best.score is None:
        return False
    return trial.score.median > best.score.median * (1 + worth)
