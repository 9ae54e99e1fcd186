"""Pages of other sites, in a real browser: they load, evict, follow and spend nothing here."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from paddock.api.client import Client
from tests.browser import chromium
from tests.doorway import Doorway, doorway
from tests.yard import Process, places, process

CONF = """
[alpha]
model = alpha.gguf
[beta]
model = beta.gguf
"""
SETTINGS = """
allowed-hosts = ["box.lan"]
max-instances = 1
plan-ahead = false
probe-after = 0
"""
# A browser says who asks at the first only; all three are this daemon.
ADDRESSES = ("127.0.0.1", "box.lan", "0.0.0.0")

# What loads beta (and so evicts alpha), has an engine asked, or follows; `test_guard.py` has all of it.
COSTLY = ("/upstream/beta/health", "/props?model=beta&autoload=true", "/doctor", "/events")
LEAVING = ("a navigation", "a form")  # its own page, so that a browser wants a new tab for the next
# How a page has its reader's browser ask for `url`.
BY_GET = {
    "a frame": "f = document.createElement('iframe'); f.src = url; document.body.append(f)",
    "an image": "new Image().src = url",
    "a script": "s = document.createElement('script'); s.src = url; document.head.append(s)",
    "a stylesheet": "l = document.createElement('link'); l.rel = 'stylesheet'; l.href = url;"
    " document.head.append(l)",
    "a stream of events": "new EventSource(url)",
    "a fetch": "fetch(url, {mode: 'no-cors'}).catch(() => 0)",
    "a navigation": "location.href = url",
    "a form": "f = document.createElement('form'); f.action = url; document.body.append(f);"
    " for (const [k, v] of new URL(url).searchParams) { i = document.createElement('input');"
    " i.name = k; i.value = v; f.append(i) } f.submit()",
}
BY_POST = {
    "a fetch": "fetch(url, {method: 'POST', mode: 'no-cors', body}).catch(() => 0)",
    "a beacon": "navigator.sendBeacon(url, body)",
    "a form": "f = document.createElement('form'); f.method = 'post'; f.enctype = 'text/plain';"
    " f.action = url; i = document.createElement('input'); i.name = body; f.append(i);"
    " document.body.append(f); f.submit()",
}
ORDERS = {
    "/switch": '{"model": "beta"}',
    "/unload": "{}",
    "/v1/chat/completions": '{"model": "beta", "messages": [{"role": "user", "content": "hi"}]}',
}


class OtherSite(BaseHTTPRequestHandler):
    """A page of somebody else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

    def log_message(self, *args: Any) -> None:
        """Not into the test's output."""


