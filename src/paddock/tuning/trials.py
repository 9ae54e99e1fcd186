"""Makes trials: plans first, loads what no plan rules out, measures it as `paddock bench` does."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from paddock.api.bench import BenchedProfile, DepthFigures, Spread
from paddock.api.client import Client
from paddock.api.connection import HangUp
from paddock.api.placement import Plan
from paddock.api.tunings import StudyBegun, TuningTrial
from paddock.bench.forecast import Forecast
from paddock.bench.profile_bench import ProfileBench
from paddock.bench.spread import spread_of
from paddock.bench.taking import Taking
from paddock.bench.watch import TrafficWatch
from paddock.errors import DaemonUnreachable, NoSuchThing, PaddockError
from paddock.tuning.budget import Budget
from paddock.tuning.deadline import Deadline
from paddock.tuning.goals import SLOWEST, GoalTurn
from paddock.tuning.optuna_study import OptunaStudy
from paddock.tuning.pruning import Planned, pruned
from paddock.tuning.search import BudgetSpent
from paddock.tuning.space import Space

_KILLED = 2  # times that a trial may take our process with it
_LIVE = ("starting", "fitting", "loading", "warming", "ready", "busy")
_HOST = "host"
TURNS = 2  # at the end: loads of each of the two


@dataclass(frozen=True, slots=True)
class Measuring:
    """How trials are measured, and who is asked for that."""

    client: Client
    begun: StudyBegun
    taking: Taking
    watch: TrafficWatch
    deadline: Deadline
    turn: GoalTurn
    agent: str
    repeat: int  # samples of each trial; at the end there are more


class TrialListener(Protocol):
    """Who hears how a study goes."""

    def doing(self, step: str, left: float) -> None:
        """What is done now, and the seconds that are left at most."""


class Trials:
    """Each set of choices is tried once; `listener` hears what is done, and when a trial has ended."""

    def __init__(
        self,
        measuring: Measuring,
        space: Space,
        study: OptunaStudy,
        budget: Budget,
        listener: TrialListener,
    ) -> None:
        self._with, self._space, self._study = measuring, space, study
        self._budget, self._listener = budget, listener
        self.all: list[TuningTrial] = []
        self.loads = 0
        self.notes: list[str] = []  # what a person should know besides
        self._is_loading = False
        self._plans: dict[int, Plan] = {}
        self._by_choices: dict[tuple[tuple[str, str], ...], TuningTrial] = {}
        self._context: int | None = None  # tokens of a request, once one was measured
        self._slots: int | None = None
        self.circumstances = BenchedProfile(profile="", outcome="interrupted").circumstances
        for trial, plan in study.known():
            self._remember(trial, plan)

    def _remember(self, trial: TuningTrial, plan: Plan | None) -> None:
        self.all.append(trial)
        self._by_choices[_key(trial.choices)] = trial
        if plan:
            self._plans[trial.number] = plan

    def _say(self, text: str) -> None:
        self._listener.doing(text, self._budget.left)

    # ---- as a search asks for them ----

    def try_(self, choices: Mapping[str, str]) -> TuningTrial:
        """What came of these choices. BudgetSpent where they need a load that cannot be paid."""
        if known := self._by_choices.get(_key(choices)):
            return known
        self._budget.check_trials(len(self.all))
        return self._make(self._study.begin(choices), dict(choices))

    def guess(self) -> TuningTrial:
        """The same of what the sampler wants to know."""
        self._budget.check_trials(len(self.all))
        ticket, choices = self._study.guess()
        if known := self._by_choices.get(_key(choices)):
            again = TuningTrial(number=len(self.all) + 1, choices=choices, state="same", score=known.score, same_as=known.number)  # fmt: skip
            self._study.end(ticket, again, None)
            return again
        return self._make(ticket, choices)

    def _make(self, ticket: int, choices: dict[str, str]) -> TuningTrial:
        taking = self._with.taking
        begun, waited, spoilt = monotonic(), taking.waited, taking.spoilt
        number = len(self.all) + 1
        trial = TuningTrial(number=number, choices=choices, changes=self._space.changes(choices))
        self._say(f"trial {number}: {_in_words(trial)}")
        plan = None
        try:
            plan = self._try(trial)
        except BaseException as error:
            is_cut = isinstance(error, PaddockError) and not self._budget.free
            is_end = is_cut or isinstance(error, DaemonUnreachable) or not isinstance(error, PaddockError)  # fmt: skip
            trial.state = "interrupted" if is_end else "failed"
            trial.why = error.message if isinstance(error, PaddockError) else ""
            if is_end:
                self._study.end(ticket, trial, plan)
                if is_cut or (self._is_loading and isinstance(error, BudgetSpent)):
                    self.notes.append(f"{_in_words(trial)}: broken off, its time was over")
                if is_cut:
                    raise BudgetSpent("the time is used") from error
                raise
        trial.seconds = round(monotonic() - begun - (taking.waited - waited), 3)
        trial.repeated = taking.spoilt - spoilt
        self._study.end(ticket, trial, plan)
        self._remember(trial, plan)
        return trial

    def _try(self, trial: TuningTrial) -> Plan | None:
        """Fill it in. Raises what its load fails with, BudgetSpent."""
        if sum(choices == trial.choices for choices in self._study.killed()) >= _KILLED:
            trial.state, trial.why = "failed", "this process was killed in it, twice"
            return None
        self._is_loading = False
        self._keep_time()
        self._budget.check()
        self._unload(self._with.begun.trial)
        plan = self._plan(trial)
        known = [Planned(t, self._plans[t.number]) for t in self.all if _is_measured(t) and t.number in self._plans]  # fmt: skip
        if found := pruned(plan, trial.changes, known, self._with.turn.goal, self._best()):
            trial.state, trial.why = "pruned", found.why
            if found.same_as:
                trial.state, trial.same_as = "same", found.same_as.number
                trial.score = found.same_as.score
            return plan
        self._budget.check(self._typical)
        self._is_loading = True
        self._measure_into(trial)
        return plan

    def _keep_time(self) -> None:
        """For the comparison: as many loads of today's flags, and of the best."""
        today, best = next((t for t in self.all if not t.changes), None), self._best()
        if today and best and self._with.turn.is_compared:
            self._budget.keep_for(TURNS * (today.seconds + best.seconds))

    def _plan(self, trial: TuningTrial) -> Plan:
        client, begun = self._with.client, self._with.begun
        client.try_with(begun.study, trial.changes)
        line = HangUp()
        with self._with.deadline.cutting(line):
            plan = client.plan(begun.trial, patient=True, line=line)
        trial.context, trial.free_mib = plan.n_ctx, _free(plan)
        trial.layers, trial.layers_on_devices = plan.layers, plan.layers_on_devices
        trial.experts_in_ram, trial.graph_splits = plan.experts_in_ram, plan.graph_splits
        return plan

    def _best(self) -> TuningTrial | None:
        scored = [t for t in self.all if _is_measured(t) and t.score]
        return max(scored, key=lambda t: t.score.median if t.score else 0.0, default=None)

    # ---- measuring ----

    def _measure_into(self, trial: TuningTrial) -> None:
        found = self._measured(self._with.repeat)
        turn = self._with.turn
        trial.state, trial.score = "measured", turn.scores(found)
        if row := found.depths[-1] if found.depths else None:
            trial.prompt = row.prompt.median if row.prompt else None
            trial.generation = row.generation.median if row.generation else None
        trial.beside_traffic = _beside_traffic(found)
        trial.context = found.context or trial.context
        trial.load_seconds = found.loads[-1].seconds if found.loads else None
        trial.graph_splits = found.graph_splits or trial.graph_splits
        if turn.goal == "context" and self._is_too_slow(trial, row):
            trial.score, trial.why = None, f"writes less than {SLOWEST:.0%} as fast as today"
        if trial.score is None and not trial.why:
            trial.state, trial.why = "failed", "; ".join(found.notes) or "nothing could be measured"

    def _is_too_slow(self, trial: TuningTrial, row: DepthFigures | None) -> bool:
        """Whether not even its fastest sample is fast enough: what disturbs makes slower, never faster."""
        today = next((t for t in self.all if not t.changes and t.generation), None)
        if today is None or today.generation is None or trial.changes == today.changes:
            return False
        fastest = row.generation.high if row and row.generation else 0.0
        return fastest < SLOWEST * today.generation

    def _measured(self, repeat: int) -> BenchedProfile:
        """The trial's profile as it is now: loaded and measured, others' models out of its way."""
        self._make_room()
        options = self._with.turn.options(repeat, self._context, self._slots)
        found = self._bench(options.repeat)
        is_first = self._context is None
        self._context, self._slots = found.context, found.slots
        wants_streams = self._with.turn.goal == "throughput" and found.slots and found.slots > 1
        if is_first and found.context and (not found.depths or (wants_streams and not found.streams)):  # fmt: skip
            found = self._bench(repeat)  # now that its context and its slots are known
        self.circumstances = found.circumstances
        return found

    def _bench(self, repeat: int) -> BenchedProfile:
        own = self._with
        options = own.turn.options(repeat, self._context, self._slots)
        found = BenchedProfile(profile=own.begun.trial, outcome="interrupted")
        one = ProfileBench(
            own.client, own.taking, own.watch, options, Forecast(), _Silent(), agent=own.agent
        )  # fmt: skip
        info = next(p for p in own.client.models() if p.id == own.begun.trial)
        self.loads += 1
        with own.deadline.ending_loads():
            one.measure(info, found, generates=True)
        return found

    def _make_room(self) -> None:
        """Unload what others had loaded, when nobody is served any more: their memory is no part of the plan."""
        own = self._with
        others = [name for name in self._live() if name != own.begun.trial]
        if not others:
            return
        self._say(f"waiting until nobody is served, to unload {', '.join(others)}")
        own.watch.wait_quiet(self._budget.free)
        self._budget.check()
        for name in others:
            self._unload(name)

    def _live(self) -> list[str]:
        return [one.profile for one in self._with.client.status().instances if one.phase in _LIVE]

    def _unload(self, name: str) -> None:
        with suppress(NoSuchThing), self._with.taking.spending():
            while name in self._live() and self._with.client.unload(name).pending:
                self._budget.check()
                self._say(f"waiting for requests that {name} serves")

    @property
    def _typical(self) -> float:
        """Seconds that a trial with a load takes."""
        took = sorted(t.seconds for t in self.all if _is_measured(t))
        return took[len(took) // 2] if took else 0.0

    # ---- the two at the end ----

    def by_turns(
        self, today: TuningTrial, best: TuningTrial, repeat: int
    ) -> tuple[Spread | None, Spread | None]:
        """Both measured anew by turns, so that what drifts drifts for both. None: it failed.

        The end of the budget ends it; what was measured until then counts.
        """
        self._budget.reserve = 0.0
        samples: dict[int, list[float]] = {today.number: [], best.number: []}
        with suppress(BudgetSpent):
            for number in range(TURNS):
                for trial in (today, best):
                    who = "today" if trial is today else "the best"
                    self._say(f"{who} again, {number + 1} of {TURNS}")
                    samples[trial.number] += self._again(trial, repeat)
            return _both(samples, today, best)
        self.notes.append("the comparison at the end was broken off, its time was over")
        return _both(samples, today, best)

    def _again(self, trial: TuningTrial, repeat: int) -> list[float]:
        """The samples of one more load. BudgetSpent where it was cut."""
        try:
            self._budget.check()
            self._with.client.try_with(self._with.begun.study, trial.changes)
            found = self._measured(repeat)
        except PaddockError as error:
            if isinstance(error, DaemonUnreachable):
                raise
            if not self._budget.free:
                raise BudgetSpent("the time is used") from error
            self.notes.append(f"{_in_words(trial)}: could not be measured again: {error.message}")
            return []
        if _beside_traffic(found):
            self.notes.append(
                "a part of the comparison at the end was measured beside other traffic"
            )
            return []
        score = self._with.turn.scores(found)
        return score.samples if score else []


class _Silent:
    """A trial is one step of the study: what is measured in it is no news."""

    def step(self, text: str, left: float | None) -> None: ...


def _both(
    samples: Mapping[int, list[float]], today: TuningTrial, best: TuningTrial
) -> tuple[Spread | None, Spread | None]:
    return spread_of(samples[today.number]), spread_of(samples[best.number])


def _beside_traffic(found: BenchedProfile) -> int:
    """Samples that were taken while others were served."""
    return sum(d.beside_traffic for d in found.depths) + sum(
        s.beside_traffic for s in found.streams
    )


def _is_measured(trial: TuningTrial) -> bool:
    return trial.state == "measured"


def _free(plan: Plan) -> int | None:
    """MiB left on all GPUs; without any, in RAM."""
    gpus = [device for device in plan.devices if device.id != _HOST] or plan.devices
    left = [device.left for device in gpus if device.left is not None]
    return sum(left) if left else None


def _key(choices: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(choices.items()))


def _in_words(trial: TuningTrial) -> str:
    return (
        ", ".join(f"{k}={'none' if v is None else v}" for k, v in trial.changes.items()) or "today"
    )
