"""Who else is served while we measure, and what the GPUs draw: read from the daemon's events, in a thread."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Protocol

from paddock.api.activity import RequestInfo
from paddock.api.client import Client
from paddock.api.connection import HangUp
from paddock.api.events import Activity, AnyEvent, QueueChanged, Snapshot
from paddock.api.types import DeviceInfo
from paddock.errors import PaddockError


class Cuttable(Protocol):
    def cut(self) -> None: ...


class TrafficWatch:
    """Reads as long as its block lasts. `agent` is the `User-Agent` of our own requests."""

    def __init__(self, client: Client, agent: str) -> None:
        self._client, self._agent = client, agent
        self._line = HangUp()
        self._news = threading.Condition()
        self._others = False
        self._measured = ""  # the profile whose queue is our own doing
        self._running: Cuttable | None = None
        self._watts: list[tuple[float, float]] = []  # when, and of all GPUs together
        self._thread = threading.Thread(target=self._read, daemon=True)  # it waits for the network

    def __enter__(self) -> "TrafficWatch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._line.cut()
        self._thread.join()

    def are_others(self, requests: Iterable[RequestInfo]) -> bool:
        """Whether one of these is not ours."""
        return any(request.client != self._agent for request in requests)

    def note_others(self) -> None:
        """Somebody was seen who is served: it is not quiet before an event says so. These come once a second."""
        self._note(others=True)

    @contextmanager
    def cutting(self, running: Cuttable, profile: str) -> Iterator[None]:
        """For this block, whoever else comes has `running` cut; `profile` is what it asks."""
        with self._news:
            self._running, self._measured = running, profile
        try:
            yield
        finally:
            with self._news:
                self._running = None

    def wait_quiet(self, limit: float) -> bool:
        """Whether nobody else is served or waits, which is waited for: seconds, at most."""
        with self._news:
            return self._news.wait_for(lambda: not self._others, limit)

    def watts(self, spans: Iterable[tuple[float, float]]) -> float | None:
        """The mean of the readings in these spans of the monotonic clock; None without one."""
        found = [w for begun, ended in spans for at, w in self._watts if begun <= at <= ended]
        return sum(found) / len(found) if found else None

    def _read(self) -> None:
        try:
            with self._client.watch(line=self._line) as events:
                for event in events:
                    self._hear(event)
        except PaddockError:
            pass  # the daemon went, or we did: whoever measures hears of it by itself

    def _hear(self, event: AnyEvent) -> None:
        match event:
            case Snapshot(status=status):
                self._note(others=self.are_others(status.requests))
            case Activity(requests=requests, devices=devices):
                self._note(others=self.are_others(requests))
                if (watts := gpu_watts(devices)) is not None:
                    self._watts.append((monotonic(), watts))
            case QueueChanged(profile=profile, waiting=waiting):
                if waiting and profile != self._measured and self._running:
                    self._note(others=True)
            case _:
                pass

    def _note(self, *, others: bool) -> None:
        with self._news:
            self._others = others
            if others and self._running:
                self._running.cut()
            self._news.notify_all()


def gpu_watts(devices: Iterable[DeviceInfo]) -> float | None:
    """What all GPUs draw together; None where no driver reports it."""
    known = [device.power_w for device in devices if device.kind == "gpu" and device.power_w]
    return sum(known) if known else None
