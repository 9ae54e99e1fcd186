"""Numbered events: a ring for readers that resume, a bounded queue per reader.

A slow reader never slows the daemon: when its queue is full it is emptied, and the reader gets a
fresh snapshot instead of what it missed.

Readings of what goes on just now are no facts: they have no number, are not kept, and of several
that a reader did not get to see, only the newest is left.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice

import msgspec

from paddock.api.types import Activity, AnyEvent, Event, Snapshot

_RING = 1024
_QUEUE = 256


def timestamp() -> str:
    """Now, in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Reader:
    def __init__(self, *, readings: bool) -> None:
        self.wants_readings = readings
        self.reading: Activity | None = None  # the newest; it waits until the queue is empty
        self.queue: deque[AnyEvent] = deque()
        self.lagged = False
        self.awake = asyncio.Event()

    def put(self, event: AnyEvent) -> None:
        if len(self.queue) >= _QUEUE:
            self.queue.clear()
            self.lagged = True
        self.queue.append(event)
        self.awake.set()

    def show(self, reading: Activity) -> None:
        if self.wants_readings:
            self.reading = reading
            self.awake.set()


class Bus:
    """Everything that is told, in order."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._ring: deque[AnyEvent] = deque(maxlen=_RING)
        self._readers: set[_Reader] = set()
        self._watched = asyncio.Event()
        self._closed = False
        # Numbers go on rising over restarts, so that an old Last-Event-ID is never taken for a new one.
        self.seq = int(datetime.now(UTC).timestamp() * 1000) * 1000

    def publish(self, event: AnyEvent) -> None:
        """Number and date the event, keep it, hand it to every reader."""
        self.seq += 1
        event.seq = self.seq
        event.time = timestamp()
        self._ring.append(event)
        for reader in self._readers:
            reader.put(event)

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
        if after is not None and self._ring and self._ring[0].seq <= after + 1 <= self.seq + 1:
            missed = after + 1 - self._ring[0].seq
            reader.queue.extend(islice(self._ring, missed, None))
        elif after is None or after != self.seq:
            reader.lagged = True
        self._readers.add(reader)
        self._note_watchers()
        try:
            yield self._read(reader)
        finally:
            self._readers.discard(reader)
            self._note_watchers()

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
                yield self._stamped_snapshot()
            while reader.queue and not reader.lagged:
                yield reader.queue.popleft()
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
        """Its reading, with the number of the last fact: the reader has all of them by now.

        So a reader may resume from whatever it saw last.
        """
        reading, reader.reading = reader.reading, None
        assert reading is not None
        return msgspec.structs.replace(reading, seq=self.seq)

    def _stamped_snapshot(self) -> Snapshot:
        snapshot = self._snapshot()
        snapshot.seq, snapshot.time = self.seq, timestamp()
        return snapshot

    def close(self) -> None:
        """Let every reader finish what it has and end: a waiting reader would hold a shutdown for ever."""
        self._closed = True
        for reader in self._readers:
            reader.awake.set()


__all__ = ["Bus", "Event", "timestamp"]
