"""The Makefile explains itself, the documents name every verb, and nothing is rebuilt for nothing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from paddock.cli.main import app

ROOT = Path(__file__).parents[2]
TARGETS = ("demo", "test", "check", "format", "native", "bench", "clean", "help")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*args: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", "-C", ROOT, *args], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("goal", ["", "help"])
def test_help_lists_every_target_with_a_word_about_it(goal: str) -> None:
    listed = {
        line.split()[1]: line.split()[2:] for line in make(*filter(None, [goal])).splitlines()
    }
    assert all(listed[target] for target in TARGETS if target != "help" or goal == "help")


def test_the_demo_can_be_kept() -> None:
    assert make("-n", "demo", "KEEP=1").rstrip().endswith("paddock demo --keep")
    assert make("-n", "demo").rstrip().endswith("paddock demo")


def test_the_interpreter_can_be_chosen(tmp_path: Path) -> None:
    plan = make("-n", "test", "PYTHON=python3.99", f"VENV={tmp_path}/venv")
    assert plan.startswith("python3.99 -m venv")


def test_an_environment_that_is_newer_than_pyproject_is_left_as_it_is(tmp_path: Path) -> None:
    stamp = tmp_path / ".made-from-pyproject"
    stamp.touch()
    assert make("-n", "test", f"VENV={tmp_path}").strip() == f"tools/test.sh {tmp_path}/bin/pytest"


def test_the_document_names_every_verb() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    verbs = [command.name for command in app.registered_commands]
    assert all(f"`paddock {verb}" in page or f"`{verb}`" in page for verb in verbs)
