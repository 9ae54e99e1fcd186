"""What follows from what happens to an instance: each part that keeps something of it is informed,
then it is published."""

from contextlib import suppress

from paddock.core import events as ev
from paddock.core.model import Cause
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.activity.requests import Requests
from paddock.daemon.activity.switches import Switches
from paddock.daemon.activity.tuning_book import TuningBook
from paddock.daemon.faults import Faults
from paddock.daemon.history.chronicle import Chronicle
from paddock.daemon.history.probes import Probes
from paddock.daemon.history.switch_log import SwitchLog
from paddock.daemon.instances.instance import Instance
from paddock.daemon.loop import Loop
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.reports.publisher import Publisher
from paddock.errors import UnknownModel
from paddock.llama.output import TaskLine, Timing


class Aftermath:
    """The listener of every instance (`instance.Listener`)."""

    def __init__(
        self,
        loop: Loop,
        roster: Roster,
        flaws: Flaws,
        publisher: Publisher,
        chronicle: Chronicle,
        switches: Switches,
        switch_log: SwitchLog,
        probes: Probes,
        requests: Requests,
        metrics: Metrics,
        sampler: Sampler,
        tuning_book: TuningBook,
        faults: Faults,
    ) -> None:
        self._loop, self._roster, self._flaws = loop, roster, flaws
        self._publisher, self._chronicle, self._probes = publisher, chronicle, probes
        self._requests, self._metrics, self._sampler = requests, metrics, sampler
        self._switches, self._switch_log = switches, switch_log
        self._tuning_book, self._faults = tuning_book, faults

    def phase_changed(self, instance: Instance) -> None:
        if not instance.adopted:
            self._note_tied(instance)
        self._switches.look()
        self._publisher.phase_changed(instance)

    def _note_tied(self, instance: Instance) -> None:
        """What no log says of where it lies: the header of its file, once that was read."""
        with self._faults.caught("memory"), suppress(UnknownModel):
            profile = self._roster.version(instance.profile, instance.record.fingerprint)
            if facts := self._roster.facts(profile):
                instance.placement.note_tied(facts.tied_bytes / 2**20)

    def progressed(self, instance: Instance) -> None:
        self._switches.look()
        self._publisher.progressed(instance)

    def saving_changed(self, _: Instance) -> None:
        self._switches.look()
        self._publisher.queue_changed()  # for whoever waits for its room, that is another stage

    def got_ready(self, instance: Instance) -> None:
        self._loop.feed(ev.BecameReady(instance.id))  # first: others wait for that
        with self._faults.caught("aftermath"):
            self._flaws.forget(instance.record.fingerprint)
            self._tuning_book.note_loaded(str(instance.profile))
            with self._faults.caught("memory"):
                self._sampler.learn(instance)
            self.taken_over(instance)

    def taken_over(self, instance: Instance) -> None:
        """See what it really holds, and how fast it is."""
        with self._faults.caught("memory"):
            self._sampler.measure()
        if instance.adopted:
            self._chronicle.adopted(instance)
        else:
            self._probes.arm(instance)

    def task_reported(self, instance: Instance, line: TaskLine) -> None:
        self._probes.note_task(instance.id)
        with self._faults.caught("activity"):
            self._requests.hear(instance.id, line)
            if not self._probes.is_probing(instance.id):
                self._switch_log.note_task(instance.id, line)

    def request_timed(self, instance: Instance, prompt: Timing | None, answer: Timing) -> None:
        tokens = prompt.tokens if prompt else 0
        is_probe = self._probes.is_probing(instance.id)
        with self._faults.caught("activity"):
            if not is_probe:
                self._metrics.tokens(instance.profile, prompt=tokens, generated=answer.tokens)
                self._switch_log.timed(instance.id, instance.profile, prompt)
            speed = self._chronicle.timed(instance, prompt, answer, is_probe=is_probe)
            if speed:
                self._publisher.speed_measured(instance, speed, tokens, answer.tokens)

    def ended(self, instance: Instance, cause: Cause | None) -> None:
        self._chronicle.ended(instance.id)
        self._switch_log.gone(instance.id)
        self._probes.forget(instance.id)
        self._publisher.ended(instance, cause)
