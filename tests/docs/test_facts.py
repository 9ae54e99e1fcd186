"""Tables that repeat what the code says, say the same; the README's profiles are good ones."""

import ast
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from paddock import DISTRIBUTION, errors
from paddock.config.models_conf import read
from paddock.placement.verify import DOUBTS, FINDINGS
from paddock.placement.verify_causes import CAUSES
from tests.config.stables import flags_of_the_build
from tests.docs.pages import NAMES, ROOT, blocks, text

PROJECT = tomllib.loads(text("pyproject.toml"))["project"]
ONLY_FOR_THE_COMMAND_LINE = {"daemon_unreachable", "daemon_already_runs"}


def rows_of_the_page() -> dict[str, str]:
    """The status of each code."""
    rows = re.findall(r"^\| ((?:`[a-z_]+` ?)+) \| ([^|]+) \|", text("docs/api.md"), re.MULTILINE)
    return {code: status for codes, status in rows for code in re.findall(r"\w+", codes)}


def test_every_error_code_is_documented_with_its_status() -> None:
    tree = [
        e
        for e in vars(errors).values()
        if isinstance(e, type) and issubclass(e, errors.PaddockError)
    ]
    real = {error.code: str(error.status) for error in tree if error is not errors.PaddockError}
    over_http = {c: s for c, s in real.items() if c not in ONLY_FOR_THE_COMMAND_LINE}
    assert rows_of_the_page() | over_http == rows_of_the_page()


def test_so_are_the_codes_of_other_rooms_and_no_others() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    real = set(re.findall(r'^    code(?:: ClassVar\[str\])? = "(\w+)"', sources, re.MULTILINE))
    assert rows_of_the_page().keys() == real - ONLY_FOR_THE_COMMAND_LINE - {"error"}


@pytest.mark.parametrize("code", [*FINDINGS, *CAUSES, *DOUBTS])
def test_every_reason_of_a_verdict_is_explained(code: str) -> None:
    assert f"\n### `{code}`\n\n" in text("docs/troubleshooting.md")


def test_the_changelog_begins_with_the_version_at_hand() -> None:
    latest = re.search(r"^## \[?([\d.]+)", text("CHANGELOG.md"), re.MULTILINE)
    assert latest
    assert latest[1] == PROJECT["version"]


def test_the_program_knows_the_name_of_its_distribution() -> None:
    assert PROJECT["name"] == DISTRIBUTION


def test_every_dependency_has_its_reason() -> None:
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["embedded"]]
    page = text("docs/decisions/0001-dependencies.md")
    reasons = re.findall(r"^\| [^|]+ \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)
    explained = {name for cell in reasons for name in re.findall(r"`([\w.-]+)`", cell)}
    assert explained == {re.split(r"[^\w.-]", one)[0] for one in wanted}


@pytest.mark.parametrize(
    ("language", "parse"), [("toml", tomllib.loads), ("json", json.loads), ("python", ast.parse)]
)
def test_the_pages_snippets_can_be_parsed(language: str, parse: Callable[[str], object]) -> None:
    found = [snippet for name in NAMES for snippet in blocks(text(name), language)]
    assert found
    assert all(parse(snippet) for snippet in found)


def test_the_readmes_models_conf_is_good_and_has_the_models_it_speaks_of(tmp_path: Path) -> None:
    conf = tmp_path / "models.conf"
    conf.write_text(blocks(text("README.md"), "ini")[0])
    stable, problems = read(conf, flags_for=flags_of_the_build)
    assert stable is not None
    assert [str(problem) for problem in problems if problem.kind != "file"] == []
    assert {"glm-flash", "qwen-coder"} == stable.profiles.keys()
    asked = set(re.findall(r'"?model"?\s*[:=]\s*"(?:paddock/)?([\w-]+)"', text("README.md")))
    assert asked <= stable.profiles.keys()


def test_the_tree_names_its_licence() -> None:
    assert PROJECT["license"] in (ROOT / "LICENSE").read_text()
