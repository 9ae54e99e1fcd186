"""What keys and commands of the main screen do, beyond loading: sort, filter, edit, stop, problems."""

import os
from contextlib import nullcontext
from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields
from rich.console import Console
from textual.app import App
from textual.command import CommandPalette
from textual.widgets import Input
from textual.widgets._toast import Toast, ToastRack

from paddock.api.events import AnyEvent, ConfigChanged
from paddock.api.types import ConfigInfo, Failure, VariantInfo
from paddock.tui import editing
from paddock.tui.app import Heard
from paddock.tui.arrangement import ORDERS, Arrangement, Order, model_rows
from paddock.tui.confirmation import Confirmation
from paddock.tui.guide import Guide
from paddock.tui.picker import Picker
from paddock.tui.verbs import VERBS
from tests.tui import histories
from tests.tui.inhabitants import profiles_with
from tests.tui.machine import BENCH
from tests.tui.screens import LARGE, SMALL, settled, shown, text
from tests.tui.tale import Tale, seen, snapshot

CONF = "/etc/paddock/models.conf"
MEDIUM = (120, 35)
SIZES = pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE])
THINKS = VariantInfo(id="glm-think", variant_of="glm-flash-q4", title="It thinks", line=12)


def evening(conf: str = CONF, **changes: object) -> list[AnyEvent]:
    """The usual evening, with a variant; `changes` of what models.conf was found to be."""
    config = with_fields(ConfigInfo(path=conf, loaded_at=""), **changes)
    profiles = [with_fields(p, line=n) for n, p in enumerate(profiles_with(glm="ready"), 3)]
    first = snapshot(profiles=profiles)
    first.variants, first.status.config = [THINKS], config
    return Tale().tell(first).events


def names(app: App[None]) -> list[str]:
    """The first words of the table's rows, in their order."""
    lines = text(app).splitlines()
    head = next(n for n, line in enumerate(lines) if " model  " in line)
    rows = [line.strip(" │▸↳").split() for line in lines[head + 1 : head + 8]]
    return [row[0] for row in rows if row and not row[0].startswith("─")]


def toasts(app: App[None]) -> list[str]:
    return [str(toast.render()) for toast in app.screen.query(Toast)]


# ---- rows ----


@SIZES
async def test_every_column_is_there_whatever_stands_in_the_others(size: tuple[int, int]):
    async with shown(histories.failing(), size) as (app, _, _):
        head = next(line for line in text(app).splitlines() if " model  " in line)
        assert head.split("model")[1].replace("│", " ").split()[:6] == [
            "state", "t/s", "✓", "size", "ctx", "used",
        ]  # fmt: skip
        [row] = [line for line in text(app).splitlines() if "✗ failed" in line]
        assert row.index("59.0 GiB") == head.index("size"), "a reason moves nothing"


async def test_the_pickers_columns_stay_while_somebody_types():
    async with shown(evening(), SMALL) as (app, pilot, _):
        await pilot.press("m")
        await settled(pilot)
        [before] = [
            line
            for line in text(app).splitlines()
            if "4 mistral-small" in line or "5 mistral-small" in line
        ]
        await pilot.press(*"mistral")
        await settled(pilot)
        [after] = [line for line in text(app).splitlines() if "1 mistral-small" in line]
        assert isinstance(app.screen, Picker)
    assert before.index("11.6 GiB") == after.index("11.6 GiB")


