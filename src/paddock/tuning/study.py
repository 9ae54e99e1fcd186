"""A study from its beginning to what came of it: `proposed` says what it will do, `Study.run` does it."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Protocol

from paddock import __version__
from paddock.api.client import Client
from paddock.api.placement import Plan
from paddock.api.profiles import ProfileDetail
from paddock.api.tunings import Goal, Tuning, TuningNow, TuningTrial
from paddock.bench.taking import Taking
from paddock.bench.watch import TrafficWatch
from paddock.errors import BadRequest, LoadFailed, PaddockError
from paddock.tuning.budget import Budget
from paddock.tuning.deadline import Deadline
from paddock.tuning.goals import GoalTurn, turn_of
from paddock.tuning.hold import StudyHold
from paddock.tuning.optuna_study import OptunaStudy
from paddock.tuning.result import changed, front_of, judge, trimmed
from paddock.tuning.search import BudgetSpent, Search
from paddock.tuning.space import NAMES, Space, TunedProfile, space_of
from paddock.tuning.trials import Measuring, Trials

_SAMPLES = 3  # of each load at the end
_GUESSES = 12  # of the sampler, beside what changes one thing alone
_EXTRA_ARGS = "extra_args"


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """What is asked of a study."""

    goal: Goal
    budget: float = 1800.0  # seconds
    trials: int | None = None  # at most; None: as many as the space suggests
    allow_loss: bool = False
    only: tuple[str, ...] = ()  # of `space.NAMES`; none: all
    anew: bool = False  # do not go on with one that was not finished
    wait: float = 300.0  # seconds that other traffic is waited for
    repeat: int = 3  # samples of each trial
    turn: tuple[int, int] | None = None  # new tokens and answered ones; None: the goal's own
    command: str = ""


@dataclass(frozen=True, slots=True)
class TuneProposal:
    """What a study will do."""

    profile: str
    goal: Goal
    turn: GoalTurn
    space: Space
    trials: int  # at most
    budget: float
    args: tuple[str, ...]  # of today
    engine: str  # and its version
    plan: Plan

    @property
    def name(self) -> str:
        """Another one where profile, engine or devices are not as they were: nothing is taken from it."""
        devices = [(d.id or d.device, d.size) for d in self.plan.devices]
        knobs = [(knob.name, knob.labels) for knob in self.space.knobs]
        parts = repr((self.turn, self.args, self.engine, devices, knobs))
        return f"{self.profile} {self.goal} {sha256(parts.encode()).hexdigest()[:12]}"


class TuneProgress(Protocol):
    """Who shows how a study goes."""

    def step(self, text: str, left: float | None) -> None:
        """What is done now, and the seconds that are left at most."""

    def trial(self, trial: TuningTrial, unit: str) -> None:
        """One has ended."""


def proposed(client: Client, name: str, options: TuneOptions, *, cores: int) -> TuneProposal:
    """For this profile, or that of a variant. UnknownModel; BadRequest where nothing of it can be varied."""
    detail = client.profile(name)
    if detail.profile.variant_of:
        detail = client.profile(detail.profile.variant_of)
    if wrong := [one for one in options.only if one not in NAMES]:
        raise BadRequest(f"--vary knows no {wrong[0]!r}", hint=f"it knows {', '.join(NAMES)}")
    info = detail.profile
    plan = client.plan(info.id, patient=True)
    space = space_of(
        _tuned(detail, plan, cores), options.goal, allow_loss=options.allow_loss, only=options.only
    )
    if not space.knobs:
        why = tuple(f"{what}: {reason}" for what, reason in space.left_out.items())
        raise BadRequest(f"there is nothing to vary for {info.id}", detail=why)
    trials = options.trials or space.moves + 1 + _GUESSES
    status = client.status()
    engine = f"{plan.engine or status.engine} {plan.engine_version or status.engine_version}"
    return TuneProposal(
        info.id,
        options.goal,
        turn_of(options.goal, options.turn),
        space,
        trials,
        options.budget,
        tuple(info.args),
        engine,
        plan,
    )


def _tuned(detail: ProfileDetail, plan: Plan, cores: int) -> TunedProfile:
    flags = {one.flag.removeprefix("--"): tuple(one.values) for one in detail.flags}
    own = f"[{detail.profile.id}] {_EXTRA_ARGS}"
    fixed = frozenset(
        one.flag.removeprefix("--") for one in detail.flags if one.origin.lower().startswith(own.lower())
    )  # fmt: skip
    said = re.match(r"([\d,]+) trained", detail.facts.get("context", ""))
    trained = int(said[1].replace(",", "")) if said else None
    has_draft = any(flag in flags for flag in ("spec-draft-model", "model-draft", "spec-type"))
    return TunedProfile(flags, fixed, plan, cores, trained, has_draft)


class Study:
    """One study that runs. `record` is what is known of it at any time."""

    def __init__(
        self,
        client: Client,
        proposal: TuneProposal,
        options: TuneOptions,
        progress: TuneProgress,
        state_dir: Path,
    ) -> None:
        self._client, self._proposal, self._options = client, proposal, options
        self._progress, self._file = progress, state_dir / "tunings.sqlite"
        self._turn = proposal.turn
        self._agent = f"paddock-bench/{secrets.token_hex(4)}"
        self._began = monotonic()
        self._study_id = ""
        self._search: Search | None = None
        self.resumed = False
        self.record = Tuning(
            profile=proposal.profile, goal=options.goal, version=__version__, command=options.command,
            begun_at=datetime.now(UTC).isoformat(timespec="seconds"), unit=self._turn.unit,
            measured=self._turn.in_words(), varied=proposal.space.described(), grid=proposal.space.grid,
        )  # fmt: skip

    def run(self) -> Tuning:
        """The whole study. Ctrl-C ends it, and what is known is in the record; so does the end of its budget.

        Raises what the daemon refuses with; LoadFailed where not even today's line can be measured.
        """
        options = self._options
        with (
            StudyHold(self._client, self._proposal.profile, options.goal) as begun,
            TrafficWatch(self._client, self._agent) as watch,
        ):
            self._study_id = begun.study
            budget = Budget(options.budget, self._proposal.trials)
            with self._opened() as study, Deadline(self._client, budget, begun.trial) as deadline:
                taking = Taking(self._client, watch, wait=options.wait, limit=deadline)
                measuring = Measuring(
                    self._client, begun, taking, watch, deadline, self._turn, self._agent, options.repeat
                )  # fmt: skip
                self._run(study, budget, measuring)
        return self.record

    @contextmanager
    def _opened(self) -> Iterator[OptunaStudy]:
        """The file of its trials: only while it is ours to run, else another process is about them."""
        study = OptunaStudy(
            self._file, self._proposal.name, self._proposal.space,
            anew=self._options.anew, begun_at=self.record.begun_at,
        )  # fmt: skip
        try:
            self.resumed = study.resumed
            self.record.begun_at, self.record.id = study.begun_at, study.number_of_record
            yield study
        finally:
            study.close()

    def _run(self, study: OptunaStudy, budget: Budget, measuring: Measuring) -> None:
        trials = _Heard(measuring, self._proposal.space, study, budget, self)
        try:
            self._search_in(trials)
            self.record.outcome = "done"
            study.finish()
        except KeyboardInterrupt:
            self.record.outcome = "interrupted"
            self._note_best()
        finally:
            self._note(trials)
            self._keep(study)
            self.doing("")

    def _search_in(self, trials: "_Heard") -> None:
        search = self._search = Search(self._proposal.space, trials)
        with suppress(BudgetSpent):
            search.run()
        today, best = search.today, search.best
        if today is None or best is None or today.score is None:
            raise LoadFailed(
                f"{self._proposal.profile} could not be measured as it is today",
                detail=(today.why,) if today and today.why else tuple(trials.notes),
                hint=f"`paddock switch {self._proposal.profile}` shows why"
                if today
                else "a larger --budget gives it the time",
            )
        best, self.record.contributions = trimmed(self._proposal.space, trials, today, best)
        self.record.best_trial = best.number
        if not changed(self._proposal.space, best):
            self.record.today = today.score
        elif not self._turn.is_compared:
            self.record.today, self.record.best = today.score, best.score
        else:
            self.record.today, self.record.best = trials.by_turns(today, best, _SAMPLES)
        self.record.changes = dict(best.changes)
        judge(self.record, self._options.goal)

    # ---- what is known ----

    def _note_best(self) -> None:
        """The best so far, and today's: as far as trials say, which proves nothing yet."""
        if (search := self._search) and search.today and search.best:
            self.record.today, self.record.best = search.today.score, search.best.score
            self.record.best_trial, self.record.contributions = search.best.number, []

    def ended(self, trials: Trials, study: OptunaStudy, trial: TuningTrial) -> None:
        """One more trial is known."""
        self._progress.trial(trial, self._turn.unit)
        self._note(trials)
        self._keep(study)

    def _note(self, trials: Trials) -> None:
        record, where = self.record, trials.circumstances
        record.trials, record.loads = list(trials.all), trials.loads
        record.front = front_of(trials.all)
        record.notes = list(trials.notes)
        record.seconds = round(monotonic() - self._began, 3)
        if where.engine_version:
            record.engine, record.engine_version = where.engine, where.engine_version
            record.devices = where.devices

    def _keep(self, study: OptunaStudy) -> None:
        with suppress(PaddockError):  # it is printed all the same
            self.record.id = self._client.keep_tuning(self.record)
            study.note_record(self.record.id)

    def doing(self, step: str, left: float | None = None) -> None:
        """Say it here and on the daemon's bus."""
        if step:
            self._progress.step(step, left)
        record = self.record
        now = TuningNow(
            profile=record.profile, goal=record.goal, outcome=record.outcome, step=step,
            trials=len(record.trials), loads=record.loads, eta=left, gain=self._gain(),
            best=dict(self._best_changes()), tuning=record.id,
        )  # fmt: skip
        with suppress(PaddockError):
            self._client.tuning_news(self._study_id, now)

    def _gain(self) -> float | None:
        if self.record.verdict:
            return self.record.gain
        search = self._search
        if search is None or not (search.best and search.best.score) or not (search.today and search.today.score):  # fmt: skip
            return None
        return search.best.score.median / search.today.score.median - 1

    def _best_changes(self) -> Mapping[str, str | None]:
        return self._search.best.changes if self._search and self._search.best else {}


class _Heard(Trials):
    """Trials of which the study hears."""

    def __init__(
        self, measuring: Measuring, space: Space, study: OptunaStudy, budget: Budget, owner: Study
    ) -> None:
        self._owner, self._kept = owner, study
        super().__init__(measuring, space, study, budget, owner)

    def _make(self, ticket: int, choices: dict[str, str]) -> TuningTrial:
        trial = super()._make(ticket, choices)
        self._owner.ended(self, self._kept, trial)
        return trial
