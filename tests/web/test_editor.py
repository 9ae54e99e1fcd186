"""models.conf edited in a real browser, over a real daemon: one tab that goes through all of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.client import Client
from tests.browser import chromium
from tests.yard import Process, places, process

pytestmark = pytest.mark.timeout(120)

CONF = "[alpha]\nmodel = alpha.gguf\n# mine"
SETTINGS = (
    'plan-ahead = false\nprobe-after = 0\nmanagement-keys = ["manage"]\napi-keys = ["infer"]\n'
)
LONGEST = 60_000  # milliseconds, on a busy machine


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Process]:
    root = tmp_path_factory.mktemp("editor")
    paths = msgspec.structs.replace(places(root / "d", CONF), models_dir=models)
    paths.settings.write_text(SETTINGS)
    paths.settings.chmod(0o600)
    with process(paths) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def tab(browser: Any, daemon: Process) -> Iterator[Any]:
    """At models.conf, as its fixture wrote it; nothing may go wrong on the page."""
    places(daemon.paths.config.parent, CONF)
    Client(daemon.url, "manage").reload()
    context = browser.new_context()
    context.set_default_timeout(LONGEST)
    context.add_init_script("sessionStorage['paddock-key'] ??= 'manage'")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(daemon.url + "/dashboard/config/alpha")
    page.get_by_text("nothing is wrong").wait_for()
    yield page
    context.close()
    assert wrong == []


def _field(tab: Any) -> Any:
    return tab.get_by_role("textbox", name="models.conf")


def _type(tab: Any, text: str) -> None:
    """At the end."""
    _field(tab).focus()
    tab.keyboard.press("Control+End")
    tab.keyboard.insert_text(text)


def test_a_mistake_is_shown_mended_previewed_written_and_taken_back(
    tab: Any, daemon: Process
) -> None:
    file, before = daemon.paths.config, daemon.paths.config.read_bytes()
    _type(tab, "\n[beta]\nmodel = beta.gguf\nctx-sise = 2048")
    wrong = tab.locator(".found .error")
    wrong.get_by_text("did you mean 'ctx-size'?").wait_for()
    line = before.count(b"\n") + 4
    assert tab.locator(".gutter .error").inner_text() == f"✗ {line}"
    tab.get_by_text(f"1 error; the first in line {line}").wait_for()
    assert _field(tab).get_attribute("aria-invalid") == "true"
    _field(tab).evaluate("field => field.setSelectionRange(0, 0)")
    wrong.get_by_role("button", name=f"line {line}").click()
    tab.keyboard.insert_text("ctx-size = 2048")
    tab.locator(".found .error").wait_for(state="detached")
    tab.keyboard.press("Control+s")
    tab.get_by_text("It adds beta.").wait_for()
    assert tab.locator(".difference .new").all_inner_texts()[-1].startswith("+ctx-size = 2048")
    tab.get_by_role("row", name="beta").get_by_text("an estimate").wait_for()
    assert file.read_bytes() == before
    tab.get_by_role("button", name="Write it").click()
    tab.get_by_text("Written: beta added.").wait_for()
    assert file.read_bytes() == before + b"\n[beta]\nmodel = beta.gguf\nctx-size = 2048"
    assert [model.id for model in Client(daemon.url, "manage").models()] == ["alpha", "beta"]
    tab.get_by_role("button", name="Previous text…").click()
    tab.get_by_text("It removes beta.").wait_for()
    tab.get_by_role("button", name="Put it back").click()
    tab.get_by_text("Written: beta removed.").wait_for()
    assert file.read_bytes() == before


def test_what_others_wrote_meanwhile_is_said_and_neither_text_is_lost(
    tab: Any, daemon: Process
) -> None:
    file = daemon.paths.config
    theirs = file.read_text() + "\n# theirs\n"
    _type(tab, "\n# of the page")
    file.write_text(theirs)
    tab.get_by_text("The file was changed meanwhile").wait_for()
    assert tab.get_by_role("button", name="Preview and write…").is_disabled()
    tab.get_by_role("button", name="Go on with theirs").click()
    assert _field(tab).input_value() == theirs
    tab.get_by_role("button", name="My text from before").click()
    assert _field(tab).input_value().endswith("# of the page")
    tab.get_by_role("button", name="Preview and write…").click()
    tab.locator(".difference .gone", has_text="# theirs").wait_for()
    assert file.read_text() == theirs


def test_a_draft_is_not_lost_by_leaving_and_it_is_said(tab: Any, daemon: Process) -> None:
    _type(tab, "\n# not yet")
    tab.get_by_role("link", name="Models", exact=True).click()
    tab.get_by_text("Your text of models.conf is not written yet.").wait_for()
    asked: list[str] = []

    def leave(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    tab.on("dialog", leave)
    tab.reload()
    assert asked == ["beforeunload"]
    tab.get_by_role("link", name="Go on with it").click()
    sync = pytest.importorskip("playwright.sync_api")
    sync.expect(_field(tab)).to_have_value(re.compile(r"# not yet$"))
    tab.get_by_role("button", name="Discard changes").click()
    assert _field(tab).input_value() == daemon.paths.config.read_text()


def test_a_file_with_other_line_ends_keeps_them_and_a_read_only_one_is_said(
    tab: Any, daemon: Process
) -> None:
    file = daemon.paths.config
    before = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(before)
    tab.reload()
    tab.get_by_text("nothing is wrong").wait_for()
    _type(tab, "\n# one more")
    tab.keyboard.press("Control+s")
    tab.get_by_role("button", name="Write it").click()
    tab.get_by_text("Written.").wait_for()
    assert file.read_bytes() == before + b"\r\n# one more"
    file.chmod(0o444)
    tab.reload()
    tab.get_by_text("read only here:").wait_for()
    assert _field(tab).get_attribute("readonly") is not None
    file.chmod(0o600)
