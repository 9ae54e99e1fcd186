"""How a study is shown: what it will do, its trials on stderr as they end, and the evidence at its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from paddock.cli.output.terminal import (
    complain,
    date_and_time,
    harmless,
    paint,
    print_json,
    print_table,
)
from paddock.figures.units import count, mib, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paddock.api.bench import Spread
    from paddock.api.tunings import Changes, Tuning, TuningList, TuningTrial
    from paddock.tuning.study import TuneProposal

_LIST = ("STUDY", "PROFILE", "FOR", "BEGUN", "OUTCOME", "TOOK", "LOADS", "CAME OF IT")
_LONG = 20  # labels of a choice that are shown
_MARKS = {"measured": "", "same": "as another", "pruned": "not loaded", "failed": "failed", "interrupted": "interrupted"}  # fmt: skip


class TuneLines:
    """A line for each trial that has ended; what is done now takes the place of the line below them."""

    def step(self, text: str, left: float | None) -> None:
        line = f"{text}{f', at most {seconds(left)} left' if left else ''}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{harmless(line)}")
            sys.stderr.flush()
        else:
            complain(line)

    def trial(self, trial: TuningTrial, unit: str) -> None:
        self.close()
        score = _figure(trial.score, unit) if trial.score else ""
        parts = (
            in_words(trial.changes),
            score,
            _MARKS[trial.state],
            trial.why,
            _beside_others(trial),
        )
        complain(f"  {trial.number}: {', '.join(filter(None, parts))}")

    def close(self) -> None:
        """Nothing of the last step stays on a terminal."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def in_words(changes: Changes) -> str:
    """`ubatch-size 1024, n-cpu-moe left out`; of no changes `as today`."""
    words = [f"{flag} left out" if value is None else f"{flag} {value}" for flag, value in changes.items()]  # fmt: skip
    return ", ".join(words) or "as today"


# ---- what it will do ----


def show_proposal(proposal: TuneProposal, *, as_json: bool, to_stderr: bool = False) -> None:
    """What is varied, how many trials, and how long at most."""
    space = proposal.space
    if as_json:
        print_json({
            "profile": proposal.profile, "goal": proposal.goal, "varied": space.described(),
            "left_out": dict(space.left_out), "grid": space.grid, "trials": proposal.trials,
            "budget": proposal.budget,
        })  # fmt: skip
        return
    say: Callable[[str], None] = complain if to_stderr else _print
    say(f"{proposal.profile} for {proposal.goal}. Varied, today's first:")
    for knob in space.knobs:
        say(f"  {knob.name}: {', '.join(knob.labels[:_LONG])}  ({knob.why})")
    for name, why in space.left_out.items():
        say(paint(f"  not {name}: {why}", "dim"))
    say(
        f"At most {proposal.trials} trials and {seconds(proposal.budget)}; all combinations would be {space.grid:,} loads."
    )
    say("Each is planned first, and loaded only where that can be better. What runs now comes back.")  # fmt: skip


# ---- what came of it ----


def show_tuning(tuning: Tuning, *, as_json: bool, resumed: bool = False) -> None:
    """The evidence: the best against today's, what brought it, what else could be had."""
    if as_json:
        print_json(tuning)
        return
    _print(f"{tuning.profile} for {tuning.goal}: {verdict_in_words(tuning)}")
    measured = sum(trial.state == "measured" for trial in tuning.trials)
    unloaded = sum(trial.state in ("pruned", "same") for trial in tuning.trials)
    _print(
        f"{len(tuning.trials)} trials in {seconds(tuning.seconds)}: {measured} measured, {unloaded} not loaded,"
        f" {tuning.loads} loads in all; the whole grid has {tuning.grid:,}"
        + (" (went on with an earlier study)" if resumed else "")
    )
    _print(f"Figures: {tuning.measured}.")
    _print_two(tuning)
    _print_contributions(tuning)
    _print_front(tuning)
    _print_failures(tuning)
    _print_notes(tuning)
    if tuning.verdict == "better" and not tuning.applied_at:
        _print(f"\n`paddock tune {tuning.profile} --apply` writes it into models.conf.")


def verdict_in_words(tuning: Tuning) -> str:
    """In a few words."""
    if tuning.outcome == "interrupted":
        return "interrupted; the same command goes on with it"
    if tuning.verdict == "better" and tuning.gain is not None:
        return paint(f"{tuning.gain:+.1%}", "green")
    if tuning.verdict == "same":
        return "nothing is better than today beyond the noise; nothing is changed"
    if tuning.verdict == "unproven":
        return "there was no time to compare the best with today; nothing is changed"
    return tuning.outcome