@SIZES
async def test_a_screen_of_this_size_shows_all_that_matters(size: tuple[int, int]):
    events = evening(warnings=[f"{CONF}:46: [v] ctx-size is a launch flag", "and another"])
    async with shown(events, size, messages=True) as (app, pilot, _):
        lines = text(app).splitlines()
        assert "▲ models.conf, 2 warnings (p): line 46: [v] ctx-size is a launch flag" in lines[1]
        assert names(app)[:2] == ["glm-flash-q4", "glm-think"], "a variant below its profile"
        assert "↳ variant" in text(app)
        assert "glm-flash-q4  GLM 4.7" in text(app), "a title beside its id"
        assert "CUDA0 RTX 4090 " in text(app)
        assert "CUDA1 RTX 4060 Ti" in text(app)
        assert "CPU 31 %, load 2.4" in text(app)
        assert lines[-1].endswith("? Help  q Quit")
        assert ("Log of glm-flash-q4" in text(app)) is (size != SMALL)
        app.notify("one\ntwo", severity="error")
        app.notify("three")
        await settled(pilot)
        others = [w for w in app.screen.children if not isinstance(w, ToastRack)]
        said = list(app.screen.query(Toast))
        assert [toast.region.height for toast in said] == [2, 1]
        assert not [w for w in others if any(w.region.overlaps(t.region) for t in said)]
        await pilot.press("m")
        await settled(pilot)
        assert "1 glm-flash-q4  GLM 4.7" in text(app)
        assert "2 ↳ glm-think  It thinks" in text(app)


async def test_orders_about_a_variant_concern_its_profile_and_a_switch_its_name():
    async with shown(evening(), SMALL) as (app, pilot, daemon):
        await pilot.press("down", "u", "enter")
        await settled(pilot)
        assert "↳ glm-think  It thinks (variant of" in text(app)
        await pilot.press("enter")
        await settled(pilot)
    assert daemon.asked == [("unload", "glm-flash-q4"), ("switch", "glm-think")]


# ---- sort and filter ----


def ids(order: Order, *, is_reversed: bool = False) -> list[str]:
    arrangement = Arrangement(order=order, is_reversed=is_reversed)
    return [row.id for row in model_rows(seen(evening()), 0.0, arrangement)]


def test_rows_are_sorted_by_each_column_benchmarks_last():
    assert ids("model")[:3] == ["glm-flash-q4", "glm-think", "gpt-oss-120b"]
    assert ids("size")[:2] == ["gpt-oss-120b", "qwen-coder-30b"]
    assert ids("t/s")[:2] == ["qwen-coder-30b", "glm-flash-q4"]
    assert ids("state")[:2] == ids("used")[:2] == ["glm-flash-q4", "glm-think"]
    assert ids("ctx")[:2] == ["glm-flash-q4", "glm-think"]
    assert {ids(order)[-1] for order in ORDERS} == {BENCH}
    assert ids("file", is_reversed=True)[0] == "mistral-small"


def test_orders_come_round():
    arrangement = Arrangement()
    for _ in ORDERS:
        arrangement = arrangement.turned().next_order()
    assert arrangement == Arrangement()


async def test_s_sorts_and_shift_s_reverses():
    async with shown(evening(), SMALL) as (app, pilot, _):
        await pilot.press("s", "S")
        await settled(pilot)
        assert names(app)[:2] == ["qwen-coder-30b", "mistral-small"]
        assert "by name, reversed" in text(app)


async def test_a_click_on_a_heading_sorts_by_it():
    async with shown(evening(), LARGE) as (app, pilot, _):
        line = next(n for n, line in enumerate(text(app).splitlines()) if " model  " in line)
        column = text(app).splitlines()[line].index("size")
        await pilot.click(offset=(column, line))
        await settled(pilot)
        assert names(app)[0] == "gpt-oss-120b"


async def test_rows_are_filtered_in_place_by_letters_and_digits():
    async with shown(evening(), SMALL) as (app, pilot, daemon):
        await pilot.press("f", *"120")
        await settled(pilot)
        assert names(app) == ["gpt-oss-120b"]
        await pilot.press("enter", "u")
        await settled(pilot)
        assert "only “120”" in text(app), "the filter is kept"
        await pilot.press("escape")
        await settled(pilot)
        assert "mistral-small" in names(app)
        assert not app.screen.query_one("#row-filter", Input).display
        await pilot.press("ampersand", *"nowhere")
        await settled(pilot)
        assert "no model has such a name" in text(app)
    assert daemon.asked == [("unload", "gpt-oss-120b")]


# ---- models.conf ----


@pytest.fixture
def conf(tmp_path: Path) -> str:
    file = tmp_path / "models.conf"
    file.write_text("[glm-flash-q4]\n")
    return str(file)


