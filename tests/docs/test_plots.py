"""The plots of the aims are drawn from the recorded results, and say what the tables and the texts beside them say."""

import json
import re
import runpy
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.docs.pages import ROOT, text

PLOTS = runpy.run_path(str(ROOT / "tools" / "plots.py"))
MEASURES: list[dict[str, Any]] = json.loads((ROOT / "bench" / "results" / "aims.json").read_text())
by_name = pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m["name"])


@by_name
def test_each_picture_is_drawn_from_what_was_recorded(measure: dict[str, Any]):
    """Else run tools/plots.py, and look at them."""
    picture = (ROOT / "docs" / "pictures" / f"aim-{measure['name']}.svg").read_text()
    assert picture == PLOTS["drawn"](measure)
    ElementTree.fromstring(picture)


@by_name
def test_the_page_has_every_number_in_a_table_and_the_verdict_beside_the_picture(
    measure: dict[str, Any],
):
    page = text("docs/benchmarks.md")
    tables = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    [words] = re.findall(rf"!\[(.*)\]\(pictures/aim-{measure['name']}\.svg\)", page)
    for value in measure["values"].values():
        assert re.search(rf"\b{re.escape(f'{value:g}')}\b", tables)
        assert f"{value:g}" in words
    is_met = measure["values"]["Paddock"] <= PLOTS["limit"](measure)
    assert words.endswith("is met" if is_met else "is missed")
