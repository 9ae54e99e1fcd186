"""Two runs beside each other, and every form in which they are shown."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import pytest

from paddock.api.bench import BenchCircumstances, BenchLoad
from paddock.bench.comparison import compared
from paddock.bench.html_page import html_page
from paddock.bench.markdown import markdown
from paddock.bench.sheet import comparison_headline, comparison_tables, headline, tables
from tests.bench.runs import depth, profile, run


def test_equal_runs_have_no_change_and_nothing_that_differs() -> None:
    found = compared(run(1, profile()), run(2, profile()))
    assert [(one.real, one.together) for one in found.profiles] == [([], [])]
    assert "nothing changed beyond the spread" in comparison_headline(found)


def test_a_change_beyond_the_spread_is_named_with_its_direction() -> None:
    found = compared(run(1, profile(speed=50.0)), run(2, profile(speed=60.0)))
    judged = {change.figure: change.judgement for change in found.profiles[0].changes}
    assert judged["generation at 512 tokens"] == judged["first token at 4,096 tokens"] == "better"
    assert judged["answers of 2 streams together"] == "same"
    assert judged["load, cached"] == "unproven"  # one load on each side
    back = compared(run(2, profile(speed=60.0)), run(1, profile(speed=50.0)))
    assert {change.judgement for change in back.profiles[0].real} == {"worse"}


def test_a_cold_load_is_not_compared_with_a_warm_one() -> None:
    cold = profile(loads=[BenchLoad(seconds=40.0 + n, cached=0.0) for n in range(3)])
    warm = profile(loads=[BenchLoad(seconds=4.0 + n, cached=1.0) for n in range(3)])
    names = {change.figure for change in compared(run(1, cold), run(2, warm)).profiles[0].changes}
    assert not any(name.startswith("load") for name in names)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"circumstances": {"engine_version": "b2"}}, "engine: native b1 → native b2"),
        ({"circumstances": {"devices": "CUDA 14"}}, "driver and devices: CUDA 13 → CUDA 14"),
        ({"circumstances": {"args": ["-ub", "1024", "--mlock"]}}, "-ub: 512 → 1024"),
        ({"circumstances": {"args": ["-ub", "512"]}}, "--mlock: on → none"),
        ({"circumstances": {"beside": ["qwen"]}}, "loaded beside it: none → qwen"),
        ({"graph_splits": 2}, "graph splits: 8 → 2"),
        ({"layers_overflowing": None}, "layers of which parts overflow: 3 → none"),
    ],
)
def test_what_goes_together_with_a_change_is_named(fields: dict[str, Any], expected: str) -> None:
    usual = {"engine": "native", "engine_version": "b1", "devices": "CUDA 13", "args": ["-ub", "512", "--mlock"]}  # fmt: skip
    if said := fields.get("circumstances"):
        fields = fields | {"circumstances": BenchCircumstances(**usual | said)}
    [found] = compared(run(1, profile()), run(2, profile(**fields))).profiles
    assert found.together == [expected]


def test_memory_of_other_programs_and_traffic_go_together_with_a_change_too() -> None:
    before, after = profile(), profile()
    after.memory[0].foreign = 5000
    after.depths[0].beside_traffic = 2
    [found] = compared(run(1, before), run(2, after)).profiles
    assert found.together == [
        "other programs on CUDA0: 300 → 5000 MiB",
        "2 of the samples were taken beside other traffic",
    ]


def test_profiles_of_only_one_run_are_named() -> None:
    found = compared(run(1, profile("a"), profile("b")), run(2, profile("b"), profile("c")))
    assert (found.missing, [one.profile for one in found.profiles]) == (["a", "c"], ["b"])


# ---- forms ----


def test_a_table_has_the_figures_with_their_spread() -> None:
    overview, single, *_ = tables(run(3, profile()))
    line = dict(zip(overview.headers, overview.rows[0], strict=True))
    assert line["LOAD"] == "12.5 s"
    assert line["GENERATION"] == "50.0 t/s (49.5 to 50.5)"
    assert line["AT DEPTH"] == "40.0 t/s (39.6 to 40.4) at 4k"
    assert line["LAYERS"] == "49/49, 3 overflowing"
    assert (line["EXIT"], line["SCORE"]) == ("0", "0.84")
    assert "PROMPT W" not in single.headers  # no driver reported it
    assert "not counted: 2.0 s" in single.notes[0]


def test_markdown_has_one_line_for_each_row_whatever_a_profile_is_called() -> None:
    text = markdown("head", tables(run(1, profile("a|b <i>\n# c"))))
    lines = text.splitlines()
    assert "| a\\|b &lt;i> # c |" in next(line for line in lines if line.startswith("| a"))
    assert not any(line.startswith("# c") for line in lines)


class _Page(HTMLParser):
    """Which tags a page has, and what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_draws_each_figure() -> None:
    old, new = run(1, profile("<b>&", 50.0)), run(2, profile("<b>&", 60.0))
    found = compared(old, new)
    text = html_page(comparison_headline(found), comparison_tables(found), new, old)
    page = _Page(text)
    assert page.fetched == []
    assert not {"script", "link", "b"} & set(page.tags)
    assert "url(" not in text
    assert page.tags.count("svg") == 5  # generation, prompt, first token, memory, loads
    for piece in text.split("<svg")[1:]:
        ET.fromstring("<svg" + piece[: piece.index("</svg>")] + "</svg>")  # our own


def test_a_page_of_a_run_in_which_nothing_worked_has_no_plots() -> None:
    failed = profile(outcome="failed", depths=[], streams=[], memory=[], loads=[])
    text = html_page(headline(run(1, failed)), tables(run(1, failed)), run(1, failed))
    assert "svg" not in _Page(text).tags


def test_one_depth_alone_is_drawn_too() -> None:
    one = run(1, profile(depths=[depth(700, 0.3)]))
    assert "0.3 t/s" in html_page("", tables(one), one)
