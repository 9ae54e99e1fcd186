"""What Paddock asks a model of its own accord never costs a conversation its place in a slot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.config.settings import Paths
from paddock.core.live import Live, Serving
from paddock.core.model import UNKNOWN, InstanceId, ProfileId, Ticket
from paddock.daemon.faults import Faults
from paddock.daemon.history import probes as module
from paddock.daemon.history.probes import Probes
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
        assert home.daemon.chronicle.speed_of(alpha.id) is None, "nobody asked it anything"


# ---- while somebody else is there, made up ----


class Place:
    """A model that was just loaded and another one; a probe lasts until it is ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.own, self.other = (
            Live(InstanceId(f"{n}.1"), ProfileId(n), {}, "", Serving(0, 0)) for n in "ab"
        )
        self.live = {live.id: live for live in (self.own, self.other)}
        self.queue = dict[ProfileId, int]()
        self.asked, self.ended = asyncio.Event(), asyncio.Event()
        it: Any = self
        self.probes = Probes(it, it, Faults(), after=0.01)
        self.id, self.profile, self.n_ctx, self.restored_tokens = self.own.id, "a", 4096, 0
        self.stable = self
        monkeypatch.setattr(module, "_ask", self._ask)

    def find(self, _: str) -> "Place":  # the profile
        return self

    probe = is_generative = True

    def waiting(self) -> dict[ProfileId, int]:
        return self.queue

    async def _ask(self, _: object) -> None:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    @asynccontextmanager
    async def armed(self) -> AsyncIterator[Probes]:
        running = asyncio.create_task(self.probes.run())
        await asyncio.sleep(0)
        it: Any = self
        self.probes.arm(it)
        yield self.probes
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    def serve(self, live: Live) -> None:
        assert isinstance(live.state, Serving)
        live.state.leases[Ticket(1)] = UNKNOWN


async def test_nothing_is_probed_while_another_model_serves_somebody(
    monkeypatch: pytest.MonkeyPatch,
):
    place = Place(monkeypatch)
    place.serve(place.other)
    async with place.armed() as probes:
        while probes.is_busy:
            await asyncio.sleep(0.01)
        assert not place.asked.is_set()


async def test_whoever_is_served_by_another_model_ends_a_probe(monkeypatch: pytest.MonkeyPatch):
    place = Place(monkeypatch)
    async with place.armed() as probes:
        await place.asked.wait()
        probes.disturb(place.other.id)
        await place.ended.wait()


async def test_whoever_waits_ends_a_probe_and_what_is_only_armed_stays(
    monkeypatch: pytest.MonkeyPatch,
):
    place = Place(monkeypatch)
    async with place.armed() as probes:
        probes.hang_up()
        probes.disturb(place.other.id)
        await place.asked.wait()
        probes.hang_up()
        await place.ended.wait()
