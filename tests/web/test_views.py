"""Each view in a real browser over recorded histories: for keyboards, screen readers, phones and crowds."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from msgspec.structs import replace as with_fields

from paddock.api.activity import Totals
from paddock.api.events import Activity, Snapshot, SwitchEnded
from paddock.api.switches import SwitchPhase
from paddock.api.types import FaultInfo, ProfileNow
from tests.browser import chromium
from tests.tui import histories
from tests.tui.histories import OUT_OF_MEMORY
from tests.tui.inhabitants import profile
from tests.tui.machine import BENCH, GLM, QWEN
from tests.tui.tale import Tale
from tests.web.packages import AXE, package
from tests.web.replay import Replay, replayed

pytestmark = pytest.mark.timeout(120)

LONGEST = 60_000  # milliseconds, on a busy machine
# Each view, with something that is there when all of it is.
VIEWS = {
    "": f"[data-model='{GLM}']",
    f"/models/{GLM}": "tbody tr code",
    "/devices": ".plot canvas",
    "/requests": "[data-request]",
    "/logs": ".log .lines > div",
    "/switches": ".waterfall li",
    "/usage": "tbody tr",
    "/engines": "article",
    "/contexts": "tbody tr",
    "/bench": "tbody tr",
    "/pulls": "progress",
    "/tunings": "tbody tr",
    "/tunings/1": ".plot canvas",
    "/bench/3?against=1": ".plot canvas",
    f"/switch/{QWEN}": ".summary + dl, .facts dd",
    f"/config/{QWEN}": ".found .error",
    "/key": "form",
    "/nowhere": "h1",
}
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def resident() -> Iterator[Replay]:
    with replayed(histories.two_resident()) as server:
        yield server


@contextmanager
def opened(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """A tab of its own at this address, on which nothing goes wrong."""
    wrong: list[str] = []
    with closing(browser.new_context(**options)) as context:
        context.set_default_timeout(LONGEST)
        tab = context.new_page()
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        tab.goto(url)
        yield tab
    assert wrong == []


def test_each_view_is_for_everybody_light_and_dark_on_every_screen(
    browser: Any, resident: Replay
) -> None:
    """No serious fault by axe's rules, and nothing wider than the screen."""
    axe = (package(*AXE) / "axe.min.js").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {view: [] for view in VIEWS}
    with opened(browser, resident.url + "/dashboard") as tab:
        for view, sign in VIEWS.items():
            tab.goto(f"{resident.url}/dashboard{view}")
            tab.locator(sign).first.wait_for()
            tab.evaluate(axe + "; 0")
            for scheme in ("light", "dark"):
                tab.emulate_media(color_scheme=scheme)
                found[view] += _faults(tab)
            for width in (3840, 1280, 800, 360):
                tab.set_viewport_size({"width": width, "height": 800})
                if (wide := tab.evaluate("document.documentElement.scrollWidth")) > width:
                    found[view].append(f"{wide} pixels on {width}")
    assert found == {view: [] for view in VIEWS}


def _faults(tab: Any) -> list[str]:
    problems = tab.evaluate("axe.run().then((result) => result.violations)")
    serious = [problem for problem in problems if problem["impact"] in SERIOUS]
    return [f"{p['id']}: {node['html']}" for p in serious for node in p["nodes"][:3]]


def test_the_keyboard_and_the_way_back_lead_everywhere(browser: Any, resident: Replay) -> None:
    resident.posted.clear()
    with opened(browser, resident.url + "/dashboard") as tab:
        tab.locator(VIEWS[""]).wait_for()
        tab.keyboard.press("/")
        tab.keyboard.type("qwen")
        assert tab.locator(".models .row").count() == 1
        tab.keyboard.press("Escape")
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("Enter")
        tab.get_by_role("heading", name=QWEN, exact=True).wait_for()
        assert tab.evaluate("document.activeElement.tagName") == "H1", "a screen reader hears where"
        tab.keyboard.press("l")
        tab.get_by_role("heading", name="Log").wait_for()
        assert tab.url.endswith(f"/dashboard/logs/{QWEN}")
        tab.keyboard.press("D")
        tab.get_by_role("heading", name="Downloads").wait_for()
        tab.keyboard.press("d")
        tab.get_by_role("heading", name="Devices").wait_for()
        tab.keyboard.press("?")
        tab.get_by_role("dialog").wait_for()
        tab.keyboard.press("Escape")
        for ending in ("/pulls", f"/logs/{QWEN}", f"/models/{QWEN}", "/dashboard"):
            tab.go_back()
            assert tab.url.endswith(ending)
        tab.keyboard.press("m")
        tab.get_by_role("combobox").wait_for()
        tab.keyboard.press("ArrowDown")
        tab.get_by_role("option", selected=True).wait_for()
    assert resident.posted == [], "no address and no key but Switch has anything done"


