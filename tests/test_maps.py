"""The maps in the rooms' `__init__` name what is there: nobody reads a map twice that was wrong once."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "paddock"
# Rooms of which the map names every module; those of larger ones name where to start.
WHOLE = (
    "daemon",
    "daemon/history",
    "daemon/logs",
    "daemon/profiles",
    "http/ollama",
    "cli/online",
    "cli/background",
)


def _map(room: str) -> str:
    return ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text())) or ""


@pytest.mark.parametrize("room", WHOLE)
def test_a_map_names_every_module_of_its_room(room: str) -> None:
    modules = {path.stem for path in (SOURCE / room).glob("*.py")} - {"__init__"}
    assert {name for name in modules if not re.search(rf"\b{name}\b", _map(room))} == set()


def test_the_daemons_map_has_the_layers_that_are_checked() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    [layers] = [c["layers"] for c in contracts if c.get("containers") == ["paddock.daemon"]]
    found = re.search(r"^daemon →.*?\(([^)]*)\)", _map("daemon"), re.DOTALL | re.MULTILINE)
    assert found
    drawn = [re.sub(r"\s+", " ", layer) for layer in re.split(r"\s→\s", found[0])][:-1]
    for layer, names in zip(layers[:-1], drawn, strict=True):
        assert set(names.split(" | ")) == set(layer.split(" | "))
    assert re.split(r",\s+", found[1]) == layers[-1].split(" | ")


@pytest.mark.parametrize("room", ["", "/verbs", "/online", "/offline", "/background", "/output"])
def test_a_map_of_the_command_line_says_how_to_add_the_next(room: str) -> None:
    assert re.search(r"\bTo add\b|\bThe next\b|\bnext verb\b", _map(f"cli{room}")), room
