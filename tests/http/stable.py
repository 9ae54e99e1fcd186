"""A stable of instances that are simply there, for testing the front without a scheduler.

It keeps the daemon's interface (paddock.daemon.daemon.Daemon) over real llama-servers, or over any
socket; what a test wants to happen in between (a wait, a refusal), it says in plain words.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from paddock.api.activity import Totals
from paddock.api.contexts import Spared
from paddock.api.events import AnyEvent, Snapshot, SwitchEnded, SwitchProgress
from paddock.api.models import ModelCard
from paddock.api.placement import LoadMode
from paddock.api.types import ConfigInfo, InstanceInfo, ProfileInfo, Progress, Status, SwitchResult
from paddock.config import profile as config
from paddock.config.cards import card
from paddock.config.profile import May, NamedModel, Profile
from paddock.config.settings import Settings
from paddock.core.model import UNKNOWN, Asker
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.activity.requests import Requests
from paddock.daemon.activity.tuning_book import TuningBook
from paddock.daemon.clock import Clock
from paddock.daemon.history.opening import NullHistoryStore
from paddock.daemon.history.store import HistoryStore
from paddock.daemon.history.usage_log import UsageLog
from paddock.daemon.instances.endpoint import Endpoint
from paddock.daemon.instances.hand_saved import HandSaved
from paddock.daemon.keyring import Keyring
from paddock.daemon.logs.log_reading import LogReading, Run
from paddock.engine.engine import Engine
from paddock.errors import ModelMissing, NoSuchThing, NotLoaded, PaddockError, UnknownModel


@dataclass
class Stall:
    """One profile: loaded or not, and what its next load comes to."""

    profile: Profile
    endpoint: Endpoint
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: PaddockError | None = None
    progress: Progress = field(default_factory=lambda: Progress(stage="loading", fraction=0.42))
    leases: int = 0
    loads: int = 0
    looks: int = 0  # how often somebody asked how far it is


class Lease:
    def __init__(self, stall: Stall) -> None:
        self._stall = stall
        self.profile = stall.profile.id
        stall.leases += 1
        self.endpoint = stall.endpoint if self._is_granted() else None

    @property
    def progress(self) -> Progress:
        self._stall.looks += 1
        return self._stall.progress

    def _is_granted(self) -> bool:
        return self._stall.ready.is_set() and self._stall.refusal is None

    async def wait(self, timeout: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._stall.ready.wait()
        except TimeoutError:
            return False
        if self._stall.refusal is not None:
            raise self._stall.refusal
        self.endpoint = self._stall.endpoint
        return True

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stall.leases -= 1


class Job:
    def __init__(self, stall: Stall) -> None:
        self.id = "job-1"
        self._stall = stall
        self.result = SwitchResult(job=self.id, model=stall.profile.id, outcome="running")
        self.error = stall.refusal

    async def wait(self) -> SwitchResult:
        await self._stall.ready.wait()
        name = self._stall.profile.id
        if error := self.error:
            from paddock.http.errors import failure_of

            failure = failure_of(error)
            self.result = SwitchResult(
                job=self.id, model=name, outcome="failed", seconds=1.0, failure=failure
            )
        else:
            self.result = SwitchResult(
                job=self.id,
                model=name,
                outcome="ready",
                seconds=1.0,
                instance=self._stall.endpoint.instance,
            )
        return self.result


class Logbook:
    """Logs that a test wrote, read as the daemon's own are."""

    def __init__(self) -> None:
        self.logs: dict[str, Path] = {}
        self.over: set[str] = set()

    def read(self, name: str) -> LogReading:
        if name not in self.logs:
            raise NoSuchThing(f"there is no log of {name!r}")
        run = Run(name, "", self.logs[name], is_over=lambda: name in self.over)
        return LogReading(lambda: [run])


@dataclass
class Chronicle:
    """Of it, the front uses what it wrote down."""

    history: HistoryStore = field(default_factory=NullHistoryStore)

    def write_later(self, work: object) -> None:
        """Nothing is kept."""


class Roster:
    """Of it, the front uses the profiles, and the engines whose web page it shows: here there are none."""

    def __init__(self, profiles: dict[str, Profile]) -> None:
        self.stable = config.Stable(Path("models.conf"), Path("models"), profiles)

    def engines_at_hand(self) -> list[Engine]:
        return []


@dataclass
class Folders:
    """Of the paths, the front uses where that page is kept."""

    state_dir: Path = Path("nowhere")


