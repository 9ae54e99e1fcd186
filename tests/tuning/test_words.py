"""What people read of a study: before it, while it runs, and at its end."""

import builtins
from typing import Any

import pytest

from paddock.api.tunings import Contribution, Tuning, TuningNow
from paddock.bench.spread import spread_of
from paddock.cli.output.tune import show_proposal, show_tuning
from paddock.cli.verbs.tune import _turn
from paddock.errors import BadRequest, PaddockError
from paddock.tuning.goals import TURNS
from paddock.tuning.optuna_study import library
from paddock.tuning.study import TuneProposal
from tests.tuning.spaces import SPACE, plan, trial


def test_the_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    fast, roomy = trial(1, 60.0, 4096, 100), trial(2, 40.0, 4096, 9000)
    fast.changes = {"fit-target": "512", "n-cpu-moe": None}
    tuning = Tuning(
        profile="m", goal="chat", outcome="done", begun_at="", verdict="better", grid=70, loads=6,
        trials=[roomy, fast], front=[1, 2], best_trial=1, changes=fast.changes,
        today=spread_of([40.0, 41.0, 40.5]), best=spread_of([60.0, 61.0, 60.5]), measured="a score",
        contributions=[Contribution(name="margin CUDA0", before="4096 MiB", after="512 MiB", gain=0.4938)],
    )  # fmt: skip
    show_tuning(tuning, as_json=False)
    said = capsys.readouterr().out
    for words in ("+49.4%", "60.50 (60.00 to 61.00, 3 samples)", "fit-target 512, n-cpu-moe left out", "--apply", "4096 MiB"):  # fmt: skip
        assert words in said
    assert "Note" not in said
    fast.repeated, fast.beside_traffic, tuning.notes = 1, 2, ["the comparison was broken off"]
    show_tuning(tuning, as_json=False)
    said = capsys.readouterr().out
    assert "Note: the comparison was broken off\n" in said
    assert "Note: trial 1 (fit-target 512, n-cpu-moe left out): measured again 1 time: others came, 2 samples beside other traffic" in said  # fmt: skip
    tuning.verdict, tuning.changes, tuning.contributions = "same", {}, []
    show_tuning(tuning, as_json=False)
    said = capsys.readouterr().out
    assert "nothing is better than today beyond the noise" in said
    assert "--apply" not in said


def test_what_it_will_do(capsys: pytest.CaptureFixture[str]) -> None:
    proposal = TuneProposal("m", "chat", TURNS["chat"], SPACE, 20, 600.0, (), "native b1", plan())
    show_proposal(proposal, as_json=False)
    said = capsys.readouterr().out
    assert "threads: 2, 1, 3, 4" in said
    assert "At most 20 trials and 10 min" in said


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"step": "trial 3: threads=4", "gain": 0.123}, "tuning for chat, trial 3: threads=4, best so far +12.3%"),
        ({}, "tuning for chat, begins"),
        ({"outcome": "done", "gain": 0.5}, "tuning for chat: done, best so far +50.0%"),
    ],
)  # fmt: skip
def test_a_study_in_one_line(now: dict[str, Any], words: str) -> None:
    assert TuningNow(profile="m", goal="chat", **now).in_words() == words


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "optuna":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(PaddockError, match="Optuna") as caught:
        library()
    assert "paddock-llm[tune]" in caught.value.hint


@pytest.mark.parametrize("text", ["4k", "4k,", "a,b", "0,5", "4k,1", "1,2,3", "99999999,5"])
def test_a_turn_is_two_numbers(text: str) -> None:
    assert _turn("4k,300") == (4096, 300)
    with pytest.raises(BadRequest):
        _turn(text)
