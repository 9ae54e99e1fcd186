"""Presets of the corpus come to what they must, down to their comments and their problems."""

from pathlib import Path

import pytest

from tests.config.cases import NAMES, Case
from tests.config.stables import FLAGS


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_of_the_corpus_comes_to_what_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = Case(name, tmp_path)
    monkeypatch.delenv("LLAMA_CACHE", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(case.hub))
    case.lay_out()
    assert case.outcome(FLAGS) == case.expected