@dataclass
class World:
    """A browser, a daemon with alpha loaded behind a doorway, and another site."""

    browser: Any
    daemon: Process
    door: Doorway
    elsewhere: str

    def at(self, host: str) -> str:
        return f"http://{host}:{self.door.port}"

    @property
    def instances(self) -> list[str]:
        return [instance.id for instance in Client(self.daemon.url).status().instances]

    @contextmanager
    def tab(self) -> Iterator[Any]:
        """A new one that remembers nothing."""
        with closing(self.browser.new_context()) as context:
            tab = context.new_page()
            tab.set_default_timeout(0)  # pytest's own limit ends what waits for nothing
            yield tab

    def asked(self, way: str, script: str, host: str, bodies: dict[str, str]) -> dict[str, int]:
        """How we answered what a page of the other site had a browser ask of these paths."""
        answers = {}
        with ExitStack() as tabs:
            tab = None
            for path, body in bodies.items():
                if tab is None or way in LEAVING:
                    tab = tabs.enter_context(self.tab())
                answers[path] = self.sent(tab, script, self.at(host) + path, body)
        return answers

    def sent(self, tab: Any, script: str, url: str, body: str = "") -> int:
        """How we answered what a page of the other site, in this tab, had sent."""
        tab.goto(self.elsewhere)
        before, path = len(self.door.answered), urlsplit(url).path
        tab.evaluate(f"([url, body]) => {{{script}}}", [url, body])
        while not (found := [s for p, s in self.door.answered[before:] if p.split("?")[0] == path]):
            tab.wait_for_timeout(5)
        return found[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[World]:
    root = tmp_path_factory.mktemp("doors")
    paths = msgspec.structs.replace(places(root / "daemon", CONF), models_dir=models)
    paths.settings.write_text(SETTINGS)
    site = ThreadingHTTPServer(("127.0.0.1", 0), OtherSite)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    with (
        chromium("elsewhere.example", "box.lan", "rebound.example") as browser,
        process(paths, "--engine", "embedded") as daemon,
        doorway(int(daemon.url.rpartition(":")[2])) as door,
    ):
        Client(daemon.url).switch("alpha")
        yield World(browser, daemon, door, f"http://elsewhere.example:{site.server_port}/")
    site.shutdown()
    site.server_close()


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("way", BY_GET)
def test_no_page_of_another_site_loads_evicts_or_follows(world: World, address: str, way: str):
    answers = world.asked(way, BY_GET[way], address, dict.fromkeys(COSTLY, ""))
    assert answers == dict.fromkeys(COSTLY, 403)
    assert world.instances == ["alpha.1"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("way", BY_POST)
def test_nor_gives_it_an_order(world: World, address: str, way: str):
    assert world.asked(way, BY_POST[way], address, ORDERS) == dict.fromkeys(ORDERS, 403)
    assert world.instances == ["alpha.1"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_link_that_has_our_page_ask_something_opens_the_page_alone(world: World, address: str):
    """The page asks at once what its address says: by hand that is meant, by a link it is not."""
    before = len(world.door.answered)
    with world.tab() as tab:
        link = world.at(address) + "/?q=hi&model=beta"
        assert world.sent(tab, BY_GET["a navigation"], link) == 303
        tab.locator("textarea").wait_for()
        assert tab.url.rstrip("/#") == world.at(address)
    assert not any(path.startswith("/v1/chat") for path, _ in world.door.answered[before:])
    assert world.instances == ["alpha.1"]


@pytest.mark.parametrize(
    "path", ["/", "/upstream/alpha/", "/status", "/openapi.json", "/nothing", "/dashboard"]
)
def test_nothing_of_ours_is_shown_within_another_page(world: World, path: str):
    with world.tab() as tab:
        world.sent(tab, BY_GET["a frame"], world.at("0.0.0.0") + path)
        while not (shown := [frame.url for frame in tab.frames[1:] if frame.url]):
            tab.wait_for_timeout(5)
        assert shown == ["chrome-error://chromewebdata/"]


@pytest.mark.parametrize("way", ["an image", "a script", "a frame"])
def test_another_site_does_not_start_an_engine_for_the_page(world: World, way: str):
    assert world.asked(way, BY_GET[way], "127.0.0.1", {"/nothing.js": ""}) == {"/nothing.js": 403}


@pytest.mark.parametrize("path", ["/", "/upstream/beta/health", "/v1/models", "/dashboard"])
def test_a_name_that_others_lead_to_us_is_not_ours(world: World, path: str):
    with world.tab() as tab:
        assert tab.goto(world.at("rebound.example") + path).status == 403
    assert world.instances == ["alpha.1"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_typed_by_hand_works(world: World, address: str):
    with world.tab() as tab:
        for path in ("/dashboard", "/props?model=alpha", "/upstream/alpha/health", "/plans/alpha"):
            assert tab.goto(world.at(address) + path).status == 200


def test_a_browser_that_begins_elsewhere_reads_what_to_open_first(world: World):
    with world.tab() as tab:
        answer = tab.goto(world.at("box.lan") + "/upstream/alpha/health")
        assert answer.status == 403
        assert f"open {world.at('box.lan')}/ first" in answer.text()


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_web_page_works_asks_what_was_typed_and_leads_to_the_dashboard(
    world: World, address: str
):
    refused: list[str] = []
    with world.tab() as tab:
        tab.on("response", lambda a: refused.append(a.url) if a.status >= 400 else None)
        tab.goto(world.at(address))
        tab.locator("textarea").wait_for()
        tab.goto(world.at(address) + "/?q=hi&model=alpha")
        tab.get_by_text("I am alpha.").wait_for()
        tab.get_by_role("link", name="Paddock's dashboard").click()
        tab.get_by_text("● live").wait_for()  # its calls too are known as ours
    # Its own tools, which llama.cpp's router has switched off as well.
    assert set(refused) == {world.at(address) + "/tools"}
    assert world.instances == ["alpha.1"]
