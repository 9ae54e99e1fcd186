"""What a study came to: which change brings what, what could be had besides, and whether it is beyond the noise. Pure."""

from collections.abc import Sequence
from typing import Literal

from paddock.api.bench import Spread
from paddock.api.tunings import Contribution, Goal, Tuning, TuningTrial
from paddock.tuning.search import BudgetSpent, Trier, is_more
from paddock.tuning.space import Space

_MANY = 6  # samples: so many that one can be left out
_ENOUGH = 5  # samples of each; of three and three equal ones, one pair in 200 is apart by chance
_LEAST = 0.03  # a gain of less is not worth a line


def trimmed(
    space: Space, trier: Trier, today: TuningTrial, best: TuningTrial
) -> tuple[TuningTrial, list[Contribution]]:
    """The best without the changes that bring nothing, and what each of the others brings."""
    found: dict[str, float | None] = {}
    for name in changed(space, best):
        without = _without(space, trier, best, name)
        if without is None or without.score is None:
            found[name] = None
        elif is_more(best, without):
            found[name] = _gain(without, best)
        else:
            best, found = without, {key: gain for key, gain in found.items() if key != name}
    labels = space.today()
    return best, [
        Contribution(name=name, before=labels[name], after=best.choices[name], gain=found.get(name))
        for name in changed(space, best)
    ]


def _without(space: Space, trier: Trier, best: TuningTrial, name: str) -> TuningTrial | None:
    """The same with today's choice of this; None where there was no time for it."""
    try:
        return trier.try_({**best.choices, name: space.today()[name]})
    except BudgetSpent:
        return None


def changed(space: Space, trial: TuningTrial) -> list[str]:
    """What it has otherwise than today."""
    return [name for name, label in space.today().items() if trial.choices[name] != label]


def _gain(before: TuningTrial, after: TuningTrial) -> float | None:
    if before.score is None or after.score is None or not before.score.median:
        return None
    return after.score.median / before.score.median - 1


def front_of(trials: Sequence[TuningTrial]) -> list[int]:
    """The numbers of those that no other one beats: in generation speed, context and free memory together."""
    measured = [trial for trial in trials if trial.state == "measured" and trial.generation]
    kept: list[TuningTrial] = []
    for trial in measured:
        rivals = (other for other in measured if other is not trial)
        if not any(_beats(other, trial) for other in rivals):
            kept.append(trial)
    return [trial.number for trial in kept]


def _beats(one: TuningTrial, other: TuningTrial) -> bool:
    """No worse in anything and better in something; of equals the earlier one."""
    ours, theirs = _merits(one), _merits(other)
    if ours == theirs:
        return one.number < other.number
    return all(a >= b for a, b in zip(ours, theirs, strict=True))


def _merits(trial: TuningTrial) -> tuple[float, int, int]:
    return trial.generation or 0.0, trial.context or 0, trial.free_mib or 0


def judge(tuning: Tuning, goal: Goal) -> None:
    """Say whether the best is better than today beyond the spread of both; only then there are changes to write."""
    today, best = tuning.today, tuning.best
    if today is None or best is None:
        is_equal = tuning.best_trial is not None and not tuning.changes
        tuning.verdict = "same" if is_equal else "unproven"
    elif goal == "context":  # it is counted, not measured
        tuning.verdict = "better" if best.median > today.median else "same"
    else:
        tuning.verdict = _verdict(today, best)
    if tuning.verdict != "better":
        tuning.changes, tuning.contributions = {}, []


def is_clearly_more(today: Spread, best: Spread) -> bool:
    """Whether `best` is more than `today` beyond their spread: as `bench.spread.difference`, but for two things.

    Of six samples or more the slowest of each is left out, since what disturbs a measurement makes it slower and
    never faster; and widths are ratios, as gains are. Of equal truth it says so once in some ten thousand pairs
    (`tests/tuning/test_result.py` counts them).
    """
    before, after = _counted(today), _counted(best)
    is_apart = before[0] > 0 and after[0] > before[-1] and best.median > (1 + _LEAST) * today.median
    widths = (before[-1] / before[0]) * (after[-1] / after[0]) if is_apart else 0.0
    return is_apart and best.median / today.median > widths


def _counted(spread: Spread) -> list[float]:
    found = sorted(spread.samples)
    return found[1:] if len(found) >= _MANY else found


def _verdict(today: Spread, best: Spread) -> Literal["better", "same", "unproven"]:
    if min(len(today.samples), len(best.samples)) < _ENOUGH:
        return "unproven"
    return "better" if is_clearly_more(today, best) else "same"
