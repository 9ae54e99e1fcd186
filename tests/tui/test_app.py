"""The dashboard as people see and press it, over recorded histories.

The golden screens are the text of the terminal; `make pictures` writes them anew, and the pictures.
"""

from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from paddock.api.events import AnyEvent, YieldChanged
from paddock.api.yielding import YieldInfo
from paddock.tui.app import Heard
from paddock.tui.detail import Detail
from paddock.tui.guide import Guide
from paddock.tui.logs import Logs
from paddock.tui.picker import Picker
from paddock.tui.reading import header
from tests.tui import histories
from tests.tui.screens import GOLDEN, SCREENS, settled, shown, text

GOLDEN_FOLDER = Path(__file__).with_name("golden")


@pytest.mark.parametrize("name", sorted(GOLDEN))
async def test_the_screen_is_as_it_was(name: str):
    story, size = GOLDEN[name]
    async with shown(story(), size) as (app, _, _):
        assert text(app) == (GOLDEN_FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_screen_is_looked_at():
    assert {path.stem for path in GOLDEN_FOLDER.glob("*.txt")} == set(GOLDEN)
    assert {story for story, _ in GOLDEN.values()} == set(SCREENS)


def two() -> list[AnyEvent]:
    return histories.two_resident()


async def test_m_types_filters_and_switches():
    async with shown(two()) as (app, pilot, daemon):
        await pilot.press("m")
        await settled(pilot)
        assert isinstance(app.screen, Picker)
        await pilot.press(*"coder", "space", *"30b")
        await settled(pilot)
        assert app.screen.query_one(OptionList).option_count == 1
        assert "needs 13.4 of 22.1 GiB on CUDA0" in text(app)
        assert "for qwen-coder-30b" in text(app)
        await pilot.press("enter")
        await settled(pilot)
    assert daemon.asked == [("switch", "qwen-coder-30b")]


async def test_a_number_chooses_and_later_is_part_of_the_name():
    async with shown(two()) as (app, pilot, daemon):
        await pilot.press("slash", "2")
        await settled(pilot)
        assert app.screen.query_one(Input).value == ""
        assert "for qwen-coder-30b" in text(app)
        await pilot.press(*"oss", "space", *"120", "enter")
        await settled(pilot)
    assert daemon.asked == [("switch", "gpt-oss-120b")]


async def test_escape_leaves_and_asks_for_nothing():
    async with shown(two()) as (app, pilot, daemon):
        await pilot.press("m", "down", "escape")
        await settled(pilot)
        assert not isinstance(app.screen, Picker)
    assert daemon.asked == []


async def test_enter_on_a_row_asks_before_it_switches():
    async with shown(two()) as (app, pilot, daemon):
        await pilot.press("down", "enter")
        await settled(pilot)
        assert isinstance(app.screen, Picker)
        assert daemon.asked == []
        await pilot.press("enter")
        await settled(pilot)
    assert daemon.asked == [("switch", "qwen-coder-30b")]


async def test_u_unloads_the_row_under_the_cursor():
    async with shown(two()) as (_, pilot, daemon):
        await pilot.press("u")
        await settled(pilot)
    assert daemon.asked == [("unload", "glm-flash-q4")]


async def test_y_yields_the_gpus_and_takes_them_back():
    async with shown(two()) as (app, pilot, daemon):
        await pilot.press("y")
        await settled(pilot)
        info = YieldInfo(since="2026-01-01T10:00:00Z", by="a game")
        app.post_message(Heard(YieldChanged(seq=app.view.last_seq + 1, yielded=info)))
        await settled(pilot)
        assert "yielded by a game" in header(app.view).text
        await pilot.press("y")
        await settled(pilot)
    assert daemon.asked == [("yield_gpus", "the dashboard"), ("resume",)]


async def test_c_cancels_the_load_that_is_under_way_and_nothing_else():
    async with shown(histories.loading()) as (_, pilot, daemon):
        await pilot.press("c")
        await settled(pilot)
    async with shown(histories.idle()) as (_, pilot, idle):
        await pilot.press("c")
        await settled(pilot)
    assert (daemon.asked, idle.asked) == ([("cancel", "qwen-coder-30b")], [])


async def test_x_ends_the_request_under_the_cursor():
    async with shown(histories.busy(), (200, 60)) as (_, pilot, daemon):
        await pilot.press("tab", "x")
        await settled(pilot)
    assert [asked[0] for asked in daemon.asked] == ["cancel_request"]


async def test_a_failure_stays_until_it_was_read():
    async with shown(histories.failing()) as (app, pilot, _):
        assert "failed to load model" in text(app)
        await pilot.press("backspace")
        await settled(pilot)
        assert "failed to load model" not in text(app)


async def test_benchmarks_are_folded_until_b():
    async with shown(two()) as (app, pilot, _):
        assert "1 bench (b)" in text(app)
        await pilot.press("b")
        await settled(pilot)
        assert "bench-glm-flash" in text(app)


@pytest.mark.parametrize(
    ("key", "screen", "words"),
    [
        ("l", Logs, "cudaMalloc failed: out of memory"),
        ("d", Detail, "plan against placement"),
        ("question_mark", Guide, "quit; no model is touched"),
    ],
)
async def test_each_screen_opens_and_leaves(key: str, screen: type, words: str):
    async with shown(two(), (100, 50)) as (app, pilot, _):
        await pilot.press(key)
        await settled(pilot)
        assert isinstance(app.screen, screen)
        assert words in text(app)
        await pilot.press("escape")
        await settled(pilot)
        assert not isinstance(app.screen, screen)


async def test_the_detail_shows_where_each_flag_was_written_and_what_the_file_says():
    async with shown(two(), (120, 60)) as (app, pilot, _):
        await pilot.press("d")
        await settled(pilot)
        lines = text(app).splitlines()
    [flag] = [line for line in lines if "--ctx-size" in line]
    assert "131072" in flag
    assert "[glm-flash-q4] CTX_SIZE, line 9, instead of 8192 ([*] CTX_SIZE, line 3)" in flag
    assert any("layers" in line and "48, KV in 48" in line for line in lines)
    assert any("▲ the file says MoE, not dense" in line for line in lines)


async def test_the_detail_shows_where_the_time_of_each_switch_went():
    async with shown(two(), (120, 80)) as (app, pilot, _):
        await pilot.press("d")
        await settled(pilot)
        lines = [line.rstrip() for line in text(app).splitlines()]
    head = next(n for n, line in enumerate(lines) if "ready after 7.50 s" in line)
    assert "2026-11-25 09:14:09" in lines[head]
    assert lines[head].endswith(
        "ready after 7.50 s, qwen-coder-30b left for it, 1,700 tokens read again"
    )
    bars = lines[head + 1 : head + 8]
    assert [line.split()[0] for line in bars] == [
        "draining", "stopping", "starting", "loading", "loading", "restoring", "first-token",
    ]  # fmt: skip
    assert "4.10 s text model" in bars[3]
    assert bars[3].index("█") > bars[0].index("█"), "each begins where the one before it ends"
    assert "failed after 4.40 s" in lines[head + 8]


async def test_a_log_reaches_back_over_switches():
    async with shown(two(), (100, 30)) as (app, pilot, _):
        await pilot.press("l")
        await settled(pilot)
        lines = text(app).splitlines()
    assert [line.split(",")[0] for line in lines if line.startswith("──")] == [
        "── glm-flash-q4.3",
        "── glm-flash-q4.4",
    ]


async def test_a_log_is_filtered():
    async with shown(two(), (100, 30)) as (app, pilot, _):
        await pilot.press("l", "ampersand", *"cudam", "enter")
        await settled(pilot)
        assert "only lines with “cudam”" in text(app)
        assert "cudaMalloc failed: out of memory" in text(app)
        assert "initializing" not in text(app)
        await pilot.press("ampersand", "escape")
        await settled(pilot)
        assert "initializing" in text(app)
        assert isinstance(app.screen, Logs)


async def test_a_log_is_searched_back_and_forth():
    async with shown(two(), (100, 30)) as (app, pilot, _):
        await pilot.press("l", "slash", *"LLAMA_SERVER: INIT", "enter")
        await settled(pilot)
        assert "paused, line 2 of 2 with “llama_server: init”" in text(app)
        await pilot.press("n")
        await settled(pilot)
        assert "line 1 of 2" in text(app)
        await pilot.press("N")
        await settled(pilot)
        assert "line 2 of 2" in text(app)
        await pilot.press("f")
        await settled(pilot)
        assert "following" in text(app)


async def test_words_that_stand_nowhere_are_said_to():
    async with shown(two(), (100, 30)) as (app, pilot, _):
        await pilot.press("l", "n", *"water", "enter")
        await settled(pilot)
        assert "following, no line with “water”" in text(app)


async def test_what_is_shown_of_a_log_is_copied():
    async with shown(two(), (100, 30)) as (app, pilot, _):
        await pilot.press("l", "ampersand", *"cudam", "enter", "y")
        await settled(pilot)
        assert app.clipboard.endswith(" cudaMalloc failed: out of memory")


async def test_a_log_held_by_scrolling_up_is_followed_again_at_its_end():
    async with shown(two(), (100, 8)) as (app, pilot, _):
        await pilot.press("l")
        await settled(pilot)
        assert "following" in text(app)
        await pilot.press("up")
        await settled(pilot)
        assert "paused" in text(app)
        await pilot.press("down")
        await settled(pilot)
        assert "following" in text(app)


async def test_a_flood_is_taken_in_whole():
    async with shown(two(), (100, 30)) as (app, pilot, daemon):
        daemon.log = b"".join(b"line %d\n" % number for number in range(15_000))
        await pilot.press("l")
        await settled(pilot)
        assert "line 14999" in text(app)
        await pilot.press("g")
        await settled(pilot)
        assert "line 1\n" in text(app)


async def test_a_line_that_is_too_long_is_read_to_its_end():
    async with shown(two(), (100, 30)) as (app, pilot, daemon):
        daemon.log = b"begin" + 120 * b"." + b"end\n"
        await pilot.press("l")
        await settled(pilot)
        assert "begin" in text(app)
        await pilot.press(*["right"] * 29)
        await settled(pilot)
        assert "end" in text(app)
        assert "begin" not in text(app)


async def test_a_click_chooses_a_row_and_a_second_one_enters_it():
    async with shown(two()) as (app, pilot, daemon):
        await pilot.click("#models", offset=(5, 2))
        await settled(pilot)
        assert not isinstance(app.screen, Picker)
        await pilot.click("#models", offset=(5, 2))
        await settled(pilot)
        assert isinstance(app.screen, Picker)
        assert "for qwen-coder-30b" in text(app)
    assert daemon.asked == []


async def test_it_is_as_readable_in_the_light():
    async with shown(two()) as (app, pilot, _):
        dark = text(app)
        app.theme = "textual-light"
        await settled(pilot)
        assert not app.current_theme.dark
        assert text(app) == dark, "colours carry no meaning that words do not"


async def test_a_terminal_that_grows_shows_more():
    async with shown(two()) as (app, pilot, _):
        assert "all streams" not in text(app)
        await pilot.resize_terminal(200, 60)
        await settled(pilot)
        assert "all streams" in text(app)
        assert "── glm-flash-q4.3" in text(app)
        await pilot.resize_terminal(140, 36)
        await settled(pilot)
        assert "processing task" in text(app), "the log is still at its end"
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert "processing task" not in text(app)
