"""tools/style.py: what it counts, on a package made for it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).resolve().parent.parent / "tools" / "style.py"

PACKAGE = {
    "__init__.py": "",
    "stable/__init__.py": '"""A map."""\n',
    "stable/horse.py": """
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.stable.rider import Rider

Report = Callable[[str], None]


class Horse:
    def __init__(self, rider: "Rider", report: Report, neigh: Callable[[], None]) -> None: ...
""",
    "stable/rider.py": """
class Rider:
    def mount(self) -> None:
        from paddock.stable import horse

        horse.Horse  # it was told
""",
    "field/__init__.py": "",
    "field/rider.py": "from paddock.stable.rider import Rider as Other\n\n\nclass Rider: ...\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in PACKAGE.items():
        file = tmp_path / "paddock" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def output(*args: object) -> str:
    command = [sys.executable, str(TOOL), *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_words_outside_of_the_package_have_a_line_of_their_own(tmp_path: Path):
    for name, text in PACKAGE.items():
        file = tmp_path / "src" / "paddock" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        "def test_who_is_told(): ...\n# in force by now\n"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("untold\n")
    printed = output("--source", tmp_path / "src", "--list").splitlines()
    assert "words outside: 3 in tests, 0 in docs" in printed
    assert {"tests/test_a.py:1 told", "tests/test_a.py:2 in force"} <= set(printed)


@pytest.fixture(scope="module")
def ours() -> list[str]:
    """What the list names of this repository; it takes some seconds."""
    return output("--list").splitlines()


def test_nobody_is_told_anything_outside_of_the_package_either(ours: list[str]):
    assert [line for line in ours if line.endswith(" told") and ":" in line.split()[0]] == []


def test_no_class_name_stands_in_two_modules_and_no_module_in_a_circle(ours: list[str]):
    assert [line for line in ours if re.match(r"_*[A-Z]\w*: paddock\.|circle: ", line)] == []


def figures(source: Path) -> dict[str, Any]:
    rooms: dict[str, Any] = json.loads(output("--json", "--source", source))["now"]
    return rooms


def test_imports_under_type_checking_and_in_functions_make_circles(source: Path):
    rooms = figures(source)
    assert (rooms["stable"]["circles"], rooms["field"]["circles"], rooms["all"]["circles"]) == (
        1,
        0,
        1,
    )


def test_an_alias_of_a_callable_is_a_callback(source: Path):
    stable = figures(source)["stable"]
    assert (stable["callbacks"], stable["constructors"], stable["parameters"]) == (2, 1, [3, 3, 3])


def test_doubled_names_count_in_each_of_their_rooms_and_once_in_all(source: Path):
    assert [room["doubled"] for room in figures(source).values()] == [0, 1, 1, 1]


def test_the_list_names_what_should_not_be(source: Path):
    listed = output("--list", "--source", source)
    assert "circle: paddock.stable.horse paddock.stable.rider" in listed
    assert "Rider: paddock.field.rider paddock.stable.rider" in listed


def test_private_words_are_counted(source: Path):
    assert figures(source)["stable"]["words"] == 1
