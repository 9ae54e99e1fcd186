"""Publishes what happens as events on the bus."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from paddock.api import events as wire_events
from paddock.api import types as wire
from paddock.api.bench import BenchNow
from paddock.api.placement import Speed, Verdict
from paddock.api.pulls import PullInfo
from paddock.api.tunings import TuningNow
from paddock.api.types import Stage
from paddock.config.explain import Changes
from paddock.core.effects import SwitchDone
from paddock.core.model import Cause, ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.bus import Bus
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.activity.switches import EndedSwitch, Switches
from paddock.daemon.faults import Faults
from paddock.daemon.instances.instance import Instance
from paddock.daemon.refusals import as_failure
from paddock.daemon.reports.view import StatusView

_log = logging.getLogger(__name__)
_Arguments = ParamSpec("_Arguments")


def _survived(
    method: "Callable[Concatenate[Publisher, _Arguments], None]",
) -> "Callable[Concatenate[Publisher, _Arguments], None]":
    """What cannot be published is noted: whoever had something to publish goes on."""

    @wraps(method)
    def guarded(self: "Publisher", /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        with self.faults.caught("publishing"):
            method(self, *args, **kwargs)

    return guarded


class Publisher:
    """The one place from which facts go out; it decides nothing and changes nothing."""

    def __init__(
        self,
        bus: Bus,
        view: StatusView,
        scheduler: Scheduler,
        switches: Switches,
        pulls: PullBook,
        faults: Faults,
    ) -> None:
        self._bus, self._view, self._pulls = bus, view, pulls
        self._scheduler, self._switches = scheduler, switches
        self.faults = faults
        self._waiting: dict[ProfileId, int] = {}  # as last published, and of each switch its
        self._stages: dict[ProfileId, tuple[Stage, str]] = {}  # stage and part

    def _publish(self, event: wire_events.AnyProfileEvent) -> None:
        """With how things stand after it, so that no reader has to conclude that."""
        event.now = self._view.now(ProfileId(event.profile))
        if event.now.state == "busy":  # that ends without an event: readings have it
            event.now.state = "ready"
        event.current = self._view.current()
        self._bus.publish(event)

    # ---- of instances ----

    @_survived
    def phase_changed(self, instance: Instance) -> None:
        state = self._view.state(instance.profile)
        self._publish(
            wire_events.InstanceChanged(instance=self._view.instance(instance), state=state)
        )
        self.progressed(instance)

    @_survived
    def progressed(self, instance: Instance) -> None:
        if instance.profile in self._switches.underway:
            progress = self._switches.progress(instance.profile)
            self._publish(
                wire_events.SwitchProgress(
                    profile=instance.profile, instance=instance.id, progress=progress
                )
            )

    @_survived
    def speed_measured(self, instance: Instance, speed: Speed, prompt: int, generated: int) -> None:
        """A request of so many tokens has ended."""
        self._bus.publish(
            wire_events.SpeedMeasured(
                profile=instance.profile,
                instance=instance.id,
                speed=speed,
                prompt_tokens=prompt,
                generated_tokens=generated,
            )
        )

    @_survived
    def verdict_reached(self, instance: Instance, verdict: Verdict) -> None:
        """Whether it lies and runs as it should."""
        self._bus.publish(
            wire_events.VerdictReached(
                profile=instance.profile, instance=instance.id, verdict=verdict
            )
        )

    @_survived
    def ended(self, instance: Instance, cause: Cause | None) -> None:
        """`cause`: why, where it was not meant to."""
        failure = as_failure(cause) if cause else None
        self._publish(
            wire_events.InstanceEnded(
                instance=instance.id, profile=instance.profile, failure=failure
            )
        )

    # ---- of switches ----

    @_survived
    def switch_ended(self, done: SwitchDone, ended: EndedSwitch) -> None:
        """With what its time since the first wish went into."""
        self._stages.pop(done.profile, None)
        self._publish(
            wire_events.SwitchEnded(
                profile=done.profile,
                outcome=done.outcome,
                seconds=round(ended.seconds, 3),
                instance=done.instance,
                restored=list(done.restoring),
                failure=as_failure(done.cause) if done.cause else None,
                phases=ended.phases,
            )
        )
        _log.info("switch to %s: %s after %.2f s", done.profile, done.outcome, ended.seconds)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody waits and no switch is under way: then `queue_changed` has nothing to publish."""
        return not self._waiting and not self._switches.any_underway

    @_survived
    def queue_changed(self) -> None:
        """Publish what changed for those who wait: how many they are, and for whom they wait."""
        before, self._waiting = self._waiting, self._scheduler.queue()
        underway = self._switches.underway
        given_up = self._stages.keys() - set(underway)  # their ends were not published as switches'
        for profile in {**before, **self._waiting, **dict.fromkeys(given_up)}:
            waiting = self._waiting.get(profile, 0)
            if profile in given_up or before.get(profile, 0) != waiting:
                self._publish(wire_events.QueueChanged(profile=profile, waiting=waiting))
        self._stages = {name: stage for name, stage in self._stages.items() if name in underway}
        for profile in underway:
            self._stage_changed(profile)

    def _stage_changed(self, profile: ProfileId) -> None:
        progress = self._switches.progress(profile)
        stage = progress.stage, progress.part
        if self._stages.get(profile) != stage:
            self._stages[profile] = stage
            self._publish(wire_events.SwitchProgress(profile=profile, progress=progress))

    @_survived
    def yield_changed(self) -> None:
        """The GPUs were yielded, for another time than before, or are ours again."""
        self._bus.publish(wire_events.YieldChanged(yielded=self._view.yielded()))

    @_survived
    def pull_changed(self, pull: PullInfo) -> None:
        """A download began, went on or ended."""
        self._bus.publish(wire_events.PullChanged(pull=pull))
        for profile in self._pulls.wanting(pull.id):
            progress = self._switches.progress(profile)
            self._publish(wire_events.SwitchProgress(profile=profile, progress=progress))

    @_survived
    def tuning_changed(self, now: TuningNow) -> None:
        """A study began, went a step on, or ended."""
        self._bus.publish(wire_events.TuningChanged(tuning=now))

    def bench_changed(self, now: BenchNow) -> None:
        """A benchmark went a step on, or ended."""
        self._bus.publish(wire_events.BenchChanged(bench=now))

    # ---- of models.conf ----

    @_survived
    def config_changed(self, config: wire.ConfigInfo, changes: Changes | None = None) -> None:
        """`changes`: what is new; None where nothing was taken over, and `config.error` says why."""
        changes = changes or Changes()
        self._bus.publish(
            wire_events.ConfigChanged(
                config=config,
                changed=list(changes.changed),
                added=list(changes.added),
                removed=list(changes.removed),
            )
        )
