"""Several files of one repository at once: all of them whole and checked, or an error and a way to go on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from paddock.errors import PaddockError
from paddock.figures.units import mib
from paddock.hub.budget import Disk, TransferPace
from paddock.hub.download import Download, Patience, Session
from paddock.hub.library import Hub, let_go
from paddock.hub.meter import Meter, PullProgress
from paddock.hub.names import HubName
from paddock.hub.places import Place
from paddock.hub.refusals import Interrupted
from paddock.hub.repository import HubFile

AT_ONCE = 3  # files
_SHOW_EVERY = 0.2  # seconds
_MIB = 1 << 20


class PullDisplay(Protocol):
    """Whoever looks on."""

    def show(self, progress: PullProgress) -> None:
        """It is so far now."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The files of one pull. `rate`: bytes a second at most, 0 is no limit."""

    hub: Hub
    name: HubName
    commit: str
    place: Place
    disk: Disk
    files: Sequence[HubFile]
    rate: int = 0
    patience: Patience = field(default_factory=Patience)
    stop: Event = field(default_factory=Event)

    def left(self) -> int:
        """Bytes that must still come, by what lies there."""
        return sum(file.size - self._there(file) for file in self.files)

    def _there(self, file: HubFile) -> int:
        for path in (self.place.content(file), self.place.partial(file)):
            with suppress(OSError):
                return min(path.stat().st_size, file.size)
        return 0

    def run(self, display: PullDisplay) -> list[Path]:
        """Their final names, in order. Whatever ends it early, no half file has one.

        NoDiskSpace before the first byte where they have no room together. Ctrl-C becomes Interrupted.
        """
        self.disk.must_hold(self.left())
        meter = Meter({file.path: file.size for file in self.files})
        session = Session(
            self.hub, self.name, self.commit, self.place, self.disk, TransferPace(self.rate), meter,
            self.stop, self.patience,
        )  # fmt: skip
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pull") as pool:
            futures = [pool.submit(Download(session, file).run) for file in self.files]
            try:
                self._watch(futures, meter, display)
            except KeyboardInterrupt:
                self._end(futures)
                raise self._interrupted(meter) from None
            except BaseException:
                self._end(futures)
                raise
        display.show(meter.reading())
        return [future.result() for future in futures]

    def _watch(self, futures: Sequence[Future[Path]], meter: Meter, display: PullDisplay) -> None:
        """Until all are done, or the first has failed: its error."""
        waiting: set[Future[Path]] = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=_SHOW_EVERY, return_when=FIRST_EXCEPTION)
            display.show(meter.reading())
            errors = [error for future in done if (error := future.exception())]
            if errors:
                raise _worst(errors)

    def _end(self, futures: Sequence[Future[Path]]) -> None:
        """Nobody writes any more when this returns."""
        self.stop.set()
        for future in futures:
            future.cancel()
        if any(future.running() for future in futures):
            let_go()
        wait(futures)

    def _interrupted(self, meter: Meter) -> Interrupted:
        reading = meter.reading()
        here, whole = mib(reading.done / _MIB), mib(reading.size / _MIB)
        return Interrupted(
            f"stopped; {here} of {whole} are here and stay",
            hint="the same command goes on from there; `paddock pull --forget` removes what came",
        )


def _worst(errors: Sequence[BaseException]) -> BaseException:
    """What a person should read: not that another one was stopped for it."""
    own = [error for error in errors if not isinstance(error, Interrupted)]
    known = [error for error in own if isinstance(error, PaddockError)]
    return (known or own or list(errors))[0]
