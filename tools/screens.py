"""Writes the dashboard's golden screens and pictures anew, from the tests' recorded histories.

    PYTHONPATH=. python tools/screens.py      golden texts into tests/tui/golden, pictures into docs/pictures

Look at every one of them before you commit.
"""

import asyncio
import re
from pathlib import Path

from tests.tui import histories
from tests.tui.screens import GOLDEN, LARGE, SMALL, settled, shown, text

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # a picture asks nobody for anything
ROOT = Path(__file__).parents[1]
PICTURES = {
    "dashboard": (histories.two_resident, (140, 36), ()),
    "dashboard-loading": (histories.loading, (140, 36), ()),
    "dashboard-failing": (histories.failing, SMALL, ()),
    "dashboard-degraded": (histories.degraded, LARGE, ()),
    "dashboard-busy": (histories.busy, (120, 35), ()),
    "dashboard-picker": (histories.two_resident, (100, 30), ("m", "down")),
    "dashboard-detail": (histories.two_resident, (100, 30), ("d",)),
    "dashboard-log": (histories.two_resident, (100, 30), ("l", "slash", *"cuda0", "enter")),
}


async def main() -> None:
    golden = ROOT / "tests" / "tui" / "golden"
    golden.mkdir(exist_ok=True)
    for name, (story, size) in GOLDEN.items():
        async with shown(story(), size) as (app, _, _):
            (golden / f"{name}.txt").write_text(text(app), encoding="utf-8")
    for name, (story, size, keys) in PICTURES.items():
        async with shown(story(), size) as (app, pilot, _):
            await pilot.press(*keys)
            await settled(pilot)
            picture = _FONTS.sub("", app.export_screenshot(title="paddock"))
            (ROOT / "docs" / "pictures" / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
