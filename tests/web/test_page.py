"""The dashboard in a real browser, over a real daemon with real llama-servers."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.client import Client
from tests.browser import chromium
from tests.yard import Process, places, process, wrapper

pytestmark = pytest.mark.timeout(120)

CONF = """
[alpha]
model = alpha.gguf
name = The first <b>of all</b> & <img src=x>
[beta]
model = beta.gguf
engine = {slow}
[endless]
model = endless.gguf
ctx-size = 65536
[broken]
model = broken.gguf
"""
SETTINGS = """
plan-ahead = false
probe-after = 0
max-instances = 1
management-keys = ["manage"]
api-keys = ["infer"]
"""
LONGEST = 60_000  # milliseconds, on a busy machine
MARKUP = "The first <b>of all</b> & <img src=x>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def hold(root: Path) -> Path:
    """While this file is there, beta stays as it starts."""
    return root / "hold"


@pytest.fixture(scope="module")
def daemon(root: Path, hold: Path, models: Path) -> Iterator[Process]:
    slow = wrapper(root / "slow-server", f"while [ -e {hold} ]; do sleep 0.05; done")
    paths = msgspec.structs.replace(places(root / "d", CONF.format(slow=slow)), models_dir=models)
    paths.settings.write_text(SETTINGS)
    paths.settings.chmod(0o600)
    with process(paths) as running:
        yield running


@pytest.fixture
def tab(browser: Any, daemon: Process) -> Iterator[Any]:
    """A new tab on the dashboard whose reader has typed the key; nothing may go wrong on it."""
    context = browser.new_context()
    context.set_default_timeout(LONGEST)
    context.add_init_script("sessionStorage['paddock-key'] ??= 'manage'")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if "Content Security" in m.text else None)
    page.goto(daemon.url + "/dashboard")
    page.get_by_text("● live").wait_for()
    yield page
    context.close()
    assert wrong == []


def _title(tab: Any, wanted: str) -> None:
    """Until its title begins so. (The page's own policy forbids `wait_for_function`.)"""
    sync = pytest.importorskip("playwright.sync_api")
    sync.expect(tab).to_have_title(re.compile(f"^{wanted}"), timeout=LONGEST)


def _row(tab: Any, model: str) -> Any:
    return tab.locator(f'[data-model="{model}"]')


def _client(daemon: Process) -> Client:
    return Client(daemon.url, "manage")


def _switch(tab: Any, model: str) -> None:
    """As a reader does it by the keyboard."""
    tab.locator("h1").first.focus()
    tab.keyboard.press("m")
    tab.get_by_role("combobox").fill(model)
    tab.keyboard.press("Enter")  # chooses
    tab.locator("#do-switch:enabled").wait_for()
    tab.keyboard.press("Enter")  # to the button
    tab.keyboard.press("Enter")


def test_a_key_is_asked_for_and_stays_in_the_tab(browser: Any, daemon: Process) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(daemon.url + "/dashboard/models/alpha")
    tab.get_by_role("link", name="Type a key").click()
    field = tab.get_by_label("Key for management")
    for typed, said in (("wrong", "not known here"), ("infer", "for inference only")):
        field.fill(typed)
        tab.keyboard.press("Enter")
        tab.get_by_text(said).first.wait_for()
    field.fill("manage")
    tab.keyboard.press("Enter")
    tab.get_by_text("The key is accepted.").wait_for()
    tab.go_back()
    tab.get_by_role("heading", name="alpha", exact=True).wait_for()
    tab.reload()
    tab.get_by_text("● live").wait_for()
    assert tab.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    with context.expect_page() as opened:
        tab.evaluate("window.open('/dashboard', '_blank', 'noopener')")
    opened.value.get_by_text("This daemon wants a key.").wait_for()
    context.close()


def test_a_page_with_its_snapshot_in_it_is_drawn_from_that_and_reads_on(
    browser: Any, daemon: Process
) -> None:
    """As where no keys are needed; here the browser sends one with each request."""
    context = browser.new_context(extra_http_headers={"Authorization": "Bearer manage"})
    context.set_default_timeout(LONGEST)
    tab = context.new_page()
    asked: list[tuple[str, str]] = []
    tab.on("request", lambda one: asked.append((one.url, one.headers.get("last-event-id", ""))))
    tab.goto(daemon.url + "/dashboard")
    tab.get_by_text("● live").wait_for()
    _row(tab, "alpha").get_by_text(MARKUP).wait_for()
    held = tab.evaluate("JSON.parse(document.getElementById('snapshot').textContent).seq")
    assert [last for url, last in asked if url.endswith("/events")] == [str(held)]
    context.close()


def test_a_switch_is_previewed_seen_and_measured(tab: Any, daemon: Process) -> None:
    assert MARKUP in _row(tab, "alpha").inner_text()
    assert tab.locator("main b, main img").count() == 0, "a name is text, never markup"
    _switch(tab, "alpha")
    tab.get_by_text("● ready after").wait_for()
    tab.locator(".waterfall li").first.wait_for()
    tab.get_by_role("button", name="It is ready").wait_for()
    tab.get_by_role("link", name="Models", exact=True).click()
    _row(tab, "alpha").get_by_text("● ready").wait_for()
    assert [i.profile for i in _client(daemon).status().instances] == ["alpha"]


def test_a_load_is_seen_by_two_readers_and_cancelled_by_one(
    tab: Any, browser: Any, daemon: Process, hold: Path
) -> None:
    hold.touch()
    second = tab.context.new_page()
    second.goto(daemon.url + "/dashboard")
    _row(second, "beta").wait_for()
    _switch(tab, "beta")
    second.get_by_role("progressbar", name="beta: ").wait_for()
    _title(second, "◐")
    assert "icon-loading" in second.locator("link[rel=icon]").get_attribute("href")
    tab.get_by_role("button", name="Cancel").click()
    second.get_by_text("beta: cancelled after").wait_for()
    second.get_by_role("progressbar").first.wait_for(state="detached")
    _title(second, "Paddock$")
    hold.unlink()


def test_a_failure_says_its_cause_and_what_came_back(tab: Any, daemon: Process) -> None:
    _client(daemon).switch("alpha")
    _switch(tab, "broken")
    tab.get_by_role("alert").or_(tab.locator(".failure")).get_by_text("broken").first.wait_for()
    button = tab.get_by_role("button", name="Try all the same")
    button.click()
    tab.locator(".failure").first.wait_for()
    _title(tab, "✗ broken failed")
    assert tab.locator(".failure pre").first.inner_text().strip()
    tab.get_by_role("button", name="Dismiss").click()
    _title(tab, "[^✗]")
    tab.goto(daemon.url + "/dashboard/models/broken")
    tab.locator(".failure .hint").wait_for()


def test_a_request_is_seen_and_cancelled(tab: Any, daemon: Process) -> None:
    tab.keyboard.press("r")
    tab.evaluate(
        """() => { window.answer = fetch('/v1/chat/completions', {method: 'POST',
            headers: {Authorization: 'Bearer infer', 'Content-Type': 'application/json'},
            body: JSON.stringify({model: 'endless', stream: true, max_tokens: 100000,
                messages: [{role: 'user', content: 'talk'}]})}).then((answer) => answer.text()) }"""
    )
    row = tab.locator("[data-request]", has_text="generating")
    row.wait_for()
    assert "endless" in row.inner_text()
    row.get_by_role("button", name="Cancel request").click()
    tab.locator("[data-request]").first.wait_for(state="detached")
    assert "cancelled" in tab.evaluate("window.answer")
    tab.get_by_text("none", exact=True).wait_for()


def test_logs_are_followed_found_filtered_and_downloaded(tab: Any, daemon: Process) -> None:
    _client(daemon).switch("alpha")
    tab.goto(daemon.url + "/dashboard/logs/alpha")
    lines = tab.locator(".log .lines > div")
    lines.first.wait_for()
    tab.keyboard.press("/")
    tab.keyboard.type("n_ctx")
    tab.locator(".log mark").first.wait_for()
    tab.get_by_label("show only lines with").fill("alpha.gguf")
    lines.filter(has_not_text="alpha.gguf").first.wait_for(state="detached")
    assert lines.count() > 0
    with tab.expect_download() as coming:
        tab.get_by_role("button", name="Download").click()
    assert coming.value.suggested_filename == "alpha.log"
    assert "alpha.gguf" in Path(coming.value.path()).read_text()


# The connection of the events as a script of the tab can cut it: like a device that wakes up without it.
_CUTTABLE = """const real = fetch;
window.fetch = (path, options = {}) => {
    if (path !== "/events") return real(path, options);
    const line = new AbortController();
    options.signal?.addEventListener("abort", () => line.abort());
    window.cut = () => line.abort();
    return real(path, { ...options, signal: line.signal });
}"""


def test_a_tab_that_slept_catches_up_and_its_plots_too(browser: Any, daemon: Process) -> None:
    """It reads on from the last event that it had: what happened meanwhile is there, and no new snapshot."""
    context = browser.new_context()
    context.set_default_timeout(LONGEST)
    context.add_init_script("sessionStorage['paddock-key'] ??= 'manage'")
    context.add_init_script(_CUTTABLE)
    _client(daemon).unload("alpha")  # an earlier test may have left it
    tab = context.new_page()
    while True:  # a reading every ten seconds, from the daemon's begin on
        answer = context.request.get(
            f"{daemon.url}/devices/history", headers={"Authorization": "Bearer manage"}
        )
        if answer.json()["at"]:
            break
        tab.wait_for_timeout(200)
    tab.goto(daemon.url + "/dashboard/devices")
    tab.locator(".plot canvas").first.wait_for()
    asked: list[tuple[str, str]] = []
    tab.on("request", lambda one: asked.append((one.url, one.headers.get("last-event-id", ""))))
    context.set_offline(True)
    tab.evaluate("cut()")
    tab.get_by_text("This device is offline;").wait_for()
    _client(daemon).switch("alpha")
    _client(daemon).unload("alpha")
    context.set_offline(False)
    tab.get_by_text("● live").wait_for()
    tab.get_by_role("link", name="Models", exact=True).click()
    tab.locator(".notices").get_by_text("alpha").first.wait_for()
    tab.get_by_role("link", name="Devices", exact=True).first.click()
    tab.locator(".plot canvas").first.wait_for()
    read_on = [last for url, last in asked if url == f"{daemon.url}/events"]
    assert read_on
    assert all(read_on), "a snapshot would have lost what happened"
    assert [url for url, _ in asked if "/devices/history?since=" in url]
    context.close()


def test_a_restart_under_the_open_page_is_said_and_survived(tab: Any, daemon: Process) -> None:
    _client(daemon).switch("alpha")
    _row(tab, "alpha").get_by_text("● ready").wait_for()
    daemon.end(signal.SIGTERM)
    tab.get_by_text("✗ no connection").wait_for()
    _title(tab, "✗ no connection")
    with process(daemon.paths, "--listen", daemon.url.removeprefix("http://")):
        tab.get_by_text("● live").wait_for()
        tab.get_by_text("connected again").wait_for()
        _row(tab, "alpha").get_by_text("unloaded").wait_for()
