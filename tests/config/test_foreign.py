"""Another program's file, given for a models.conf, is one problem with the command that reads it."""

from pathlib import Path

import pytest

from tests.config.stables import Yard

CORPUS = Path(__file__).parents[1] / "importing" / "corpus"
SHAPES = [
    ("swap-*/given/config.yaml", "is llama-swap's, not a models.conf", "import llama-swap"),
    ("compose-*/given/*compose.y*ml", "is a compose file, not a models.conf", "import wrapper"),
    ("unit-*/given/*.service", "is a systemd unit, not a models.conf", "import wrapper"),
    ("unit-*/given/*.container", "is a quadlet, not a models.conf", "import wrapper"),
    ("script-*/given/*", "is a script, not a models.conf", "import wrapper"),
]
FILES = [
    pytest.param(file, message, verb, id=f"{file.parts[-3]}-{file.name}")
    for pattern, message, verb in SHAPES
    for file in sorted(CORPUS.glob(pattern))
]


@pytest.mark.parametrize(("file", "message", "verb"), FILES)
def test_a_file_of_another_program_is_one_problem_that_names_its_import(
    yard: Yard, file: Path, message: str, verb: str
) -> None:
    (problem,) = yard.problems(file.read_bytes())
    assert problem.severity == "error"
    assert problem.message == message
    assert verb in problem.hint


def test_no_models_conf_is_taken_for_one(yard: Yard) -> None:
    for conf in sorted(CORPUS.glob("*/expected/models.conf")):
        assert not any(
            "not a models.conf" in problem.message for problem in yard.problems(conf.read_bytes())
        )
    example = Path(__file__).parents[2] / "examples"
    for conf in sorted(example.glob("*.conf")):
        assert not any(
            "not a models.conf" in problem.message for problem in yard.problems(conf.read_bytes())
        )