def _is_order(answer: Any) -> bool:
    return bool(answer.request.method == "POST")


def test_keys_do_what_they_do_in_the_terminal(browser: Any, resident: Replay) -> None:
    resident.posted.clear()
    with opened(browser, resident.url + "/dashboard") as tab:
        tab.locator(f"[data-model='{GLM}'] a").first.focus()
        for key, said in (("u", f"unloading {GLM}"), ("y", "yielding the GPUs")):
            with tab.expect_response(_is_order):
                tab.keyboard.press(key)
            tab.get_by_role("status").get_by_text(said).wait_for()
        tab.keyboard.press("c")  # nothing loads
        assert tab.locator(f"[data-model='{BENCH}']").count() == 0
        tab.keyboard.press("b")
        tab.locator(f"[data-model='{BENCH}']").wait_for()
        tab.keyboard.press("b")
        tab.locator(f"[data-model='{BENCH}']").wait_for(state="detached")
        tab.locator("[data-request] a").first.focus()
        with tab.expect_response(_is_order):
            tab.keyboard.press("x")
        tab.get_by_role("status").get_by_text("ending the request").wait_for()
        tab.locator("input[type=search]").focus()
        tab.keyboard.type("xyu")  # typed, not meant
    assert resident.posted == ["/unload", "/yield", "/requests/340/cancel"]


def test_models_are_filtered_sorted_and_the_daemon_stopped_by_the_terminals_keys(
    browser: Any, resident: Replay
) -> None:
    """`f s S p Q`, and the help of `?` names every key that does something."""
    resident.posted.clear()
    with opened(browser, resident.url + "/dashboard") as tab:
        tab.locator(VIEWS[""]).wait_for()

        def models() -> list[str]:
            return [
                str(row.get_attribute("data-model")) for row in tab.locator(".models .row").all()
            ]

        as_written = models()
        tab.keyboard.press("s")
        tab.get_by_text("sorted by model", exact=True).wait_for()
        assert models() == sorted(as_written, key=str.lower)
        tab.keyboard.press("S")
        tab.get_by_text("sorted by model, reversed").wait_for()
        assert models() == sorted(as_written, key=str.lower, reverse=True)
        tab.get_by_role("button", name="size", exact=True).click()
        tab.get_by_role("columnheader", name="size", exact=False).locator(
            "[aria-hidden]"
        ).wait_for()
        assert models() != as_written
        for _ in range(2):
            tab.keyboard.press("s")
        tab.get_by_text("as in models.conf", exact=True).wait_for()
        assert models() == as_written
        tab.keyboard.press("f")
        assert tab.evaluate("document.activeElement.type") == "search"
        tab.keyboard.press("Escape")
        tab.keyboard.press("?")
        tab.get_by_role("dialog").wait_for()
        listed = {
            tab.evaluate("e => e.textContent", key)
            for key in tab.locator("dialog[open] kbd").element_handles()
        }
        assert {*"fsSpQm/ucxybladrDhe?L", "Backspace"} <= listed
        tab.keyboard.press("Escape")
        tab.get_by_role("dialog").wait_for(state="detached")
        tab.keyboard.press("Q")
        tab.get_by_role("dialog", name="Stop the daemon?").wait_for()
        tab.keyboard.press("Enter")  # Cancel has the focus
        tab.get_by_role("dialog").wait_for(state="detached")
        assert resident.posted == []
        tab.keyboard.press("Q")
        with tab.expect_response(_is_order):
            tab.get_by_role("button", name="keep models loaded").click()
        tab.keyboard.press("p")
        tab.wait_for_url("**/dashboard/config")
        tab.locator(".found .error").first.wait_for()
    assert resident.posted == ["/shutdown"]