class Editor:
    """A program in the place of an editor, which notes what it is given."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._noted = folder / "given"
        program = folder / "editor"
        program.write_text(f'#!/bin/sh\necho "$@" >> {self._noted}\n')
        program.chmod(0o755)
        monkeypatch.setenv("VISUAL", f"{program} --own")

    @property
    def given(self) -> list[str]:
        return self._noted.read_text().splitlines()


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' terminal is none and cannot be lent: `test_terminal` does that with a real one."""
    monkeypatch.setattr(App, "suspend", lambda self: nullcontext())


@pytest.mark.usefixtures("lent")
async def test_e_edits_the_profile_at_its_line_and_has_it_checked_with_a_made_up_terminal(
    conf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = Editor(tmp_path, monkeypatch)
    async with shown(evening(conf), SMALL, messages=True) as (app, pilot, daemon):
        await pilot.press("e", "down", "e")
        await settled(pilot)
        assert program.given == [f"--own +3 {conf}", f"--own +12 {conf}"], "a variant at its own"
        assert "models.conf has no mistakes and is applied" in toasts(app)
        daemon.mistakes = (f"{conf}:4: [x] unknown key",)
        await pilot.press("e")
        await settled(pilot)
        assert any("unknown key" in toast for toast in toasts(app))
        assert daemon.asked == [("reload",)] * 3
        broken = Failure(code="config_invalid", message="1", log=[f"{conf}:46: [x] unknown key"])
        config = ConfigInfo(path=conf, loaded_at="", error=broken)
        app.post_message(Heard(ConfigChanged(seq=app.view.last_seq + 1, config=config)))
        await settled(pilot)
        await pilot.press("e")
        await settled(pilot)
        assert program.given[-1] == f"--own +46 {conf}", "where the mistake is"
        for name in ("/no/such/editor", "false"):
            monkeypatch.setenv("VISUAL", name)
            await pilot.press("e")
            await settled(pilot)
            assert any(name in toast for toast in toasts(app))
        assert len(daemon.asked) == 4, "what was not edited is not checked"


async def test_a_terminal_that_cannot_be_lent_is_named(conf: str):
    async with shown(evening(conf), SMALL, messages=True) as (app, pilot, _):
        await pilot.press("e")
        await settled(pilot)
        assert any("cannot be lent" in toast for toast in toasts(app))


async def test_a_file_of_another_machine_is_not_edited():
    async with shown(evening("/nowhere/models.conf"), SMALL, messages=True) as (app, pilot, _):
        await pilot.press("e")
        await settled(pilot)
        assert any("not on this machine" in toast for toast in toasts(app))


@pytest.mark.parametrize(
    ("environment", "line", "argv"),
    [
        ({}, 7, ["vi", "+7", "F"]),
        ({"EDITOR": "nano"}, 7, ["nano", "+7", "F"]),
        ({"EDITOR": "nano", "VISUAL": "code --wait"}, 7, ["code", "--wait", "--goto", "F:7"]),
        ({"VISUAL": "/usr/bin/hx"}, 7, ["/usr/bin/hx", "F:7"]),
        ({"VISUAL": "emacsclient -nw"}, 7, ["emacsclient", "-nw", "+7", "F"]),
        ({"VISUAL": "   ", "EDITOR": "kate"}, 7, ["kate", "--block", "--line", "7", "F"]),
        ({"VISUAL": "vim"}, None, ["vim", "F"]),
        ({"VISUAL": "it's"}, 7, ["it's", "+7", "F"]),
    ],
)
def test_editors_are_given_the_line_as_they_take_it(
    environment: dict[str, str], line: int | None, argv: list[str]
):
    assert editing.command(editing.editor(environment), Path("F"), line) == argv


MISTAKES = [f"{CONF}:{n}: [x] unknown key 'ctx-si{n}'" for n in (46, 47, 48, 49)]


async def test_mistakes_of_models_conf_are_shown_with_their_lines():
    error = Failure(code="config_invalid", message="4 problems", log=MISTAKES)
    async with shown(evening(error=error), SMALL) as (app, pilot, _):
        assert "models.conf was not applied (p: all of it, e: edit)" in text(app)
        assert "line 46: [x] unknown key 'ctx-si46'" in text(app)
        assert "line 49" not in text(app)
        await pilot.press("p")
        await settled(pilot)
        assert "49 [x] unknown key 'ctx-si49'" in text(app)


async def test_warnings_of_models_conf_are_shown_until_they_are_mended():
    said = [f"{CONF}:46: [v] ctx-size is a launch flag", "paddock.toml: listen was changed"]
    async with shown(evening(warnings=said), SMALL) as (app, pilot, _):
        assert "▲ models.conf, 2 warnings (p): line 46: [v] ctx-size is a launch flag" in text(app)
        await pilot.press("p")
        await settled(pilot)
        assert "paddock.toml: listen was changed" in text(app)
        await pilot.press("escape")
        changed = ConfigChanged(
            seq=app.view.last_seq + 1, config=ConfigInfo(path=CONF, loaded_at="")
        )
        app.post_message(Heard(changed))
        await settled(pilot)
        assert "warning" not in text(app)
        await pilot.press("p")
        await settled(pilot)
        assert "Nothing is wrong" in text(app)


# ---- the daemon ----


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("y",), [("shutdown", False)]),
        (("k",), [("shutdown", True)]),
        (("escape",), []),
        (("n",), []),
    ],
)
async def test_the_daemon_is_stopped_after_a_question(
    keys: tuple[str, ...], asked: list[tuple[object, ...]]
):
    async with shown(histories.idle(), SMALL) as (app, pilot, daemon):
        await pilot.press("Q")
        await settled(pilot)
        assert isinstance(app.screen, Confirmation)
        assert "Loaded: glm-flash-q4." in text(app)
        assert daemon.asked == []
        await pilot.press(*keys)
        await settled(pilot)
        assert not isinstance(app.screen, Confirmation)
    assert daemon.asked == asked


