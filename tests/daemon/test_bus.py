"""Events: in order, resumable, and never waiting for a slow reader."""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.api.activity import Totals
from paddock.api.events import Activity, InstanceEnded, QueueChanged, Snapshot
from paddock.api.types import ConfigInfo, Failure, Status
from paddock.daemon.activity.bus import Bus


@dataclass
class Still:
    """Of which nothing changes."""

    now: Snapshot

    def snapshot(self) -> Snapshot:
        return self.now


def bus() -> Bus:
    status = Status(
        version="", pid=1, started_at="", current=None, instances=[], queue={}, devices=[],
        config=ConfigInfo(path="", loaded_at=""),
    )  # fmt: skip
    return Bus(Still(Snapshot(status=status, profiles=[])))


def queue_of(waiting: int) -> QueueChanged:
    return QueueChanged(profile="a", waiting=waiting)


async def take(events, count: int) -> list[Any]:
    async with asyncio.timeout(5):
        return [await anext(events) for _ in range(count)]


async def test_a_new_reader_gets_a_snapshot_then_everything():
    b = bus()
    b.publish(queue_of(1))
    with b.subscribe() as events:
        b.publish(queue_of(2))
        [snapshot] = await take(events, 1)
        assert isinstance(snapshot, Snapshot)
        assert snapshot.seq == b.seq
        b.publish(queue_of(3))
        assert [e.waiting for e in await take(events, 1)] == [3]


async def test_a_reader_resumes_after_the_last_it_saw():
    b = bus()
    for n in range(5):
        b.publish(queue_of(n))
    with b.subscribe(after=b.seq - 2) as events:
        assert [e.waiting for e in await take(events, 2)] == [3, 4]
        b.publish(queue_of(9))
        assert [e.waiting for e in await take(events, 1)] == [9]


async def test_where_more_has_changed_than_events_say_every_reader_begins_anew():
    b = bus()
    b.publish(queue_of(1))
    before = b.seq
    with b.subscribe(after=before) as behind, b.subscribe() as fresh:
        await take(fresh, 1)
        b.publish(queue_of(2))
        b.begin_anew()
        for events in (behind, fresh):
            [snapshot] = await take(events, 1)
            assert isinstance(snapshot, Snapshot)
            assert snapshot.seq == b.seq
        b.publish(queue_of(3))
        assert [e.waiting for e in (await take(behind, 1) + await take(fresh, 1))] == [3, 3]
    with b.subscribe(after=before) as late:
        assert isinstance((await take(late, 1))[0], Snapshot)


async def test_a_reader_that_is_up_to_date_gets_only_what_follows():
    b = bus()
    b.publish(queue_of(1))
    with b.subscribe(after=b.seq) as events:
        b.publish(queue_of(2))
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
            b.publish(queue_of(n))
        [event] = await take(events, 1)
        assert isinstance(event, Snapshot)
        assert event.seq == b.seq
        b.publish(queue_of(7))
        assert [e.waiting for e in await take(events, 1)] == [7]


def large(number: int) -> InstanceEnded:
    """60 KB: more than our own events ever are."""
    failure = Failure(code="x", message="x" * 60_000)
    return InstanceEnded(instance=f"a.{number}", profile="a", failure=failure)


async def test_a_reader_that_lags_by_bytes_gets_a_snapshot_too():
    b = bus()
    with b.subscribe() as events:
        await take(events, 1)
        for n in range(100):
            b.publish(large(n))
        [event] = await take(events, 1)
        assert isinstance(event, Snapshot)
        b.publish(large(100))
        assert [e.instance for e in await take(events, 1)] == ["a.100"]


@given(sizes=st.lists(st.integers(0, 300_000), min_size=50, max_size=200))
@settings(max_examples=10, deadline=None)
def test_what_is_kept_for_readers_is_bounded_by_bytes(sizes: list[int]):
    b = bus()
    with b.subscribe(), b.subscribe(readings=True):
        for size in sizes:
            b.publish(
                InstanceEnded(
                    instance="a.1", profile="a", failure=Failure(code="", message="x" * size)
                )
            )
            assert kept(b) <= (4 << 20) + 2 * (1 << 20)


def kept(b: Bus) -> int:
    """Bytes on the wire of everything that the bus and its readers hold."""
    held = [b._ring, *(reader.queue for reader in b._readers)]
    return sum(len(msgspec.json.encode(event)) for part in held for event, _ in part.events)


async def test_closing_ends_a_waiting_reader():
    b = bus()
    with b.subscribe() as events:
        await take(events, 1)
        asyncio.get_running_loop().call_soon(b.close)
        assert [e async for e in events] == []


# ---- readings ----


def reading(requests: int) -> Activity:
    return Activity(requests=[], devices=[], totals=Totals(requests=requests))


async def test_readings_go_to_those_who_want_them_after_the_facts_and_with_the_last_number():
    b = bus()
    with b.subscribe(readings=True) as events, b.subscribe() as others:
        await take(events, 1)
        await take(others, 1)
        b.publish_volatile(reading(1))
        b.publish(queue_of(2))
        fact, shown = await take(events, 2)
        assert (fact.waiting, shown.totals.requests) == (2, 1)
        assert shown.seq == fact.seq == b.seq, "it may be resumed from"
        assert shown.time
        b.publish(queue_of(3))
        assert [e.waiting for e in await take(events, 1)] == [3]
        assert [e.waiting for e in await take(others, 2)] == [2, 3]


async def test_a_slow_reader_misses_older_readings_but_no_fact():
    b = bus()
    with b.subscribe(readings=True) as events:
        await take(events, 1)
        for n in range(1000):
            b.publish_volatile(reading(n))
            if n % 10 == 0:
                b.publish(queue_of(n))
        *facts, last = await take(events, 101)
        assert [e.waiting for e in facts] == list(range(0, 1000, 10))
        assert last.totals.requests == 999


async def test_readings_are_not_repeated_to_who_resumes():
    b = bus()
    b.publish(queue_of(1))
    seen = b.seq
    b.publish_volatile(reading(1))
    b.publish(queue_of(2))
    with b.subscribe(after=seen, readings=True) as events:
        assert [e.waiting for e in await take(events, 1)] == [2]
        b.publish_volatile(reading(5))
        assert [e.totals.requests for e in await take(events, 1)] == [5]


async def test_a_snapshot_holds_more_than_an_older_reading():
    b = bus()
    with b.subscribe(readings=True) as events:
        b.publish_volatile(reading(1))
        await take(events, 1)
        b.publish_volatile(reading(2))
        assert [e.totals.requests for e in await take(events, 1)] == [2]


async def test_who_wants_readings_is_waited_for():
    b = bus()
    waiting = asyncio.create_task(b.wait_watched())
    with b.subscribe():
        await asyncio.sleep(0)
        assert not waiting.done()
        with b.subscribe(readings=True):
            await waiting
            assert b.is_watched
        assert not b.is_watched
