"""The page's files: what others wrote is what they wrote, all fits the wire, and the types are the API's."""

import hashlib
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

from paddock.web import FIRST, FOLDER, INDEX, SCRIPT, STYLE, assets
from paddock.web.joining import joined, later
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


def test_the_first_view_asks_for_one_script_and_one_style_sheet_by_their_content() -> None:
    page = assets()[INDEX].plain().decode()
    named = re.findall(r'(?:href|src)="/dashboard/files/([^"?]+)\?([^"]+)"', page)
    assert named == [(name, assets()[name].etag.strip('"')) for name in (STYLE, SCRIPT)]


def test_what_is_not_joined_is_fetched_when_it_is_needed() -> None:
    scripts = {
        file.relative_to(FOLDER).as_posix(): file.read_text() for file in FOLDER.rglob("*.js")
    }
    assert later(scripts) == set(scripts) - set(joined(scripts, FIRST).modules)


def test_no_file_of_the_page_holds_or_names_what_the_policy_forbids() -> None:
    for file in (file for file in FOLDER.rglob("*") if file.is_file()):
        if file.parent == VENDOR:
            assert file.name.endswith((".js", ".css", ".LICENSE", ".d.ts"))
            continue
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\bon\w+=\"|<script>|style=\"|javascript:|innerHTML|eval\(", text), (
            file
        )
        assert not re.search(r"(?<!xmlns=\")https?://", text), file


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
