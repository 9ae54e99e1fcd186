"""Each promise of SECURITY.md names tests that are there."""

import ast
import re

import pytest

from tests.docs.pages import ROOT, text

PROMISED = text("SECURITY.md").partition("## What is promised")[2].partition("\n## What is not")[0]
ROWS = [line for line in PROMISED.splitlines() if line.startswith("| ")]
PROMISES = [row for row in ROWS if not row.startswith("| promise |")]


def test_there_are_promises() -> None:
    assert len(PROMISES) > 20


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row[2:60])
def test_every_promise_is_held_by_tests_that_are_there(row: str) -> None:
    _, promise, kept, held, _ = re.split(r" ?\| ?", row)
    assert promise
    assert kept
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", held)
    assert named, "no test holds it"
    for file, test in named:
        tree = ast.parse((ROOT / "tests" / file).read_text())
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert test in {node.name for node in tree.body if isinstance(node, functions)}
