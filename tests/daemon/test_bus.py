"""Events: in order, resumable, and never waiting for a slow reader."""

import asyncio
from typing import Any

from paddock.api.types import ConfigInfo, QueueChanged, Snapshot, Status
from paddock.daemon.bus import Bus


def bus() -> Bus:
    status = Status(
        version="", pid=1, started_at="", current=None, instances=[], queue={}, devices=[],
        config=ConfigInfo(path="", loaded_at=""),
    )  # fmt: skip
    return Bus(lambda: Snapshot(status=status, profiles=[]))


def told(waiting: int) -> QueueChanged:
    return QueueChanged(profile="a", waiting=waiting)


async def take(events, count: int) -> list[Any]:
    async with asyncio.timeout(5):
        return [await anext(events) for _ in range(count)]


async def test_a_new_reader_gets_a_snapshot_then_everything():
    b = bus()
    b.publish(told(1))
    with b.subscribe() as events:
        b.publish(told(2))
        [snapshot] = await take(events, 1)
        assert isinstance(snapshot, Snapshot)
        assert snapshot.seq == b.seq
        b.publish(told(3))
        assert [e.waiting for e in await take(events, 1)] == [3]


async def test_a_reader_resumes_after_the_last_it_saw():
    b = bus()
    for n in range(5):
        b.publish(told(n))
    with b.subscribe(after=b.seq - 2) as events:
        assert [e.waiting for e in await take(events, 2)] == [3, 4]
        b.publish(told(9))
        assert [e.waiting for e in await take(events, 1)] == [9]


async def test_a_reader_that_is_up_to_date_gets_only_what_follows():
    b = bus()
    b.publish(told(1))
    with b.subscribe(after=b.seq) as events:
        b.publish(told(2))
        assert [e.waiting for e in await take(events, 1)] == [2]


async def test_a_number_of_another_daemon_gives_a_snapshot():
    b = bus()
    for after in (5, b.seq + 10**9):
        with b.subscribe(after=after) as events:
            assert isinstance((await take(events, 1))[0], Snapshot)


async def test_a_reader_that_lags_gets_a_snapshot_instead_of_what_it_missed():
    b = bus()
    with b.subscribe() as events:
        await take(events, 1)
        for n in range(1000):
            b.publish(told(n))
        [event] = await take(events, 1)
        assert isinstance(event, Snapshot)
        assert event.seq == b.seq
        b.publish(told(7))
        assert [e.waiting for e in await take(events, 1)] == [7]


async def test_closing_ends_a_waiting_reader():
    b = bus()
    with b.subscribe() as events:
        await take(events, 1)
        asyncio.get_running_loop().call_soon(b.close)
        assert [e async for e in events] == []
