"""The terminal's list of downloads, over a daemon that notes what it is asked."""

from paddock.api.pulls import PullFailure, PullFile, PullInfo
from tests.tui import histories
from tests.tui.screens import settled, shown, text

_GIB = 1 << 30
COMING = PullInfo(
    id="2",
    model="acme/Parrot-GGUF:Q4_K_M",
    state="running",
    files=[PullFile(path="Parrot-Q4_K_M.gguf", size=4 * _GIB, done=_GIB, stage="fetching")],
    rate=50.0 * (1 << 20),
    eta=62.0,
    note="again in 3 s",
)
FAILED = PullInfo(
    id="1",
    model="acme/Other-GGUF",
    state="failed",
    failure=PullFailure(
        code="hub_not_found", message="the hub has no acme/Other-GGUF", hint="look"
    ),
)


async def test_downloads_are_listed_paused_gone_on_with_and_cancelled():
    async with shown(histories.idle(), (110, 30)) as (app, pilot, daemon):
        daemon.downloads = {"1": FAILED, "2": COMING}
        await pilot.press("D")
        await settled(pilot)
        page = text(app)
        [row] = [line for line in page.splitlines() if COMING.model in line]
        for words in ("running 25 %", "1.0 GiB", "4.0 GiB", "50 MiB", "1 min 02 s"):
            assert words in row
        assert "again in 3 s" in page, "what the newest one waits for"
        for key, state in (("space", "paused"), ("space", "running"), ("c", "cancelled")):
            await pilot.press(key)
            await settled(pilot)
            [row] = [line for line in text(app).splitlines() if COMING.model in line]
            assert state in row
        await pilot.press("space", "c", "down", "space", "c")  # of what is over nothing is asked
        await settled(pilot)
        assert "the hub has no acme/Other-GGUF look" in text(app)
        await pilot.press("escape")
        await settled(pilot)
        assert COMING.model not in text(app)
    assert daemon.asked == [("steer_pull", "2", verb) for verb in ("pause", "resume", "cancel")]


async def test_no_downloads_are_said_with_how_to_begin_one():
    async with shown(histories.idle()) as (app, pilot, _):
        await pilot.press("D")
        await settled(pilot)
        assert "paddock pull OWNER/REPO" in text(app)
