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


ROOMS = sorted(
    file.parent.relative_to(SOURCE).as_posix() for file in SOURCE.glob("*/**/__init__.py")
)


@pytest.mark.parametrize("room", ROOMS)
def test_a_map_says_how_to_add_the_next(room: str) -> None:
    assert re.search(r"^To add .+:", _map(room), re.MULTILINE), room


# ---- ARCHITECTURE.md ----

PAGE = (ROOT / "ARCHITECTURE.md").read_text()


def _rows(heading: str) -> set[str]:
    """What the first cells of the tables under this heading name."""
    part = PAGE[PAGE.index(heading) :]
    part = part[: part.index("\n### ")]
    cells = re.findall(r"^\| ([^|]*`[^|]*) \|", part, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(("heading", "room"), [("## The rooms", ""), ("### daemon, in rooms", "daemon")])  # fmt: skip
def test_every_room_and_every_single_module_has_its_row(heading: str, room: str) -> None:
    folder = SOURCE / room
    rooms = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    modules = {path.name for path in folder.glob("*.py") if not path.stem.startswith("__")}
    assert _rows(heading) == rooms | modules


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`([\w/]+\.(?:py|js|ts))`", PAGE))
    there = [path.as_posix() for part in ("src", "tests", "tools") for path in (ROOT / part).rglob("*")]  # fmt: skip
    assert {name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)} == set()  # fmt: skip


def test_every_member_of_a_class_that_the_page_names_is_there() -> None:
    members: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                members.setdefault(node.name, set()).update(_members(node))
    named = set(re.findall(r"`([A-Z]\w+)\.(\w+)", PAGE))
    assert len(named) > 20
    assert {f"{kind}.{name}" for kind, name in named if name not in members.get(kind, ())} == set()


def _members(node: ast.ClassDef) -> set[str]:
    """Methods, fields, and what is set on `self`."""
    methods = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {inner.name for inner in node.body if isinstance(inner, methods)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name | ast.Attribute) and isinstance(inner.ctx, ast.Store):
            found.add(inner.id if isinstance(inner, ast.Name) else inner.attr)
    return found
