"""Tells what happens: events on the bus, counts for Prometheus, loads and speeds for the chronicle."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol

from paddock.api import types as wire
from paddock.api.placement import Verdict
from paddock.config.explain import Changes
from paddock.core.effects import SwitchDone
from paddock.core.model import Cause, ProfileId
from paddock.daemon.bus import Bus
from paddock.daemon.chronicle import Chronicle
from paddock.daemon.faults import Faults
from paddock.daemon.instance import Instance
from paddock.daemon.metrics import Metrics
from paddock.daemon.probes import Probes
from paddock.daemon.refusals import as_failure
from paddock.daemon.requests import Requests
from paddock.daemon.switches import Switches
from paddock.daemon.view import View
from paddock.llama.output import TaskLine, Timing

_log = logging.getLogger(__name__)
_Arguments = ParamSpec("_Arguments")


class Queue(Protocol):
    """Who waits: the scheduler."""

    def waiting(self) -> dict[ProfileId, int]: ...


def _survived(
    method: "Callable[Concatenate[Herald, _Arguments], None]",
) -> "Callable[Concatenate[Herald, _Arguments], None]":
    """What cannot be published is noted: whoever had something to publish goes on."""

    @wraps(method)
    def guarded(self: "Herald", /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        with self.faults.caught("publishing"):
            method(self, *args, **kwargs)

    return guarded


class Herald:
    """The one place from which facts go out; it decides nothing."""

    def __init__(
        self,
        bus: Bus,
        metrics: Metrics,
        switches: Switches,
        view: View,
        queue: Queue,
        chronicle: Chronicle,
        probes: Probes,
        requests: Requests,
        faults: Faults,
        clock: Callable[[], float],
    ) -> None:
        self._bus, self._metrics, self._switches = bus, metrics, switches
        self._view, self._queue, self._clock = view, queue, clock
        self._told: dict[ProfileId, int] = {}  # the queue as last told
        self._chronicle, self._probes, self._requests = chronicle, probes, requests
        self.faults = faults

    def _publish(self, event: wire.AnyProfileEvent) -> None:
        """With how things stand after it, so that no reader has to conclude that."""
        event.now = self._view.now(ProfileId(event.profile))
        if event.now.state == "busy":  # that ends without an event: readings have it
            event.now.state = "ready"
        event.current = self._view.current()
        self._bus.publish(event)

    # ---- of instances (daemon.instance.Listener) ----

    @_survived
    def phase_changed(self, instance: Instance) -> None:
        state = self._view.state(instance.profile)
        self._publish(wire.InstanceChanged(instance=self._view.instance(instance), state=state))
        self.progressed(instance)

    @_survived
    def progressed(self, instance: Instance) -> None:
        if instance.profile in self._switches.underway:
            progress = self._switches.progress(instance.profile)
            self._publish(
                wire.SwitchProgress(
                    profile=instance.profile, instance=instance.id, progress=progress
                )
            )

    @_survived
    def saving_changed(self, _: Instance) -> None:
        self.queue_changed()  # whoever waits for its room waits for this

    @_survived
    def task_told(self, instance: Instance, told: TaskLine) -> None:
        self._requests.hear(instance.id, told)

    @_survived
    def request_timed(self, instance: Instance, prompt: Timing | None, answer: Timing) -> None:
        tokens = prompt.tokens if prompt else 0
        is_probe = self._probes.is_probing(instance.id)
        if not is_probe:
            self._metrics.tokens(instance.profile, prompt=tokens, generated=answer.tokens)
        self._chronicle.timed(instance, prompt, answer, is_probe=is_probe)
        if instance.speed:
            self._chronicle.speeds[instance.profile] = instance.speed
            self._bus.publish(
                wire.SpeedMeasured(
                    profile=instance.profile,
                    instance=instance.id,
                    speed=instance.speed,
                    prompt_tokens=tokens,
                    generated_tokens=answer.tokens,
                )
            )

    @_survived
    def verdict_reached(self, instance: Instance, verdict: Verdict) -> None:
        """Whether it lies and runs as it should."""
        self._bus.publish(
            wire.VerdictReached(profile=instance.profile, instance=instance.id, verdict=verdict)
        )

    @_survived
    def ended(self, instance: Instance, cause: Cause | None) -> None:
        """`cause`: why, where it was not meant to."""
        self._chronicle.ended(instance.id)
        self._probes.disturb(instance.id)
        failure = as_failure(cause) if cause else None
        self._publish(
            wire.InstanceEnded(instance=instance.id, profile=instance.profile, failure=failure)
        )

    # ---- of switches ----

    @_survived
    def switch_ended(self, done: SwitchDone, instance: Instance | None) -> None:
        seconds = self._switches.end(done.profile)
        self._metrics.switch_done(done.profile, done.outcome, seconds)
        if instance:
            took = self._clock() - instance.started_at
            if done.outcome == "ready":
                self._switches.expected[instance.profile] = took
            self._chronicle.load_ended(instance, done.outcome, took, done.cause)
        self._publish(
            wire.SwitchEnded(
                profile=done.profile,
                outcome=done.outcome,
                seconds=round(seconds, 3),
                instance=done.instance,
                restored=list(done.restoring),
                failure=as_failure(done.cause) if done.cause else None,
            )
        )
        _log.info("switch to %s: %s after %.2f s", done.profile, done.outcome, seconds)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody waits and no switch is under way: then `queue_changed` has nothing to tell."""
        return not self._told and not self._switches.underway

    @_survived
    def queue_changed(self) -> None:
        """Tell what changed for those who wait: how many they are, and for whom they wait."""
        before, self._told = self._told, self._queue.waiting()
        self._switches.abandon(set(self._told))
        for profile in {**before, **self._told}:
            if before.get(profile) != self._told.get(profile):
                waiting = self._told.get(profile, 0)
                self._publish(wire.QueueChanged(profile=profile, waiting=waiting))
        for profile in self._switches.underway:
            if progress := self._switches.changed(profile):
                self._publish(wire.SwitchProgress(profile=profile, progress=progress))

    # ---- of models.conf ----

    @_survived
    def config_changed(self, config: wire.ConfigInfo, changes: Changes | None = None) -> None:
        """`changes`: what is new in force; None where nothing is, and `config.error` says why."""
        changes = changes or Changes()
        self._metrics.forget(changes.removed)
        self._view.forget((*changes.removed, *changes.changed))
        self._bus.publish(
            wire.ConfigChanged(
                config=config,
                changed=list(changes.changed),
                added=list(changes.added),
                removed=list(changes.removed),
            )
        )
