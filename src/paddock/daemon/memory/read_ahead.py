"""Has the next model's files read into the page cache while others still answer, save and end.

From the first wish for a profile until it is ready. As far as memory is spare: what programs have
mapped, what the instance itself will take and what is read for others who wait are left alone. Files
on a network or out of another program (FUSE) are not touched: what a second reader costs there, and
whether it comes back, nobody here knows. In threads of their own, as a disk may hang.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import structs

from paddock.api.placement import LoadEntry, Plan
from paddock.api.weights import LoadedWeights
from paddock.config.describe import weight_files
from paddock.config.profile import Profile
from paddock.core.model import ProfileId
from paddock.daemon.activity.switches import Switches
from paddock.daemon.aside import Aside
from paddock.daemon.faults import Faults
from paddock.daemon.instances.instance import Instance
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.reading import ReadAheadState, read_ahead
from paddock.daemon.profiles.roster import Roster
from paddock.host.memory import read_memory
from paddock.host.seen_files import SeenFiles, look
from paddock.placement.sizes import value
from paddock.placement.words import on_host

_WORTH_READING = 32  # MiB: less than this is there before a process has begun
_WORTH_MEASURING = 256  # MiB: of less, the disk's speed is not concluded
_LEFT_ALONE = 0.05  # of all memory: for what other programs take meanwhile
_LEAST_LEFT_ALONE = 512  # MiB
_MOST_THREADS = 4  # looking at files: where disks hang, more would hang with them
_LEAST_SHARE = 0.2  # of the last load's time: what no page cache makes shorter


@dataclass(slots=True)
class _Course:
    """One switch: what was cached when it was decided, and when its process was started."""

    files: list[Path]
    stop: threading.Event = field(default_factory=threading.Event)
    decided: SeenFiles | None = None
    started: SeenFiles | None = None
    reading: ReadAheadState = field(default_factory=ReadAheadState)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def ahead_mib(self) -> int:
        """That were not cached and were read: a bound, as nobody says which part had been cached."""
        if self.decided is None:
            return 0
        new = self.reading.asked_mib - (self.decided.cached_mib or 0)
        return max(0, min(self.decided.missing_mib, new))


class ReadAhead:
    """Looks after every event who waits for a load; knows what each load's files came from."""

    def __init__(
        self, switches: Switches, roster: Roster, plans: ProfilePlans, faults: Faults
    ) -> None:
        self._switches, self._roster, self._plans = switches, roster, plans
        self._faults = faults
        self._courses: dict[ProfileId, _Course] = {}
        self._turn = asyncio.Lock()  # one reads at a time: a disk gives no more to two
        self._reader, self._lookers = Aside(1), Aside(_MOST_THREADS)
        self._last: dict[
            ProfileId, tuple[LoadedWeights, float]
        ] = {}  # with the seconds of that load
        self._rates: dict[str, float] = {}  # MiB/s by file system

    def recall(self, loads: Iterable[LoadEntry]) -> None:
        """What the history knows: loads that succeeded, the newest first."""
        for load in loads:
            if load.placement and (weights := load.placement.weights):
                self._last.setdefault(ProfileId(load.profile), (weights, load.seconds))
                if (rate := rate_of(weights)) is not None:
                    self._rates.setdefault(weights.file_system, rate)

    # ---- while somebody waits ----

    def follow(self) -> None:
        """See who waits for a load now: after everything that may change that."""
        underway = self._switches.underway
        for profile in [p for p in self._courses if p not in underway]:
            self._courses.pop(profile).stop.set()
        for name in underway:
            known = self._roster.stable.find(name)
            if name not in self._courses and known and known.model:
                self._begin(name, known)

    def _begin(self, name: ProfileId, profile: Profile) -> None:
        course = self._courses[name] = _Course(weight_files(profile))
        self._start(course, lambda: self._run(name, profile, course))

    def _start(self, course: _Course, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        course.tasks.add(task)
        task.add_done_callback(course.tasks.discard)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        with self._faults.caught("read-ahead"):
            await work()

    async def _run(self, name: ProfileId, profile: Profile, course: _Course) -> None:
        seen = course.decided = await self._looked(course.files)
        if seen is None or course.stop.is_set():
            return
        if (eta := self.expected(name, seen)) is not None:
            self._switches.expect(name, eta)
        if seen.missing_mib < _WORTH_READING or _bypasses_cache(profile):
            return
        own = needed_mib(self._plans.of(profile), _mode(profile))
        async with self._turn:
            if not course.stop.is_set():
                await self._reader.run(
                    lambda: read_ahead(
                        course.files, course.stop, lambda: self._room(name) - own, course.reading
                    )
                )

    def _room(self, name: ProfileId) -> int:
        """MiB that may be filled for this one, its own needs not counted. Called in a thread."""
        memory = read_memory()
        if memory.spare_mib is None or memory.total_mib is None:
            return 0
        held = sum(
            course.reading.asked_mib
            for other, course in self._courses.copy().items()
            if other != name
        )
        kept = max(_LEAST_LEFT_ALONE, int(memory.total_mib * _LEFT_ALONE))
        return memory.spare_mib - kept - held

    def bypass(self, name: ProfileId) -> None:
        """Its load goes past the page cache: what is being read into it would only take the disk's time."""
        if course := self._courses.get(name):
            course.stop.set()

    def begun(self, name: ProfileId) -> None:
        """Its process is about to be started: what is cached at that moment is noted."""
        if course := self._courses.get(name):
            self._start(course, lambda: self._note_start(course))

    async def _note_start(self, course: _Course) -> None:
        course.started = await self._looked(course.files)

    def note_load(self, instance: Instance, seconds: float, *, is_ready: bool) -> None:
        """A load came to its end after so many seconds: its placement gets how it came by its weights."""
        course = self._courses.pop(instance.profile, None)
        if course is None:
            return
        course.stop.set()
        record, seen = instance.record, course.started or course.decided
        if seen is None or not seen.mib:
            return
        weights = LoadedWeights(
            mib=seen.mib,
            cached=seen.share,
            ahead_mib=course.ahead_mib,
            ahead_seconds=round(course.reading.seconds, 3),
            file_system=seen.file_system,
        )
        placement = record.placement or instance.placement.placement
        record.placement = structs.replace(placement, weights=weights)
        instance.placement.placement = record.placement
        if (rate := rate_of(weights)) is not None:
            self._rates[weights.file_system] = rate
        if is_ready:
            self._last[instance.profile] = weights, seconds

    # ---- for those who look on ----

    async def seen(self, profile: Profile, *, within: float) -> SeenFiles | None:
        """What is cached of its files now; None where that is not known in so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self._looked(weight_files(profile))
        return None

    def expected(self, name: ProfileId, seen: SeenFiles) -> float | None:
        """Seconds that a load would take now: as the last one, and what the disk has to give more or
        less than then. None where no load is known, or the disk's speed is not."""
        last = self._last.get(name)
        rate = self._rates.get(seen.file_system)
        if last is None or rate is None or seen.cached_mib is None:
            return None
        weights, seconds = last
        if weights.missing_mib is None:
            return None
        more = (seen.missing_mib - weights.missing_mib) / rate
        return round(max(seconds * _LEAST_SHARE, seconds + more), 3)

    async def _looked(self, files: list[Path]) -> SeenFiles | None:
        return await self._lookers.run(lambda: look(files))


def needed_mib(plan: Plan, mode: str) -> int:
    """RAM that the instance takes for itself beside the file's pages; weights too, where it copies them."""
    host = on_host(plan)
    if host is None:
        return 0
    own = host.context + host.compute + host.overhead
    return own + (host.model if mode == "none" else 0)


def rate_of(weights: LoadedWeights) -> float | None:
    """MiB/s that its disk gave; None where too little was read to say so."""
    if weights.ahead_mib < _WORTH_MEASURING or not weights.ahead_seconds:
        return None
    return weights.ahead_mib / weights.ahead_seconds


def _mode(profile: Profile) -> str:
    return value(profile, "--load-mode", "auto")


def _bypasses_cache(profile: Profile) -> bool:
    """Direct I/O reads from the disk whatever is cached."""
    return _mode(profile) == "dio"
