"""What is shortened where a line has too little room: names and sentences, never a figure."""

import re

import pytest
from rich.cells import cell_len
from rich.text import Text

from paddock.tui import paint
from paddock.tui.bars import Bar, Segment
from paddock.tui.fitting import cut, names_within, whole_parts
from paddock.tui.switch_lines import SwitchLine

_FIGURE = re.compile(r"\d[\d.]*(?: (?:%|[KMGT]iB|°C|W|s|t/s))?")
LINE = SwitchLine(
    profile="qwen-coder-30b",
    stage="loading text model",
    fraction=0.43,
    percent="43 %",
    amount="7.4 GiB of 17.2 GiB",
    rate="1.2 GiB/s",
    elapsed="6.9 s",
    left="about 8 s left",
    failure="",
    hint="",
    log=(),
    restored=(),
)
CARD = Bar(
    name="CUDA0",
    description="RTX 4090",
    detail="NVIDIA GeForce RTX 4090",
    segments=(
        Segment("instance", "glm-flash-q4", 21811, 10),
        Segment("foreign", "driver", 466, 1),
        Segment("margin", "margin", 1024, 1),
    ),
    total="24.0 GiB",
    free="2.3 GiB",
    facts="0 %, 38 °C, 21 of 450 W, 210 MHz",
    brief="0 %, 38 °C, 21 W",
)


@pytest.mark.parametrize("room", range(1, 60))
@pytest.mark.parametrize(
    "sentence",
    [
        "◐ loading 43 %, 1 waiting",
        "glm-flash is ready after 12.4 s, 37 of 48 layers on GPUs",
        "model 1,234.5 GiB: too large",
    ],
)
def test_a_sentence_is_never_cut_within_a_figure(sentence: str, room: int) -> None:
    shown = cut(Text(sentence), room)
    assert shown.cell_len <= room
    known = _FIGURE.findall(sentence)
    assert _FIGURE.findall(shown.plain) == known[: len(_FIGURE.findall(shown.plain))]


def test_a_sentence_is_kept_as_far_as_it_has_room() -> None:
    sentence = Text("◐ loading 43 %, 1 waiting")
    assert cut(sentence, 25).plain == sentence.plain
    assert [cut(sentence, n).plain for n in (24, 15, 14)] == [
        "◐ loading 43 %…",
        "◐ loading 43 %…",
        "◐ loading…",
    ]


@pytest.mark.parametrize("room", range(52, 130))
def test_the_time_that_a_load_has_left_is_shown_at_every_width(room: int) -> None:
    shown = paint.switch_text(LINE, room + 4, 0).plain.splitlines()[0]
    assert cell_len(shown) <= room
    assert all(fact in shown for fact in (LINE.percent, LINE.elapsed, LINE.left)), shown


@pytest.mark.parametrize("room", range(40, 90))
def test_the_figures_of_a_device_are_shown_at_every_width(room: int) -> None:
    shown = paint.device_text(CARD, [0.5], is_wide=True, label=16, room=room).plain
    assert all(cell_len(line) <= room for line in shown.splitlines()[1:])
    for figure in ("21.3 GiB", "466 MiB", "1.0 GiB", CARD.facts):
        assert figure in shown, shown
    brief = paint.device_text(CARD, [], is_wide=False, label=16, room=room).plain
    assert set(_FIGURE.findall(brief)) <= {"2.3 GiB", "0 %", "38 °C", "21 W", "0", "4090"}


def test_names_are_shortened_before_lines_become_more() -> None:
    parts = [("glm-flash-q4", "21.3 GiB"), ("others", "466 MiB"), ("margin", "1.0 GiB")]
    assert names_within(parts, 50) == ["glm-fl… 21.3 GiB · others 466 MiB · margin 1.0 GiB"]
    assert names_within(parts, 40) == ["glm… 21.3 GiB · oth… 466 MiB", "mar… 1.0 GiB"]
    assert names_within([], 40) == []


def test_parts_are_shown_whole_or_not_at_all() -> None:
    parts = ["318 requests", "3 failed", "2.4 M tokens read"]
    assert whole_parts(parts, 30, " · ") == "318 requests · 3 failed …"
    assert whole_parts(parts, 14, " · ") == "318 requests …"
    assert whole_parts(["12 GiB"], 3) == "…"
