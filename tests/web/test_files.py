"""The page's files: what others wrote is what they wrote, all fits the wire, and the types are the API's."""

import hashlib
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

from paddock.web import FOLDER, INDEX, assets
from tests.web.node import node
from tests.web.packages import TYPESCRIPT, package

HERE = Path(__file__).parent
WEB_TYPES = runpy.run_path(str(HERE.parents[1] / "tools" / "web_types.py"))
VENDOR = FOLDER / "vendor"
MOST = 120 * 1024  # bytes of script over the wire, all views together


def test_what_others_wrote_is_unchanged_and_has_its_licence() -> None:
    table = tomllib.loads((FOLDER.parent / "vendor.toml").read_text(encoding="utf-8"))
    ours = {file.name for file in VENDOR.glob("*.d.ts")}
    assert {file.name for file in VENDOR.iterdir()} - ours == set(table)
    for name, row in table.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == row["sha256"], name
        assert f"{name.partition('.')[0]}.LICENSE" in table, name
        assert row["version"], name


def test_all_script_fits_the_wire() -> None:
    scripts = {name: len(a.compressed) for name, a in assets().items() if name.endswith(".js")}
    assert sum(scripts.values()) <= MOST, scripts


def test_the_page_names_all_modules_of_its_first_view_at_once() -> None:
    """A browser would otherwise learn of each only from the one before it."""
    page = assets()[INDEX].plain().decode()
    named = set(re.findall(r'(?:href|src)="/dashboard/files/([^"]+\.js)"', page))
    late = {"vendor/uplot.js"}  # when the first plot is drawn
    assert named == {name for name in assets() if name.endswith(".js")} - late


def test_no_file_of_the_page_holds_or_names_what_the_policy_forbids() -> None:
    for name, asset in assets().items():
        text = asset.plain().decode()
        assert not name.startswith("vendor/") or name.endswith((".js", ".css", ".LICENSE"))
        if name.startswith("vendor/"):
            continue
        assert not re.search(r"\bon\w+=\"|<script>|style=\"|javascript:|innerHTML|eval\(", text), (
            name
        )
        assert not re.search(r"(?<!xmlns=\")https?://", text), name


def test_the_types_are_those_of_the_api() -> None:
    known = WEB_TYPES["TARGET"].read_text(encoding="utf-8")
    assert known == WEB_TYPES["types"](), "run `python tools/web_types.py`"


def test_the_page_keeps_to_the_types_of_the_api() -> None:
    compiler = package(*TYPESCRIPT) / "bin" / "tsc"
    command = [node(), str(compiler), "-p", str(HERE / "tsconfig.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda file: file.name)
def test_the_modules_do_what_their_own_tests_say(file: Path) -> None:
    command = [node(), "--test", "--test-reporter=spec", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