def test_a_switch_that_ended_a_moment_ago_leaves_its_waterfall_on_the_first_view(
    browser: Any,
) -> None:
    phases = [SwitchPhase(name="starting", seconds=0.4), SwitchPhase(name="loading", seconds=5.4)]
    tale = Tale().tell(
        SwitchEnded(
            profile=QWEN, outcome="ready", seconds=5.8, phases=phases, now=ProfileNow(state="ready")
        )
    )
    fault = FaultInfo(part="plans", message="KeyError: 'x'", first="", last="")
    calm = Activity(requests=[], devices=[], totals=Totals(), faults=[fault])
    with (
        replayed([*tale.events, calm]) as server,
        opened(browser, server.url + "/dashboard") as tab,
    ):
        card = tab.get_by_label("the switch that has just ended")
        card.locator(".waterfall li").nth(1).wait_for()
        tab.get_by_text("an unexpected error in plans: KeyError: 'x'").wait_for()
        card.get_by_role("button", name="Close").click()
        card.wait_for(state="detached")


@pytest.mark.parametrize(
    ("view", "button", "path"),
    [
        ("/devices", "Leave the GPUs to other programs", "/yield"),
        (f"/models/{GLM}", "Unload", "/unload"),
        ("/requests", "Cancel request", "/requests/340/cancel"),
        (f"/switch/{QWEN}", "Switch", "/switch"),
        ("/engines", "Make b11201 the default", "/engines/promote"),
        ("/engines", "Back to b11201", "/engines/rollback"),
        ("/contexts", f"Delete the context of {GLM}", "/contexts/a1/delete"),
    ],
)
def test_each_button_gives_its_order_once(
    browser: Any, resident: Replay, view: str, button: str, path: str
) -> None:
    resident.posted.clear()
    with (
        opened(browser, f"{resident.url}/dashboard{view}") as tab,
        tab.expect_response(_is_order),
    ):
        tab.locator("main").get_by_role("button", name=button).click()
    assert resident.posted == [path]


def test_benchmarks_are_listed_looked_at_and_compared_by_address(
    browser: Any, resident: Replay
) -> None:
    with opened(browser, f"{resident.url}/dashboard/bench") as tab:
        tab.get_by_role("link", name="with 1").first.click()
        tab.wait_for_url("**/dashboard/bench/3?against=1")
        changes = tab.get_by_role("region", name=f"changes of {GLM}")
        row = changes.locator("tr", has_text="generation at 512 tokens")
        assert "▲ better" in row.inner_text()
        assert "+" in row.inner_text()
        plot = tab.get_by_role("img", name="generation by depth")
        label = plot.get_attribute("aria-label")
        assert "run 3 " in label and "at 16,384 tokens" in label and "run 1 " in label  # noqa: PT018
        tab.get_by_label("compared with").select_option("2")
        tab.wait_for_url("**/dashboard/bench/3?against=2")
        tab.get_by_text("in one of the two only").wait_for()
        tab.get_by_label("compared with").select_option("")
        tab.wait_for_url("**/dashboard/bench/3")
        changes.wait_for(state="detached")
        tab.go_back()
        tab.wait_for_url("**/dashboard/bench/3?against=2")
    with opened(browser, f"{resident.url}/dashboard/bench/1") as tab:
        tab.get_by_text("✗ failed").wait_for()
        tab.get_by_text(OUT_OF_MEMORY.message).first.wait_for()


