"""llama-server's own web page in a real browser: Paddock is its router."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.client import Client
from paddock.llama.scripted import ScriptedModel, write
from tests.browser import chromium
from tests.yard import Process, places, process, wrapper

pytestmark = [pytest.mark.clients, pytest.mark.timeout(180)]

CONF = """[*]
threads = 2
parallel = 1
ctx-size = 8192
[scout]
model = scout.gguf
[heavy]
model = heavy.gguf
engine = {slow}
load-mode = none
[endless]
model = endless.gguf
"""
# Loads in short spells (50 ms of work, 250 ms of rest) until the test has seen it load: {hold} is
# gone then. However busy the machine, the browser has the time that it needs, and no more is lost.
IN_SPELLS = """( while [ -e {hold} ] && sleep 0.05 && kill -STOP $$; do
    sleep 0.25; kill -CONT $$; done ) 2>/dev/null &"""
SLOW = ScriptedModel(say="On and on.", endless=True, layers=8, embd=1024, ff=4096, heads=8)
HEAVY = ScriptedModel(say="I am heavy.", layers=16, target_mib=1000, dense=True)


@pytest.fixture(scope="module")
def herd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write(folder / "scout.gguf", ScriptedModel(say="The paddock is green."))
    write(folder / "heavy.gguf", HEAVY)
    write(folder / "endless.gguf", SLOW)
    return folder


@pytest.fixture
def daemon(tmp_path: Path, herd: Path) -> Iterator[Process]:
    paths = msgspec.structs.replace(places(tmp_path / "daemon", ""), models_dir=herd)
    hold = tmp_path / "hold"
    hold.touch()
    slow = wrapper(tmp_path / "slow-llama-server", IN_SPELLS.format(hold=hold))
    paths.config.write_text(CONF.format(slow=slow))
    with process(paths, "--engine", "embedded") as running:
        yield running


@pytest.fixture
def page(daemon: Process) -> Iterator[Any]:
    """A tab with the page, on which nothing went wrong."""
    with chromium() as browser:
        tab = browser.new_page()
        tab.set_default_timeout(0)  # pytest's own limit ends what waits for nothing
        answers: list[tuple[int, str]] = []
        tab.on("response", lambda answer: answers.append((answer.status, answer.url)))
        tab.goto(daemon.url)
        yield tab
        failed = [answer for answer in answers if answer[0] >= 400]
        # Its own tools, which llama.cpp's router has switched off as well.
        assert [f for f in failed if f != (403, f"{daemon.url}/tools")] == []


def _choose(page: Any, name: str) -> None:
    page.locator("button[aria-haspopup=menu]").last.click()
    page.get_by_role("option", name=name).click()


def _say(page: Any, text: str) -> None:
    page.locator("textarea").fill(text)
    page.keyboard.press("Enter")


def test_a_model_is_chosen_seen_loading_and_answers(page: Any, daemon: Process, tmp_path: Path):
    _choose(page, "heavy")
    page.wait_for_function(
        """() => [...document.querySelectorAll("button[aria-haspopup=menu] [style*=width]")]
            .some(bar => !["0%", "100%"].includes(bar.style.width))"""
    )
    (tmp_path / "hold").unlink()
    _say(page, "hi")
    page.get_by_text("I am heavy.").wait_for()
    assert [i.id for i in Client(daemon.url).status().instances] == ["heavy.1"]


def test_a_model_that_is_only_asked_is_loaded_too(page: Any):
    _choose(page, "scout")
    _say(page, "hi")
    page.get_by_text("The paddock is green.").wait_for()


def test_a_reload_in_the_middle_loses_nothing_and_stop_stops(page: Any, daemon: Process):
    _choose(page, "endless")
    _say(page, "talk")
    page.get_by_text("On and on.").first.wait_for()
    page.reload()
    page.get_by_text("On and on.").first.wait_for()
    [request] = Client(daemon.url).status().requests  # the one from before
    page.get_by_role("button", name="Stop", exact=True).click()
    client = Client(daemon.url)
    while any(r.id == request.id for r in client.status().requests):  # pytest's own limit ends it
        page.wait_for_timeout(50)
