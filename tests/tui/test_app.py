"""The dashboard as people see and press it, over recorded histories.

The golden screens are the text of the terminal; `make pictures` writes them anew, and the pictures.
"""

from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from paddock.api.types import AnyEvent
from paddock.tui.detail import Detail
from paddock.tui.guide import Guide
from paddock.tui.logs import Logs
from paddock.tui.picker import Picker
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
        await pilot.press(*"coder")
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
        assert "unable to allocate CUDA0 buffer" in text(app)
        await pilot.press("backspace")
        await settled(pilot)
        assert "unable to allocate CUDA0 buffer" not in text(app)


async def test_benchmarks_are_folded_until_b():
    async with shown(two()) as (app, pilot, _):
        assert "1 bench (b)" in text(app)
        await pilot.press("b")
        await settled(pilot)
        assert "bench-glm-flash" in text(app)


@pytest.mark.parametrize(
    ("key", "screen", "words"),
    [
        ("l", Logs, "the disk is on fire"),
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
    assert "65536" in flag
    assert "[glm-flash-q4] CTX_SIZE, line 9, instead of 8192 ([*] CTX_SIZE, line 3)" in flag
    assert any("layers" in line and "48, KV in 48" in line for line in lines)
    assert any("▲ the file says MoE, not dense" in line for line in lines)


async def test_a_log_is_filtered():
    async with shown(two(), (100, 30)) as (app, pilot, _):
        await pilot.press("l", "slash", *"fire", "enter")
        await settled(pilot)
        assert "the disk is on fire" in text(app)
        assert "initializing" not in text(app)


async def test_a_terminal_that_grows_shows_more():
    async with shown(two()) as (app, pilot, _):
        assert "all streams" not in text(app)
        await pilot.resize_terminal(200, 60)
        await settled(pilot)
        assert "all streams" in text(app)
