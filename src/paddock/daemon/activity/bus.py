"""Numbered events: a ring for readers that resume, a queue per reader, both bounded by number and bytes.

A slow reader never slows the daemon: when its queue is full it is emptied, and the reader gets a
fresh snapshot instead of what it missed.

Readings of what goes on just now are no facts: they have no number, are not kept, and of several
that a reader did not get to see, only the newest is left.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

import msgspec

from paddock.api.events import (
    Activity,
    AnyEvent,
    Event,
    QueueChanged,
    Snapshot,
    SpeedMeasured,
    SwitchProgress,
)
from paddock.daemon.clock import timestamp

_RING, _RING_BYTES = 1024, 4 << 20  # events that can be resumed from
_SHARED = 0.1  # seconds in which a snapshot is as good as a fresh one
_QUEUE, _QUEUE_BYTES = 256, 1 << 20  # events that a reader may be behind
_SMALL, _SMALL_BYTES = (SpeedMeasured, QueueChanged, SwitchProgress), 400  # most are of these


class _Backlog:
    """Events in order, and their bytes on the wire."""

    def __init__(self) -> None:
        self.events: deque[tuple[AnyEvent, int]] = deque()
        self.size = 0

    def put(self, event: AnyEvent, size: int) -> None:
        self.events.append((event, size))
        self.size += size

    def take(self) -> AnyEvent:
        event, size = self.events.popleft()
        self.size -= size
        return event

    def clear(self) -> None:
        self.events.clear()
        self.size = 0

    def is_over(self, number: int, size: int) -> bool:
        return len(self.events) > number or self.size > size


class _Reader:
    def __init__(self, *, readings: bool) -> None:
        self.wants_readings = readings
        self.reading: Activity | None = None  # the newest; it waits until the queue is empty
        self.queue = _Backlog()
        self.lagged = False
        self.awake = asyncio.Event()

    def put(self, event: AnyEvent, size: int) -> None:
        self.queue.put(event, size)
        if self.queue.is_over(_QUEUE, _QUEUE_BYTES):
            self.queue.clear()
            self.lagged = True
        self.awake.set()

    def show(self, reading: Activity) -> None:
        if self.wants_readings:
            self.reading = reading
            self.awake.set()


class SnapshotSource(Protocol):
    """Whoever knows how everything is now: the view."""

    def snapshot(self) -> Snapshot: ...


class Bus:
    """All published events, in order."""

    def __init__(self, source: SnapshotSource) -> None:
        self._source = source
        self._ring = _Backlog()
        self._readers: set[_Reader] = set()
        self._watched = asyncio.Event()
        self._closed = False
        self._latest: Snapshot | None = None
        # Numbers go on rising over restarts, so that an old Last-Event-ID is never taken for a new one.
        self.seq = int(datetime.now(UTC).timestamp() * 1000) * 1000

    def publish(self, event: AnyEvent) -> None:
        """Number and date the event, keep it, hand it to every reader."""
        self.seq += 1
        event.seq = self.seq
        event.time = timestamp()
        size = _size(event)
        self._ring.put(event, size)
        while self._ring.is_over(_RING, _RING_BYTES):
            self._ring.take()
        for reader in self._readers:
            reader.put(event, size)

    def begin_anew(self) -> None:
        """More has changed than events say: every reader gets a fresh snapshot, and none resumes from before."""
        self.seq += 1
        self._ring, self._latest = _Backlog(), None
        for reader in self._readers:
            reader.lagged = True
            reader.awake.set()

    def publish_volatile(self, reading: Activity) -> None:
        """Show it to those who look on now and want readings."""
        reading.time = timestamp()
        for reader in self._readers:
            reader.show(reading)

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants readings."""
        return self._watched.is_set()

    async def wait_watched(self) -> None:
        """Return when somebody wants readings."""
        await self._watched.wait()

    @contextmanager
    def subscribe(
        self, after: int | None = None, *, readings: bool = False
    ) -> Iterator[AsyncIterator[AnyEvent]]:
        """All events after number `after` if they are still known, else a snapshot and what follows.

        `readings`: with those that come meanwhile. The iterator ends when the bus is closed.
        """
        reader = _Reader(readings=readings)
        if after is None or not self._resume(reader, after):
            reader.lagged = True
        self._readers.add(reader)
        self._note_watchers()
        try:
            yield self._read(reader)
        finally:
            self._readers.discard(reader)
            self._note_watchers()

    def _resume(self, reader: _Reader, after: int) -> bool:
        """Whether all that came after this number is still known; then the reader has it."""
        known = self._ring.events
        first = known[0][0].seq if known else self.seq + 1
        if not first <= after + 1 <= self.seq + 1:
            return False
        for event, size in islice(known, after + 1 - first, None):
            reader.queue.put(event, size)
        return True

    def _note_watchers(self) -> None:
        if any(reader.wants_readings for reader in self._readers):
            self._watched.set()
        else:
            self._watched.clear()

    async def _read(self, reader: _Reader) -> AsyncIterator[AnyEvent]:
        while True:
            if reader.lagged:
                reader.lagged = False
                reader.queue.clear()  # the snapshot holds all of it
                reader.reading = None
                yield self.snapshot()
            while reader.queue.events and not reader.lagged:
                yield reader.queue.take()
            if reader.lagged:
                continue
            if reader.reading:
                yield self._numbered(reader)
                continue
            if self._closed:
                return
            reader.awake.clear()
            await reader.awake.wait()

    def _numbered(self, reader: _Reader) -> AnyEvent:
        """Its reading, with the number of the last fact: the reader has all of them already.

        So a reader may resume from whatever it saw last.
        """
        reading, reader.reading = reader.reading, None
        assert reading is not None
        return msgspec.structs.replace(reading, seq=self.seq)

    def snapshot(self) -> Snapshot:
        """How everything is now, with the number of the last event. The same for all who come at once: of thousands of profiles it has megabytes."""
        if self._latest is None or self._latest.seq != self.seq:
            self._latest = self._source.snapshot()
            self._latest.seq, self._latest.time = self.seq, timestamp()
            asyncio.get_running_loop().call_later(_SHARED, self._forget_latest)
        return self._latest

    def _forget_latest(self) -> None:
        self._latest = None

    def close(self) -> None:
        """Let every reader finish what it has and end: a waiting reader would hold a shutdown for ever."""
        self._closed = True
        for reader in self._readers:
            reader.awake.set()


def _size(event: AnyEvent) -> int:
    return _SMALL_BYTES if isinstance(event, _SMALL) else len(msgspec.json.encode(event))


__all__ = ["Bus", "Event"]
