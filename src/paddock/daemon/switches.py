"""Switches under way: since when, how far, and how long they will still take."""

from collections.abc import Callable
from dataclasses import dataclass

from paddock.api.types import Progress, Stage
from paddock.core.books import Coming, Ending, Serving
from paddock.core.model import ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.instance import Instance
from paddock.daemon.instances import phase as ph


@dataclass(slots=True)
class _Switch:
    since: float
    last: tuple[Stage, str] | None = None  # as last told


class Switches:
    """From the first wish for a profile to ready, failed or cancelled."""

    def __init__(
        self,
        scheduler: Scheduler,
        instance_of: Callable[[ProfileId], Instance | None],
        clock: Callable[[], float],
    ) -> None:
        self._scheduler, self._instance_of, self._clock = scheduler, instance_of, clock
        self._open: dict[ProfileId, _Switch] = {}
        self.expected: dict[ProfileId, float] = {}  # seconds of the last load, by profile

    def begin(self, profile: ProfileId) -> None:
        """Somebody waits for it now, if nobody did before."""
        self._open.setdefault(profile, _Switch(self._clock()))

    def end(self, profile: ProfileId) -> float:
        """Seconds that it took."""
        switch = self._open.pop(profile, None)
        return self._clock() - switch.since if switch else 0.0

    def abandon(self, still_wanted: set[ProfileId]) -> None:
        """Forget those that nobody wants any more and that never began."""
        for profile in set(self._open) - still_wanted:
            live = self._scheduler.live_of(profile)
            if live is None or not isinstance(live.state, Coming):
                del self._open[profile]

    @property
    def underway(self) -> list[ProfileId]:
        return list(self._open)

    def changed(self, profile: ProfileId) -> Progress | None:
        """Its progress, if its stage is another than when last asked."""
        switch = self._open.get(profile)
        if switch is None:
            return None
        progress = self.progress(profile)
        told = (progress.stage, progress.part)
        if told == switch.last:
            return None
        switch.last = told
        return progress

    def progress(self, profile: ProfileId) -> Progress:
        """How far it is now."""
        switch = self._open.get(profile)
        elapsed = self._clock() - switch.since if switch else 0.0
        live = self._scheduler.live_of(profile)
        instance = self._instance_of(profile)
        if live and isinstance(live.state, Serving) and live.is_going and switch:
            return Progress(stage="draining", elapsed=round(elapsed, 3))  # its outdated instance
        if live and isinstance(live.state, Coming | Serving):
            if instance is None:  # its start was ordered a moment ago: it waits for nobody now
                return Progress(stage="starting", elapsed=round(elapsed, 3))
            return self._loading(profile, instance, elapsed)
        stage, part = self._waiting(profile)
        return Progress(stage=stage, part=part, elapsed=round(elapsed, 3))

    def _loading(self, profile: ProfileId, instance: Instance, elapsed: float) -> Progress:
        phase = instance.phase
        loading = isinstance(phase, ph.Loading)
        return Progress(
            stage=instance.phase_name,
            part=phase.part if isinstance(phase, ph.Loading) else "",
            fraction=_rounded(phase.fraction) if isinstance(phase, ph.Loading) else None,
            elapsed=round(elapsed, 3),
            eta=self._eta(profile, instance),
            mib_done=min(instance.mib_done or 0, instance.record.size_mib) if loading else None,
            mib_total=instance.record.size_mib or None,
        )

    def _eta(self, profile: ProfileId, instance: Instance) -> float | None:
        """What the last load took, less what this one has taken."""
        expected = self.expected.get(profile)
        if expected is None or not ph.is_loading(instance.phase):
            return None
        return round(max(0.0, expected - (self._clock() - instance.started_at)), 1)

    def _waiting(self, profile: ProfileId) -> tuple[Stage, str]:
        others = self._scheduler.in_the_way(profile)
        if not others:
            return "queued", ""
        names = ", ".join(live.profile for live in others if live.profile != profile)
        told = [live.state for live in others if live.is_ending]
        instances = (self._instance_of(live.profile) for live in others if live.is_ending)
        if any(instance and instance.is_saving for instance in instances):
            return "saving", names
        if any(not isinstance(phase, Ending) or not phase.exited for phase in told):
            return "stopping", names
        if told:
            return "memory", names
        return "draining", names


def _rounded(fraction: float | None) -> float | None:
    return None if fraction is None else round(fraction, 3)