def test_a_study_shows_its_trials_and_those_that_nothing_beats(
    browser: Any, resident: Replay
) -> None:
    with opened(browser, f"{resident.url}/dashboard/tunings") as tab:
        running = tab.get_by_role("article", name="the study that runs")
        assert "best so far +4 %" in running.inner_text()
        tab.get_by_role("region", name="studies").get_by_role("link", name="1", exact=True).click()
        plot = tab.get_by_role("img", name="score by free memory")
        label = str(plot.get_attribute("aria-label"))
        assert "nothing beats these 117 tokens/s at 900 MiB" in label
        assert "beaten 96" in label
        trials = tab.get_by_role("region", name="trials")
        assert trials.get_by_text("nothing beats it").count() == 3
        assert "out of memory" in trials.locator("tr", has_text="✗ failed").inner_text()
        assert tab.get_by_label("what it would write").inner_text() == "ubatch-size = 512"


def test_a_model_of_a_hub_is_planned_chosen_and_fetched(browser: Any, resident: Replay) -> None:
    resident.posted.clear()
    with opened(browser, f"{resident.url}/dashboard/pulls") as tab:
        tab.get_by_label("model", exact=True).fill("acme/Owl-GGUF")
        tab.get_by_role("button", name="What would it be here?").click()
        plan = tab.get_by_role("article", name="what acme/Owl-GGUF would be here")
        assert "◑ partly in RAM" in plan.locator("tr", has_text="Q8_0").inner_text()
        for said in (GLM, "48 layers, trained with", "draft/Owl-0.6B-Q8_0.gguf"):
            assert said in plan.inner_text()
        plan.get_by_role("button", name="Q3_K_M").click()
        assert tab.get_by_label("model", exact=True).input_value() == "acme/Owl-GGUF:Q3_K_M"
        tab.get_by_label("at most").fill("2.5")
        with tab.expect_request("**/pulls") as sent:
            tab.get_by_role("button", name="Fetch", exact=True).click()
        assert sent.value.post_data_json == {"model": "acme/Owl-GGUF:Q3_K_M", "rate": "2500000"}
        for name in (
            "Pause the download of acme/Owl-GGUF:Q4_K_M",
            "Cancel the download of acme/Owl-GGUF:Q4_K_M",
        ):
            with tab.expect_response(_is_order):
                tab.get_by_role("button", name=name, exact=True).click()
            tab.get_by_role("button", name="Fetch", exact=True).and_(
                tab.locator(":enabled")
            ).wait_for()
    assert resident.posted == ["/pulls", "/pulls/2/pause", "/pulls/2/cancel"]


def test_what_a_log_says_is_text(browser: Any, resident: Replay) -> None:
    with opened(browser, resident.url + "/dashboard/logs") as tab:
        tab.get_by_text("a <b>draft</b> model").wait_for()
        assert tab.locator(".log b").count() == 0


def test_a_load_and_a_failure_are_said_by_title_and_icon(browser: Any) -> None:
    for tale, title, icon in (
        (histories.loading, "^◐ 43 %", "icon-loading"),
        (histories.failing, "^✗ gpt-oss-120b failed", "icon-failed"),
    ):
        with replayed(tale()) as server, opened(browser, server.url + "/dashboard") as tab:
            sync = pytest.importorskip("playwright.sync_api")
            sync.expect(tab).to_have_title(re.compile(title), timeout=LONGEST)
            assert icon in tab.locator("link[rel=icon]").get_attribute("href")


def test_a_thousand_profiles_are_shown_and_filtered(browser: Any) -> None:
    [first, *_] = histories.idle()
    assert isinstance(first, Snapshot)
    many = [with_fields(profile(GLM), id=f"model-{n:04}", title="") for n in range(1000)]
    with (
        replayed([with_fields(first, profiles=many)]) as server,
        opened(browser, server.url + "/dashboard") as tab,
    ):
        tab.locator("[data-model='model-0999']").wait_for(state="attached")
        tab.keyboard.press("/")
        tab.keyboard.type("0777")
        tab.locator("[data-model='model-0776']").wait_for(state="detached")
        assert tab.locator(".models .row").count() == 1


def test_a_device_that_is_off_line_is_said(browser: Any, resident: Replay) -> None:
    with opened(browser, resident.url + "/dashboard") as tab:
        tab.locator(VIEWS[""]).wait_for()
        tab.context.set_offline(True)
        tab.get_by_text("this device is offline").wait_for()
        tab.context.set_offline(False)
        tab.get_by_text("● live").wait_for()