class Bus:
    """Numbered events for any number of readers."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot
        self._queues: set[asyncio.Queue[AnyEvent | None]] = set()
        self.seq = 0
        self.past: list[AnyEvent] = []
        self.subscribed = asyncio.Event()

    def publish(self, event: AnyEvent) -> None:
        self.seq += 1
        event.seq, event.time = self.seq, "2026-11-24T00:00:00Z"
        self.past.append(event)
        for queue in self._queues:
            queue.put_nowait(event)

    def close(self) -> None:
        for queue in self._queues:
            queue.put_nowait(None)

    def snapshot(self) -> Snapshot:
        found: Snapshot = self._snapshot()
        return found

    @contextmanager
    def subscribe(
        self, after: int | None, *, readings: bool = False
    ) -> Iterator[AsyncIterator[AnyEvent]]:
        queue: asyncio.Queue[AnyEvent | None] = asyncio.Queue()
        first = [self._snapshot()] if after is None else [e for e in self.past if e.seq > after]
        for event in first:
            queue.put_nowait(event)
        self._queues.add(queue)
        self.subscribed.set()
        try:
            yield _read(queue)
        finally:
            self._queues.remove(queue)


async def _read(queue: "asyncio.Queue[AnyEvent | None]") -> AsyncIterator[AnyEvent]:
    while (event := await queue.get()) is not None:
        yield event


class Stable:
    """The daemon's interface over stalls that the test filled."""

    def __init__(self, settings: Settings, stalls: list[Stall]) -> None:
        self.settings = settings
        self.stalls = {stall.profile.id: stall for stall in stalls}
        self.metrics = Metrics(self, Totals())
        self.requests = Requests(Clock())
        self.pull_book, self.tuning_book = PullBook(), TuningBook()
        self.keyring = Keyring(settings, Path("nowhere"))
        self.bus: Bus = Bus(
            lambda: Snapshot(seq=self.bus.seq, status=self.status(), profiles=self.profiles())
        )
        self.chronicle = Chronicle()
        self.usage_log = UsageLog(self.chronicle, self.metrics)  # type: ignore[arg-type]
        self.cancelled: list[str | None] = []
        self.ended: list[bool] = []
        self.reloaded = 0
        self.broken: PaddockError | None = None
        self.logbook = Logbook()
        self.roster = Roster({stall.profile.id: stall.profile for stall in stalls})
        self.paths = Folders()
        self.askers: list[Asker] = []  # of each request for a lease
        self.yielded_for: float | None = None  # seconds
        self.hand: HandSaved | None = None

    def resolve(self, model: str | None) -> Profile:
        return self.named(model).profile

    def named(self, model: str | None, may: May = None) -> NamedModel:
        wanted = model or self.current()
        if not wanted:
            raise ModelMissing("the request names no model")
        if found := self.roster.stable.meant(wanted, may):
            return found
        raise UnknownModel(f"there is no model {model!r}", hint="paddock list shows them")

    def asked(
        self, model: str | None, may: May = None, unknown_model: str | None = None
    ) -> NamedModel:
        return self.named(model, may)

    def current(self) -> str | None:
        return next((name for name, s in self.stalls.items() if s.ready.is_set()), None)

    def lease(self, profile_id: str, *, asker: Asker = UNKNOWN) -> Lease:
        self.askers.append(asker)
        stall = self.stalls[profile_id]
        stall.loads += not stall.ready.is_set()
        return Lease(stall)

    def loaded(self, profile_id: str, *, asker: Asker = UNKNOWN) -> Lease:
        self.askers.append(asker)
        if not self.stalls[profile_id].ready.is_set():
            raise NotLoaded(f"{profile_id} is not loaded")
        return Lease(self.stalls[profile_id])

    async def held_back(self, profile_id: str, instance: str) -> PaddockError | None:
        return None

    def load_left(self, profile_id: str) -> float | None:
        return self.stalls[profile_id].progress.eta

    def endpoints(self) -> list[Endpoint]:
        return [stall.endpoint for stall in self.stalls.values() if stall.ready.is_set()]

    def spared(self, _: str) -> Spared:
        return Spared()

    async def chosen_modes(self, _: str) -> list[LoadMode]:
        return []

    def hand_saved(self, instance: str) -> HandSaved | None:
        """Where an instance keeps contexts: in no folder, if no test gives one."""
        return self.hand

    def status(self) -> Status:
        instances = [
            InstanceInfo(
                id=s.endpoint.instance, profile=name, phase="ready", since="", leases=s.leases
            )
            for name, s in self.stalls.items()
            if s.ready.is_set()
        ]
        return Status(
            version="0",
            pid=1,
            started_at="2026-11-24T00:00:00Z",
            current=self.current(),
            instances=instances,
            queue={},
            devices=[],
            config=ConfigInfo(path="models.conf", loaded_at=""),
        )

    def profiles(self) -> list[ProfileInfo]:
        return [self.profile(stall.profile) for stall in self.stalls.values()]

    def profile(self, profile: Profile) -> ProfileInfo:
        return ProfileInfo(
            id=profile.id,
            state="ready" if self.stalls[profile.id].ready.is_set() else "unloaded",
            aliases=list(profile.aliases),
            hidden=bool(profile.hidden),
            args=list(profile.argv),
        )

    def catalog(self) -> list[ModelCard]:
        return [self.card(stall.profile) for stall in self.stalls.values()]

    def card(self, profile: Profile) -> ModelCard:
        return card(profile, None, loaded=self.stalls[profile.id].ready.is_set())

    def facts(self, profile: Profile) -> None:
        """No file was read."""

    def idle_left(self, profile_id: str) -> None:
        """They stay."""

    async def look_at_files(self) -> None:
        """There are none."""

    def switch(self, profile_id: str, *, force: bool = False) -> Job:
        return Job(self.stalls[profile_id])

    def job(self, job_id: str) -> Job:
        if job_id != "job-1":
            raise NoSuchThing(f"there is no job {job_id!r}")
        return Job(next(iter(self.stalls.values())))

    def unload(self, profile_id: str | None, *, now: bool) -> list[str]:
        names = [profile_id] if profile_id else list(self.stalls)
        gone = [name for name in names if self.stalls[name].ready.is_set()]
        for name in gone:
            self.stalls[name].ready.clear()
        return gone

    def cancel(self, profile_id: str | None) -> list[str]:
        self.cancelled.append(profile_id)
        return [profile_id] if profile_id else list(self.stalls)

    async def reload(self) -> None:
        if self.broken:
            raise self.broken
        self.reloaded += 1

    def shut_down(self, *, keep: bool) -> None:
        self.ended.append(keep)


def stepped(name: str, fraction: float) -> SwitchProgress:
    return SwitchProgress(profile=name, progress=Progress(stage="loading", fraction=fraction))


def finished(name: str) -> SwitchEnded:
    return SwitchEnded(profile=name, outcome="ready", seconds=1.0)
