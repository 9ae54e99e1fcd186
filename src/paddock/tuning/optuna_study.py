"""The study in Optuna: which trials there were, kept in SQLite over a kill, and a sampler's guesses.

Seen with Optuna 5.0.0: a trial whose process is killed stays RUNNING for ever; a study's categories cannot change
(ValueError, which leaves a RUNNING trial); the file gets the umask's mode, unless it is there already.
"""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from paddock.api.placement import Plan
from paddock.api.tunings import TuningTrial
from paddock.errors import PaddockError
from paddock.extras import install_command
from paddock.private import open_private
from paddock.tuning.space import Space

if TYPE_CHECKING:
    import optuna

_TRIAL, _PLAN, _KILLED, _DONE, _BEGUN = "trial", "plan", "killed", "done", "begun_at"


class OptunaStudy:
    """One study, opened; it goes on where an earlier process left it."""

    def __init__(self, file: Path, name: str, space: Space, *, anew: bool, begun_at: str) -> None:
        """PaddockError without the library, or where the file is none of its. `anew`: whatever was left unfinished stays so."""
        optuna = library()
        self._optuna = optuna
        self._storage = _storage(optuna, file)
        categories = optuna.distributions.CategoricalDistribution
        self._space = {knob.name: categories(knob.labels) for knob in space.knobs}
        self._study, self.resumed = self._open(name, anew=anew)
        if not self.resumed:
            self._study.set_user_attr(_BEGUN, begun_at)
        self._note_killed()

    def _open(self, name: str, *, anew: bool) -> "tuple[optuna.Study, bool]":
        """The last one of this name that is not done, else a new one."""
        optuna = self._optuna
        names = [n for n in optuna.get_all_study_names(self._storage) if _base(n) == name]
        if names and not anew:
            last = max(names, key=_number)
            found = optuna.load_study(study_name=last, storage=self._storage, sampler=self._sampler)
            if not found.user_attrs.get(_DONE):
                return found, True
        fresh = f"{name}#{max(map(_number, names), default=0) + 1}"
        return optuna.create_study(
            study_name=fresh, storage=self._storage, sampler=self._sampler, direction="maximize"
        ), False

    @property
    def _sampler(self) -> Any:
        """Trees of Parzen estimators over all at once; the seed makes a study repeatable."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `multivariate` is experimental, as it says
            return self._optuna.samplers.TPESampler(seed=1, n_startup_trials=4, multivariate=True)

    def _note_killed(self) -> None:
        """What a killed process was about is known to have failed; whoever searches asks for it again."""
        state = self._optuna.trial.TrialState
        for trial in self._study.get_trials(deepcopy=False, states=(state.RUNNING,)):
            self._trial(trial.number).set_user_attr(_KILLED, True)
            self._study.tell(trial.number, state=state.FAIL)
        while self._study.get_trials(deepcopy=False, states=(state.WAITING,)):
            self._study.tell(self._study.ask(), state=state.FAIL)

    @property
    def begun_at(self) -> str:
        return str(self._study.user_attrs.get(_BEGUN, ""))

    @property
    def number_of_record(self) -> int:
        """Under which the daemon keeps it; 0: it does not yet."""
        return int(self._study.user_attrs.get("kept", 0))

    def note_record(self, number: int) -> None:
        self._study.set_user_attr("kept", number)

    def known(self) -> Iterator[tuple[TuningTrial, Plan | None]]:
        """The trials that came to an end, in their order."""
        for one in self._study.get_trials(deepcopy=False):
            if text := one.user_attrs.get(_TRIAL):
                plan = one.user_attrs.get(_PLAN)
                yield (
                    msgspec.json.decode(text, type=TuningTrial),
                    msgspec.json.decode(plan, type=Plan) if plan else None,
                )

    def killed(self) -> list[dict[str, str]]:
        """The choices of those in which a process was killed: not of those that a person or the budget ended."""
        state = self._optuna.trial.TrialState.FAIL
        failed = self._study.get_trials(deepcopy=False, states=(state,))
        return [dict(one.params) for one in failed if one.user_attrs.get(_KILLED)]

    def begin(self, choices: Mapping[str, str]) -> int:
        """Note that this is tried now; its number in Optuna."""
        self._study.enqueue_trial(dict(choices))
        return int(self._ask().number)

    def guess(self) -> tuple[int, dict[str, str]]:
        """The number and the choices of what the sampler wants to know."""
        trial = self._ask()
        return trial.number, dict(trial.params)

    def _ask(self) -> "optuna.Trial":
        """PaddockError where the file has other choices for this study; nothing of that stays RUNNING."""
        trial: optuna.Trial
        try:
            trial = self._study.ask(self._space)
        except ValueError as error:
            self._note_killed()
            raise PaddockError(
                f"the study's file does not go with what is varied now: {error}",
                hint="the same command with --new begins anew",
            ) from error
        return trial

    def end(self, ticket: int, trial: TuningTrial, plan: Plan | None) -> None:
        """What came of it; `ticket`: the number from `begin` or `guess`. Who did not fit or failed counts as worse than all."""
        state = self._optuna.trial.TrialState
        live = self._trial(ticket)
        if trial.state != "interrupted":
            live.set_user_attr(_TRIAL, msgspec.json.encode(trial).decode())
            if plan:
                live.set_user_attr(_PLAN, msgspec.json.encode(plan).decode())
        if trial.state == "interrupted":
            self._study.tell(ticket, state=state.FAIL)
        elif trial.score is not None:
            self._study.tell(ticket, trial.score.median)
        else:
            self._study.tell(ticket, state=state.PRUNED)

    def _trial(self, number: int) -> "optuna.trial.Trial":
        found = self._study.get_trials(deepcopy=False)[number]
        live: optuna.trial.Trial = self._optuna.trial.Trial(self._study, found._trial_id)
        return live

    def finish(self) -> None:
        """The next study of this name is a new one."""
        self._study.set_user_attr(_DONE, True)

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def library() -> Any:
    """Optuna. PaddockError, with how to get it, where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise PaddockError(
            "tuning needs the library Optuna", hint=install_command("tune")
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _storage(optuna: Any, file: Path) -> Any:
    """The file, which nobody else can read. PaddockError where it is damaged, or another version's."""
    import os

    from sqlalchemy.exc import SQLAlchemyError

    try:
        os.close(open_private(file))
        return optuna.storages.RDBStorage(f"sqlite:///{file}")
    except (SQLAlchemyError, OSError, RuntimeError) as error:  # RuntimeError: of another version
        raise PaddockError(
            f"the file of earlier studies cannot be used: {str(error).splitlines()[0]}",
            hint=f"move it away, and they begin anew: mv {file} {file}.old",
        ) from error


def _base(name: str) -> str:
    return name.rpartition("#")[0]


def _number(name: str) -> int:
    return int(name.rpartition("#")[2])
