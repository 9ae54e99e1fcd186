"""What Paddock asks a model of its own accord never costs a conversation its place in a slot."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.config.settings import Paths
from paddock.core.model import ProfileId
from tests.yard import Yard, places, yard

CONF = """
[alpha]
model = alpha.gguf
ctx-size = 4096
[roomy]
model = alpha.gguf
ctx-size = 4096
parallel = 4
[beta]
model = beta.gguf
"""
LONG = "The horses stand in the paddock and wait for their turn. " * 20
MANY = 700  # of its some 820 tokens
PROBE_AFTER = 0.2  # seconds


@pytest.fixture
def paths(tmp_path: Path, models: Path) -> Paths:
    return msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)


async def turn(home: Yard, model: str) -> dict[str, Any]:
    """llama-server's timings of one turn of the same conversation."""
    messages = [{"role": "user", "content": LONG}]
    _, reply = await home.ask(model, messages=messages, max_tokens=4)
    return dict(reply["timings"])


async def until_probed(home: Yard) -> None:
    async with asyncio.timeout(30):
        await home.until(lambda status: any(i.speed for i in status.instances))
        while home.daemon.probes.is_busy:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("model", ["alpha", "roomy"])
async def test_a_conversation_that_began_the_load_stays_in_its_slot(paths: Paths, model: str):
    async with yard(paths, probe_after=PROBE_AFTER) as home:
        assert (await turn(home, model))["cache_n"] == 0
        await asyncio.sleep(5 * PROBE_AFTER)  # in which a probe would have come
        assert (await turn(home, model))["cache_n"] > MANY


async def test_a_conversation_that_came_before_the_probe_stays_in_its_slot(paths: Paths):
    async with yard(paths, probe_after=60) as home:
        await home.post("/switch", {"model": "alpha", "wait": True})
        assert home.daemon.probes.is_busy
        await turn(home, "alpha")
        assert not home.daemon.probes.is_busy, "nor will it ever be"
        assert (await turn(home, "alpha"))["cache_n"] > MANY


async def test_a_model_that_was_loaded_for_nobody_is_probed_once(paths: Paths):
    async with yard(paths, probe_after=PROBE_AFTER) as home:
        await home.post("/switch", {"model": "alpha"})
        await until_probed(home)
        assert (await turn(home, "alpha"))["cache_n"] < 10, "and the conversation came after it"
        assert (await turn(home, "alpha"))["cache_n"] > MANY


async def test_nothing_is_probed_while_somebody_waits_made_up(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
):
    async with yard(paths, probe_after=1.0) as home:
        await home.post("/switch", {"model": "alpha", "wait": True})
        [alpha] = home.daemon.parts.registry.values()
        waiting = {ProfileId("beta"): 1}
        with monkeypatch.context() as made_up:
            made_up.setattr(home.daemon.parts.scheduler, "waiting", lambda: waiting)
            while home.daemon.probes.is_busy:
                await asyncio.sleep(0.05)
        assert alpha.speed is None, "nobody asked it anything"
