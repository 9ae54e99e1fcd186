"""What is written and thought of loads over the lives of daemons, and on a full disk."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

import pytest

from paddock.api.placement import LoadEntry
from paddock.core.model import ProfileId
from paddock.daemon.history.opening import NullHistoryStore
from paddock.daemon.history.store import HistoryStore
from tests.daemon.chronicled import World


async def restarted(world: World, then: Callable[[World], Awaitable[None]]) -> None:
    """Another daemon on the same files, at which something happens."""
    world.begin()
    writer = asyncio.create_task(world.chronicle.run())
    await then(world)
    writer.cancel()


async def test_an_adopted_instance_goes_on_in_its_old_row(world: World):
    live = await world.loaded()
    number = (await world.load()).id

    async def adopt(after: World) -> None:
        after.adopt(live)
        after.chronicle.adopted(live)
        await after.answered(live, 40.0)

    await restarted(world, adopt)
    (entry,) = await world.history.loads("a")
    assert (entry.id, entry.samples, entry.generation) == (number, 1, 40.0)
    assert entry.verdict is not None
    assert (entry.verdict.placement, entry.verdict.samples) == ("verified", 1)


async def test_one_adopted_while_it_loaded_has_one_row(world: World):
    """Its load ends under the new daemon, which then says that it was adopted, too."""
    live = world.instance()
    world.chronicle.load_ended(live, "ready", 1.0, None)
    world.chronicle.adopted(live)
    await world.answered(live, 40.0)
    (entry,) = await world.history.loads("a")
    assert (entry.samples, live.record.load_id) == (1, entry.id)
    assert entry.verdict is not None
    assert entry.verdict.samples == 1


async def test_what_is_known_of_profiles_is_recalled(world: World):
    live = await world.loaded()
    await world.answered(live, 40.0, prompt=200)

    async def recall(after: World) -> None:
        await after.chronicle.recall([ProfileId("a"), ProfileId("b")])

    await restarted(world, recall)
    assert world.chronicle.verdicts == {"a": await world.verdict()}
    speed = world.chronicle.speeds[ProfileId("a")]
    assert (speed.generation, speed.prompt) == (40.0, 400.0)


async def test_without_a_history_there_are_verdicts_all_the_same(world: World):
    world.chronicle.history = NullHistoryStore()
    await world.chronicle.recall([ProfileId("a")])
    live = await world.loaded()
    await world.answered(live, 40.0)
    assert [verdict.state for verdict in world.reached] == ["verified", "verified"]
    assert await world.history.loads("a") == []


class FullDisk(HistoryStore):
    """Reads well, and writes nothing."""

    def __init__(self, other: HistoryStore) -> None:
        self._other = other

    async def add_load(self, entry: LoadEntry) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    async def last_ready(self, profile: str, *, before: int | None = None) -> LoadEntry | None:
        return await self._other.last_ready(profile, before=before)

    async def comparable(self, *key: str, **rest: int | None) -> list[LoadEntry]:  # type: ignore[override]
        return await self._other.comparable(*key, **rest)  # type: ignore[arg-type]


async def test_a_full_disk_ends_neither_the_chronicle_nor_its_verdicts(
    world: World, caplog: pytest.LogCaptureFixture
):
    world.chronicle.history = FullDisk(world.history)
    live = await world.loaded()
    assert world.reached[0].state == "verified"
    assert "unexpected error in history" in caplog.text
    world.end(live)
    world.chronicle.history = world.history
    await world.loaded()
    assert len(await world.history.loads("a")) == 1
