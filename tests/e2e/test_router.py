"""llama.cpp's real router and Paddock, asked the same: every field of the one is in the other."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.yard import engine_command

pytestmark = pytest.mark.native


@pytest.fixture
def router(tmp_path: Path, models: Path, unused_tcp_port: int) -> Iterator[str]:
    """The real one, with a model of its own."""
    (tmp_path / "alpha.gguf").symlink_to(models / "alpha.gguf")
    command = engine_command()
    if len(command) > 1:
        pytest.skip("the embedded engine has no router")
    words = ["--models-dir", str(tmp_path), "--host", "127.0.0.1", "--port", str(unused_tcp_port)]
    process = subprocess.Popen(
        [*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield f"http://127.0.0.1:{unused_tcp_port}"
    process.kill()
    process.wait()


def missing(theirs: Any, ours: Any, at: str = "") -> list[str]:
    """What they have and we have not, or of another kind."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [at]
        return [
            lack
            for key, value in theirs.items()
            for lack in (
                missing(value, ours[key], f"{at}.{key}") if key in ours else [f"{at}.{key}"]
            )
        ]
    if theirs is None or ours is None:
        return []
    return [] if type(theirs) is type(ours) else [f"{at}: {type(ours).__name__}"]


async def _up(http: Any, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with http.get(url + "/health") as reply:
                    if reply.status == 200:
                        return
            except OSError:
                pass
            await asyncio.sleep(0.05)


async def _told(http: Any, url: str) -> list[Any]:
    """What the events say while `alpha` is loaded, until it is.

    The real router answers only with its first event, and repeats none: it is given a moment.
    """
    events = []
    opening = asyncio.ensure_future(http.get(url + "/models/sse"))
    await asyncio.sleep(0.5)
    async with http.post(url + "/models/load", json={"model": "alpha"}) as reply:
        assert await reply.json() == {"success": True}
    async with await opening as stream:
        async for line in stream.content:
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                events.append(event)
                if event["data"].get("status") == "loaded":
                    return events
    raise AssertionError(events)


# What only a loaded llama-server could know.
UNKNOWN = {".meta.vocab_type", ".meta.n_vocab", ".meta.n_embd"}


async def test_every_field_of_the_real_router_is_here(router: str, home):
    async with home() as yard:
        await yard.daemon.roster.read_facts()
        await _up(yard.http, router)
        async with yard.http.get(router + "/props") as reply:
            assert missing(await reply.json(), await yard.get("/props")) == []
        async with yard.http.get(router + "/models") as reply:
            [theirs] = (await reply.json())["data"]
        ours = next(m for m in (await yard.get("/models"))["data"] if m["id"] == "alpha")
        assert missing(theirs, ours) == []
        theirs, ours = await _told(yard.http, router), await _told(yard.http, yard.url)
        assert (theirs[0]["event"], ours[0]["event"]) == ("model_status", "model_status")
        assert (theirs[-1]["event"], ours[-1]["event"]) == ("status_change", "status_change")
        lacks = missing(theirs[-1]["data"]["info"], ours[-1]["data"]["info"])
        assert set(lacks) <= UNKNOWN
        progress = [next(e for e in told if "progress" in e["data"]) for told in (theirs, ours)]
        assert missing(progress[0], progress[1]) == []
