"""Every file of the corpus becomes what it must become, down to the comments, and passes `paddock check`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Paddock, paddock, state_home
from tests.importing.cases import NAMES, Case, model

__all__ = ["paddock", "state_home"]


@pytest.fixture(scope="session")
def any_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_the_corpus_becomes_what_it_must_and_passes_check(
    paddock: Paddock,
    tmp_path: Path,
    any_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    case = Case(name, tmp_path / "box")
    case.lay_out(any_model)
    monkeypatch.setenv(
        "DOCKER_HOST", "unix:///nowhere/docker.sock"
    )  # no containers, wherever this runs
    monkeypatch.setenv("PADDOCK_LLAMA_SERVER", str(case.folder / "bin" / "llama-server"))
    result = case.run(paddock)
    assert result.conf == case.expected("models.conf")
    assert result.settings == case.expected("paddock.toml")
    assert result.notes == case.expected("notes.txt")
    assert result.status == 0, result.check