async def test_a_switch_that_is_refused_says_why():
    async with shown(evening(), SMALL, messages=True) as (app, pilot, daemon):
        daemon.refusal = Failure(
            code="load_failed", message="gone cannot be loaded", hint="try --force"
        )
        await pilot.press("m", "enter")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert any("gone cannot be loaded" in toast for toast in toasts(app))


# ---- help, commands, messages ----


async def test_the_help_scrolls_and_says_so():
    async with shown(evening(), SMALL) as (app, pilot, _):
        await pilot.press("question_mark")
        await settled(pilot)
        assert "lines 1 to" in text(app)
        assert "scroll · Esc: back" in text(app)
        assert "quit; no model is touched" not in text(app)
        await pilot.press("end")
        await settled(pilot)
        assert "lines 1 to" not in text(app)
        await pilot.resize_terminal(120, 90)
        await settled(pilot)
        assert "lines" not in text(app).splitlines()[-2], "all of it is in sight"


def test_the_help_has_every_key():
    console = Console(width=110, record=True, file=StringIO())
    console.print(Guide().what)
    page = console.export_text()
    assert [verb.shown for verb in VERBS if f"\n{verb.shown} " not in f"\n{page}"] == []


def test_the_documents_have_every_key():
    page = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    table = page.partition("## Keys")[2].partition("In the picker")[0]
    keys = (key for verb in VERBS for key in verb.shown.split(" or "))
    assert [key for key in keys if f"`{key}`" not in table] == []


async def test_commands_hold_every_verb_and_a_switch_to_each_model():
    async with shown(evening(), LARGE) as (app, pilot, daemon):
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert {verb.title for verb in VERBS} <= set(titles)
        assert len(titles) == len(set(titles))
        for words in ("reverse", "switch think"):
            await pilot.press("ctrl+p")
            assert isinstance(app.screen, CommandPalette)
            await pilot.press(*words.replace(" ", ""))
            await settled(pilot)
            await pilot.press("enter")
            await settled(pilot)
        assert names(app)[0] == "mistral-small"
    assert daemon.asked == [("switch", "glm-think")]


def test_no_editor_of_the_environment_is_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    assert editing.editor(os.environ) == ["vi"]