def _print_two(tuning: Tuning) -> None:
    rows = [("today", _spread(tuning.today, tuning.unit), "")]
    if tuning.best:
        best = next((t for t in tuning.trials if t.number == tuning.best_trial), None)
        rows.append(("best", _spread(tuning.best, tuning.unit), in_words(best.changes) if best else ""))  # fmt: skip
    _print("")
    print_table(("", tuning.unit.upper(), "WITH"), rows)


def _print_contributions(tuning: Tuning) -> None:
    if not tuning.contributions:
        return
    _print(f"\n{paint('What brought how much', 'bold')}, each taken out of the best alone")
    rows = [
        (
            one.name,
            one.before,
            one.after,
            "not measured" if one.gain is None else f"{one.gain:+.1%}",
        )
        for one in tuning.contributions
    ]
    print_table(("", "TODAY", "BEST", "BRINGS"), rows)


def _print_front(tuning: Tuning) -> None:
    """What no other trial beats in speed, context and free memory at once."""
    trials = {trial.number: trial for trial in tuning.trials}
    front = [trials[number] for number in tuning.front if number in trials]
    if len(front) < 2:
        return
    _print(f"\n{paint('Nothing beats these in all three', 'bold')}")
    rows = [
        (
            f"{one.generation:.1f}" if one.generation else "",
            f"{one.prompt:,.0f}" if one.prompt else "",
            f"{one.context:,}" if one.context else "",
            mib(one.free_mib) if one.free_mib is not None else "",
            in_words(one.changes),
        )
        for one in sorted(front, key=lambda t: -(t.generation or 0.0))
    ]
    print_table(("GENERATION", "PROMPT", "CONTEXT", "LEFT FREE", "WITH"), rows)


def _beside_others(trial: TuningTrial) -> str:
    """How far other traffic has touched it."""
    again = f"measured again {count(trial.repeated, 'time')}: others came" if trial.repeated else ""
    beside = f"{count(trial.beside_traffic, 'sample')} beside other traffic" if trial.beside_traffic else ""  # fmt: skip
    return ", ".join(filter(None, (again, beside)))


def _print_notes(tuning: Tuning) -> None:
    """What a person should know of how it was measured."""
    touched = [(trial, said) for trial in tuning.trials if (said := _beside_others(trial))]
    if tuning.notes or touched:
        _print("")
    for note in tuning.notes:
        _print(f"Note: {note}")
    for trial, said in touched:
        _print(f"Note: trial {trial.number} ({in_words(trial.changes)}): {said}")


def _print_failures(tuning: Tuning) -> None:
    failed = [trial for trial in tuning.trials if trial.state == "failed"]
    if failed:
        _print(f"\n{paint('Failed', 'bold')}")
        for trial in failed:
            _print(f"  {in_words(trial.changes)}: {trial.why}")


def show_tunings(found: TuningList, *, as_json: bool) -> None:
    """The list of what is kept, and what runs."""
    if as_json:
        print_json(found)
        return
    if now := found.running:
        _print(f"{now.profile}: {now.in_words()}")
    if not found.tunings:
        _print("nothing was tuned yet")
        return
    rows = [
        (
            str(one.id), one.profile, one.goal, date_and_time(one.begun_at), one.outcome,
            seconds(one.seconds), str(one.loads), _came_of_it(one.verdict, one.gain, one.applied_at),
        )
        for one in found.tunings
    ]  # fmt: skip
    print_table(_LIST, rows)


def _came_of_it(verdict: str, gain: float | None, applied_at: str) -> str:
    if verdict != "better" or gain is None:
        return verdict
    return f"{gain:+.1%}{', written' if applied_at else ''}"


def _spread(spread: Spread | None, unit: str) -> str:
    if spread is None:
        return "not measured"
    if len(spread.samples) < 2:
        return _figure(spread, unit)
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f}, {len(spread.samples)} samples)"  # fmt: skip


def _figure(spread: Spread, unit: str) -> str:
    return f"{spread.median:,.0f} {unit}" if spread.median >= 1000 else f"{spread.median:.2f} {unit}"  # fmt: skip


def _print(text: Sequence[str] | str) -> None:
    print(harmless(str(text)))
