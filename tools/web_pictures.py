"""Takes the pictures of the dashboard in the browser anew, from recorded histories (needs a Chromium).

    PYTHONPATH=. python tools/web_pictures.py [VIEW ...]

Each shows one view four times: light and dark, on a desktop and on a phone. Look at every one of them.
"""

import base64
import sys
from pathlib import Path
from typing import Any

from tests.browser import chromium
from tests.tui import histories
from tests.tui.machine import GLM, QWEN
from tests.web.replay import replayed

TARGET = Path(__file__).parents[1] / "docs" / "pictures"
DESKTOP, PHONE = {"width": 1360, "height": 850}, {"width": 390, "height": 850}
# By name: the history, the address, and what must be there.
VIEWS = {
    "models": (histories.two_resident, "", ".models .row"),
    "loading": (histories.loading, "", ".meter"),
    "failing": (histories.failing, "", ".failure pre"),
    "switch": (histories.two_resident, f"/switch/{QWEN}", ".facts dd"),
    "model": (histories.two_resident, f"/models/{GLM}", ".plot canvas"),
    "layers": (histories.two_resident, f"/models/{QWEN}", ".layers"),
    "degraded": (histories.degraded, f"/models/{GLM}", "tbody tr code"),
    "devices": (histories.busy, "/devices", ".plot canvas"),
    "requests": (histories.busy, "/requests", "[data-request]"),
    "logs": (histories.two_resident, "/logs", ".log .lines > div"),
    "switches": (histories.two_resident, "/switches", ".waterfall li"),
    "engines": (histories.two_resident, "/engines", "article"),
    "tuning": (histories.two_resident, "/tunings/1", ".plot canvas"),
    "pulls": (histories.two_resident, "/pulls", "progress"),
    "bench": (histories.two_resident, "/bench/3?against=1", ".plot canvas"),
    "contexts": (histories.two_resident, "/contexts", "tbody tr"),
    "config": (histories.two_resident, f"/config/{QWEN}", ".found .error"),
    "config-preview": (histories.two_resident, f"/config/{QWEN}", ".found .error"),
    "key": (histories.two_resident, "/key", "form"),
    "usage": (histories.two_resident, "/usage", "tbody tr"),
}

_IN_TIME = 25  # events, one a second
_SETTLING = 400  # milliseconds: plots are drawn when their library has come


def main() -> None:
    wanted = sys.argv[1:] or list(VIEWS)
    with chromium() as browser:
        for name in wanted:
            history, address, sign = VIEWS[name]
            # Plots are of what came while the page was open: some of these events come in time.
            with replayed(history(), last=_IN_TIME if name == "devices" else 0) as server:
                shots = [
                    shot(
                        browser,
                        f"{server.url}/dashboard{address}",
                        sign,
                        size,
                        scheme,
                        DOES.get(name),
                    )
                    for size in (DESKTOP, PHONE)
                    for scheme in ("light", "dark")
                ]
            (TARGET / f"web-{name}.png").write_bytes(sheet(browser, shots))


def preview(tab: Any) -> None:
    """A mistake is mended, and what that changes is looked at."""
    field = tab.locator("textarea")
    mended = field.input_value().replace("CTX_SISE = 65536", "CTX_SIZE = 98304   ; as much as fits")
    field.fill(mended.replace("n-gpu-layers = 99\n", ""))
    tab.get_by_role("button", name="Preview and write").click()
    tab.locator(".difference .new").wait_for()
    tab.get_by_text("nothing is wrong").wait_for()
    tab.mouse.move(0, 0)


def forecast(tab: Any) -> None:
    """What a model would be here is asked for."""
    tab.get_by_label("model", exact=True).fill("acme/Owl-GGUF")
    tab.get_by_role("button", name="What would it be here?").click()
    tab.get_by_role("article", name="what acme/Owl-GGUF would be here").wait_for()


# What a reader does before the picture is taken.
DOES = {"config-preview": preview, "pulls": forecast}


def shot(
    browser: Any, url: str, sign: str, size: dict[str, int], scheme: str, does: Any = None
) -> bytes:
    context = browser.new_context(viewport=size, color_scheme=scheme, locale="en-GB")
    tab = context.new_page()
    tab.goto(url)
    tab.locator(sign).first.wait_for()
    if does:
        does(tab)
    tab.wait_for_timeout(_SETTLING + (_IN_TIME * 1000 if "/devices" in url else 0))
    picture = tab.screenshot()
    context.close()
    return bytes(picture)


def sheet(browser: Any, shots: list[bytes]) -> bytes:
    """All four beside each other, in half their size."""
    tab = browser.new_page(viewport={"width": 1800, "height": 440})
    pictures = "".join(
        f'<img height="425" src="data:image/png;base64,{base64.b64encode(one).decode()}">'
        for one in shots
    )
    tab.set_content(
        f'<body style="margin:6px;display:flex;gap:8px;background:#888">{pictures}</body>'
    )
    tab.wait_for_timeout(_SETTLING)
    content = tab.screenshot()
    tab.close()
    return bytes(content)


if __name__ == "__main__":
    main()
