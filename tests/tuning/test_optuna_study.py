"""Trials in Optuna's SQLite: kept, taken up again, and what a killed process has left."""

import os
from pathlib import Path

import pytest

from paddock.api.tunings import TuningTrial
from paddock.bench.spread import spread_of
from paddock.errors import PaddockError
from paddock.tuning.optuna_study import OptunaStudy
from paddock.tuning.space import Choice, Knob, Space
from tests.tuning.spaces import SPACE, plan

TODAY = SPACE.today()


def opened(file: Path, *, anew: bool = False, name: str = "m chat 1") -> OptunaStudy:
    return OptunaStudy(file, name, SPACE, anew=anew, begun_at="2026-11-30T10:00:00+00:00")


def measured(number: int, **choices: str) -> TuningTrial:
    return TuningTrial(number=number, choices={**TODAY, **choices}, state="measured", score=spread_of([1.0]))  # fmt: skip


def test_a_study_goes_on_until_it_is_done(tmp_path: Path) -> None:
    file = tmp_path / "tunings.sqlite"
    old = os.umask(0)
    try:
        study = opened(file)
    finally:
        os.umask(old)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not study.resumed
    study.end(study.begin(TODAY), measured(1), plan())
    study.begin({**TODAY, "threads": "4"})  # and killed in it
    study.note_record(7)
    study.close()

    again = opened(file)
    assert again.resumed
    [(trial, made)] = again.known()
    assert (trial.number, made) == (1, plan())
    assert again.killed() == [{**TODAY, "threads": "4"}]
    assert again.number_of_record == 7
    ticket = again.begin({**TODAY, "threads": "4"})
    again.end(ticket, measured(2, threads="4"), None)
    assert [one.number for one, _ in again.known()] == [1, 2]
    again.finish()
    again.close()

    fresh = opened(file)
    assert not fresh.resumed
    assert list(fresh.known()) == []
    fresh.close()


def test_another_study_or_one_begun_anew_takes_nothing_over(tmp_path: Path) -> None:
    file = tmp_path / "tunings.sqlite"
    study = opened(file)
    study.end(study.begin(TODAY), measured(1), None)
    study.close()
    for found in (opened(file, name="m chat 2"), opened(file, anew=True)):
        assert list(found.known()) == []
        found.close()


@pytest.mark.parametrize("state", ["pruned", "failed", "interrupted"])
def test_trials_without_a_score_end_too(tmp_path: Path, state: str) -> None:
    study = opened(tmp_path / "tunings.sqlite")
    trial = TuningTrial(number=1, choices=TODAY, state=state, why="so")  # type: ignore[arg-type]
    study.end(study.begin(TODAY), trial, None)
    assert [one.why for one, _ in study.known()] == ([] if state == "interrupted" else ["so"])
    _, choices = study.guess()
    assert choices.keys() == TODAY.keys()
    study.close()


def test_only_those_count_as_killed_in_which_a_process_was_killed(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C in the same trial twice has not shown that it kills."""
    file = tmp_path / "tunings.sqlite"
    for _ in range(2):
        study = opened(file)
        stopped = TuningTrial(number=1, choices=TODAY, state="interrupted")
        study.end(study.begin(TODAY), stopped, None)
        assert study.killed() == []
        study.close()
    for count in (1, 2):
        study = opened(file)
        study.begin(TODAY)  # and killed in it
        study.close()
        study = opened(file)
        assert study.killed() == [TODAY] * count
        study.close()


@pytest.mark.parametrize("how", ["begin", "guess"])
def test_choices_that_its_file_does_not_know_are_refused_and_leave_nothing_running(
    tmp_path: Path, how: str
) -> None:
    """Optuna 5.0 raises ValueError there, and its trial stays RUNNING for ever."""
    file = tmp_path / "tunings.sqlite"
    study = opened(file)
    study.end(study.begin(TODAY), measured(1), None)
    study.close()
    other = Space((Knob("threads", (Choice("2"), Choice("64"))), *SPACE.knobs[1:]))
    study = OptunaStudy(file, "m chat 1", other, anew=False, begun_at="")
    with pytest.raises(PaddockError, match="what is varied now") as caught:
        study.begin({**TODAY, "threads": "64"}) if how == "begin" else study.guess()
    assert "--new" in caught.value.hint
    study.close()

    study = opened(file)
    assert [trial.number for trial, _ in study.known()] == [1], "what was known is known"
    states = [one.state.name for one in study._study.get_trials()]
    assert states == ["COMPLETE", "FAIL"]
    study.end(study.begin({**TODAY, "threads": "4"}), measured(2, threads="4"), None)
    assert [trial.number for trial, _ in study.known()] == [1, 2]
    study.close()


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(100), None])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "tunings.sqlite"
    file.write_bytes(content) if content else file.mkdir()
    with pytest.raises(PaddockError, match="cannot be used") as caught:
        opened(file)
    assert f"mv {file} " in caught.value.hint
