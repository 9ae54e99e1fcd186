"""The lock file holds what pyproject.toml asks for, and names no place that it came from."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
]


def asked_for() -> list[Requirement]:
    """What `make venv` installs."""
    project_file = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = project_file["project"]
    optional = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [
        *map(
            Requirement,
            project["dependencies"] + optional + project_file["dependency-groups"]["dev"],
        )
    ]


def test_each_dependency_has_a_version_that_is_allowed() -> None:
    """`make lock` brings it up to date."""
    pinned = {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in PINS}
    for wanted in asked_for():
        version = pinned.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name}: run `make lock`"
        assert wanted.specifier.contains(version), f"{wanted}: run `make lock`"


def test_every_version_is_exact_and_comes_from_no_named_place() -> None:
    for pin in PINS:
        assert [clause.operator for clause in pin.specifier] == ["=="]
        assert pin.url is None
