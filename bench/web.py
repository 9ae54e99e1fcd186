"""What the dashboard in the browser costs: its first view, its script, its share of the daemon, its heap.

    PYTHONPATH=. python bench/web.py [--rounds 5] [--seconds 15] [--only first heap …] [--json]

A real daemon and a real Chromium. The heap is measured over a recorded daemon that plays eight hours of
events in a minute to a page whose clock runs as much faster.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from dashboard import STREAMS, dashboard, share, streams
from msgspec.structs import replace as with_fields
from rig import Numbers, daemon
from scale_stable import make

from paddock.engine.locate import find_engine
from paddock.llama.scripted import ScriptedModel, write
from paddock.web import assets
from tests.browser import chromium
from tests.tui import histories
from tests.web.replay import replayed

PROFILES = {50: 150, 1000: 400}  # and the aim of each, milliseconds
HOURS, FASTER = 8, 480
# When the window is full of rows, and when all are there: after the frame that shows them.
_WATCH = """new MutationObserver((_, watch) => {
    const rows = document.querySelectorAll('.models .row').length;
    const note = (name) => requestAnimationFrame(() => setTimeout(() => window[name] ??= performance.now()));
    if (rows >= Math.min(COUNT, innerHeight / 36)) note('firstView'); // a row has 36 pixels or more
    if (rows < COUNT) return;
    watch.disconnect();
    note('allRows');
}).observe(document, {childList: true, subtree: true})"""
_WATCH_NOTHING = """addEventListener('DOMContentLoaded', () => requestAnimationFrame(() =>
    setTimeout(() => window.firstView = performance.now())))"""
_HASTE = (
    f"const real = performance.now.bind(performance); performance.now = () => real() * {FASTER}"
)


def first_view(browser: Any, folder: Path, engine: Any, rounds: int) -> Numbers:
    """Milliseconds from the navigation to the frame with all rows in sight, and with all; nothing cached; medians.

    By turns with a page that has nothing in it, of the same daemon: what the machine itself takes.
    """
    found: Numbers = {}
    warm = browser.new_page()  # the browser's own first page
    warm.close()
    for profiles in PROFILES:
        place = folder / f"of-{profiles}"
        make(place, profiles, engine)
        (place / "paddock.toml").write_text("plan-ahead = false\n")
        with daemon(place, engine.command[0]) as (client, _):
            times = [
                (*_opened(browser, client.url, profiles), _empty(browser, client.url))
                for _ in range(rounds)
            ]
        first, whole, empty = (statistics.median(column) for column in zip(*times, strict=True))
        found[f"first view of {profiles}, ms"] = first
        found[f"all rows of {profiles}, ms"] = whole
        found[f"an empty page beside {profiles}, ms"] = empty
        found[f"first view of {profiles} to an empty page"] = statistics.median(
            one / nothing for one, _, nothing in times
        )
    return found


def _opened(browser: Any, url: str, profiles: int) -> tuple[float, float]:
    """When the window was full, and when all rows were there: milliseconds."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    tab.add_init_script(_WATCH.replace("COUNT", str(profiles)))
    tab.goto(f"{url}/dashboard")
    while tab.evaluate("window.allRows") is None:
        time.sleep(0.05)
    first, whole = tab.evaluate("[window.firstView, window.allRows]")
    context.close()
    return float(first), float(whole)


def _empty(browser: Any, url: str) -> float:
    """When a picture of the page's own, opened by itself, was painted: milliseconds."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    tab.add_init_script(_WATCH_NOTHING)
    tab.goto(f"{url}/dashboard/files/icon.svg")
    while tab.evaluate("window.firstView") is None:
        time.sleep(0.05)
    painted = tab.evaluate("window.firstView")
    context.close()
    return float(painted)


def shares(browser: Any, folder: Path, engine: Any, seconds: float) -> Numbers:
    """Percent of a core that the daemon takes, with a page and with a terminal's dashboard."""
    place = folder / "idle"
    (place / "models").mkdir(parents=True)
    write(place / "models" / "endless.gguf", ScriptedModel(say="On and on.", endless=True))
    conf = (
        f"[endless]\nmodel = endless.gguf\nctx-size = 400000\nparallel = {STREAMS}\nthreads = 1\n"
    )
    (place / "models.conf").write_text(conf)
    found: Numbers = {}
    with daemon(place, engine.command[0]) as (client, pid):
        client.switch("endless")
        process = psutil.Process(pid)
        watchers = {"nobody": _nobody, "page": _page(browser), "terminal": _terminal}
        for name, watcher in watchers.items():
            with watcher(client.url):
                found[f"idle, {name}, %"] = share(process, seconds)
                with streams(client, STREAMS):
                    time.sleep(1.0)
                    found[f"{STREAMS} streams, {name}, %"] = share(process, seconds)
    return found


@contextmanager
def _nobody(url: str) -> Iterator[None]:
    yield


@contextmanager
def _terminal(url: str) -> Iterator[None]:
    with dashboard(url, (80, 24)):
        yield


def _page(browser: Any) -> Any:
    @contextmanager
    def page(url: str) -> Iterator[None]:
        tab = browser.new_page()
        tab.goto(f"{url}/dashboard")
        tab.get_by_text("● live").wait_for()
        tab.wait_for_timeout(1000)
        yield
        tab.close()

    return page


def heap(browser: Any) -> Numbers:
    """MiB of the tab's heap after a minute of events, and after eight hours of them."""
    minute = histories.busy()
    events = [*minute[:-1], *(with_fields(minute[-1 - n % 50]) for n in range(HOURS * 3600))]
    with replayed(events, last=HOURS * 3600, pause=1 / FASTER) as server:
        context = browser.new_context()
        tab = context.new_page()
        tab.add_init_script(_HASTE)
        session = context.new_cdp_session(tab)
        tab.goto(f"{server.url}/dashboard/devices")
        tab.locator(".plot canvas").first.wait_for()
        tab.wait_for_timeout(60_000 / FASTER + 2_000)  # the plots' library came meanwhile
        before = _used(session)
        while server.played < len(events):
            time.sleep(0.5)
        tab.wait_for_timeout(1000)
        after = _used(session)
        context.close()
    return {"heap after a minute, MiB": before, f"heap after {HOURS} h, MiB": after}


def _used(session: Any) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 2**20


def script() -> Numbers:
    sizes = [len(asset.compressed) for name, asset in assets().items() if name.endswith(".js")]
    return {"script, KB over the wire": sum(sizes) / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measured share")
    parser.add_argument("--only", nargs="*", default=["script", "first", "shares", "heap"])
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found: Numbers = {}
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as place, chromium() as browser:
        folder = Path(place)
        engine = find_engine(None, cache_dir=folder)
        works = {
            "script": script,
            "first": lambda: first_view(browser, folder, engine, chosen.rounds),
            "shares": lambda: shares(browser, folder, engine, chosen.seconds),
            "heap": lambda: heap(browser),
        }
        for name in chosen.only:
            print(name, file=sys.stderr)
            found |= works[name]()
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    for name, number in found.items():
        print(f"{name:34}{number:10.1f}")


if __name__ == "__main__":
    main()
