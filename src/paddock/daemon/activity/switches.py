"""Switches under way: since when, how far, and how long they will still take."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from paddock.api.pulls import PullInfo
from paddock.api.switches import PhaseName, SwitchPhase
from paddock.api.types import Progress, Stage
from paddock.core.live import Coming, Ending, Serving
from paddock.core.model import ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.course import Course
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.clock import Clock
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.registry import Registry


@dataclass(frozen=True, slots=True)
class EndedSwitch:
    """How long it took since the first wish, and in what phases."""

    seconds: float
    phases: list[SwitchPhase]


class Switches:
    """From the first wish for a profile to ready, failed or cancelled."""

    def __init__(
        self,
        scheduler: Scheduler,
        registry: Registry,
        pulls: PullBook,
        clock: Clock,
    ) -> None:
        self._scheduler, self._registry, self._clock = scheduler, registry, clock
        self._pulls = pulls
        self._open: dict[ProfileId, Course] = {}
        self.expected: dict[ProfileId, float] = {}  # seconds of the last load, by profile
        self._expected_now: dict[
            ProfileId, float
        ] = {}  # where the page cache is not as it was then

    def begin(self, profile: ProfileId) -> None:
        """Somebody waits for it now, if nobody did before."""
        self._open.setdefault(profile, Course(self._clock.now()))

    def end(self, profile: ProfileId) -> EndedSwitch:
        """It got ready, failed or was cancelled."""
        now = self._clock.now()
        self._expected_now.pop(profile, None)
        course = self._open.pop(profile, None) or Course(now)
        return EndedSwitch(now - course.since, course.end(now))

    def look(self) -> None:
        """See in which phase each is now: after everything that may change that."""
        now = self._clock.now()
        for profile, course in self._open.items():
            if phase := self._phase(profile):
                course.enter(*phase, now)

    def _phase(self, profile: ProfileId) -> tuple[PhaseName, str] | None:
        """None at its very end."""
        progress = self.progress(profile)
        match progress.stage:
            case "ready" | "failed" | "cancelled":
                return None
            case "draining" if not self._is_served(profile):
                return "tenure", progress.part
            case stage:
                return stage, progress.part

    def _is_served(self, profile: ProfileId) -> bool:
        """Whether anybody is, by those that would have to leave for it."""
        return any(live.is_busy for live in self._scheduler.in_the_way(profile))

    def recall(self, seconds: Mapping[str, float]) -> None:
        """What the history knows of last loads, by profile."""
        self.expected = {ProfileId(profile): took for profile, took in seconds.items()}

    def expect(self, profile: ProfileId, seconds: float) -> None:
        """The load that somebody waits for now will take about so long."""
        if profile in self._open:
            self._expected_now[profile] = seconds

    def note_load(self, profile: ProfileId, seconds: float) -> None:
        """It was loaded, in so many seconds: the next load will take about as long."""
        self.expected[profile] = seconds

    def abandon(self, still_wanted: Collection[ProfileId]) -> None:
        """Forget those that nobody wants any more and that never began."""
        for profile in set(self._open).difference(still_wanted):
            if self._pulls.wanted_by(profile):
                continue
            live = self._scheduler.live_of(profile)
            if live is None or not isinstance(live.state, Coming):
                del self._open[profile]
                self._expected_now.pop(profile, None)

    @property
    def underway(self) -> list[ProfileId]:
        return list(self._open)

    @property
    def any_underway(self) -> bool:
        return bool(self._open)

    def progress(self, profile: ProfileId) -> Progress:
        """How far it is now."""
        now = self._clock.now()
        elapsed = now - self._open[profile].since if profile in self._open else 0.0
        if pull := self._pulls.wanted_by(profile):
            return _downloading(pull, elapsed)
        live = self._scheduler.live_of(profile)
        instance = self._registry.of(profile)
        if live and isinstance(live.state, Serving) and live.is_going and profile in self._open:
            return Progress(stage="draining", elapsed=round(elapsed, 3))  # its outdated instance
        if live and isinstance(live.state, Coming | Serving):
            if instance is None:  # its start was ordered a moment ago: it waits for nobody now
                return Progress(stage="starting", elapsed=round(elapsed, 3))
            return self._loading(profile, instance, elapsed)
        stage, part = self._waiting(profile)
        return Progress(stage=stage, part=part, elapsed=round(elapsed, 3))

    def _loading(self, profile: ProfileId, instance: Instance, elapsed: float) -> Progress:
        phase = instance.phase
        return Progress(
            stage="restoring" if instance.is_restoring else instance.phase_name,
            part=phase.part if isinstance(phase, ph.Loading) else "",
            fraction=_rounded(phase.fraction) if isinstance(phase, ph.Loading) else None,
            elapsed=round(elapsed, 3),
            eta=self._eta(profile, instance),
            mib_done=mib_done(phase, instance.mib_done, instance.record.size_mib),
            mib_total=instance.record.size_mib or None,
        )

    def _eta(self, profile: ProfileId, instance: Instance) -> float | None:
        """What the last load took, less what this one has taken."""
        expected = self._expected_now.get(profile, self.expected.get(profile))
        if expected is None or not ph.is_loading(instance.phase):
            return None
        return round(max(0.0, expected - (self._clock.now() - instance.started_at)), 1)

    def _waiting(self, profile: ProfileId) -> tuple[Stage, str]:
        others = self._scheduler.in_the_way(profile)
        if not others:
            return "queued", ""
        names = ", ".join(live.profile for live in others if live.profile != profile)
        ending = [live.state for live in others if live.is_ending]
        instances = (self._registry.of(live.profile) for live in others if live.is_ending)
        if any(instance and instance.is_saving for instance in instances):
            return "saving", names
        if any(not isinstance(state, Ending) or not state.exited for state in ending):
            return "stopping", names
        if ending:
            return "memory", names
        return "draining", names


def _downloading(pull: PullInfo, elapsed: float) -> Progress:
    return Progress(
        stage="downloading",
        part=pull.model,
        fraction=_rounded(pull.done / pull.size) if pull.size else None,
        elapsed=round(elapsed, 3),
        eta=None if pull.eta is None else round(pull.eta, 1),
        mib_done=pull.done >> 20 if pull.size else None,
        mib_total=pull.size >> 20 or None,
    )


def mib_done(phase: ph.Phase, seen: int | None, total: int) -> int | None:
    """What is there of all files, by the fraction where there is one: nobody shall read `65 %, 293 of 503 MiB`.

    `seen` is what was read and mapped by the look at /proc. A later part has a fraction of its own, which
    says nothing of the whole: then None.
    """
    if not isinstance(phase, ph.Loading) or (phase.part not in ("", ph.FIRST_PART)):
        return None
    return min(seen or 0, total) if phase.fraction is None else round(phase.fraction * total)


def _rounded(fraction: float | None) -> float | None:
    return None if fraction is None else round(fraction, 3)
