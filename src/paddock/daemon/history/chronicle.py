"""What each load was like: written down, measured by its requests, compared with before, judged."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from paddock.api.placement import LoadEntry, Speed, Verdict
from paddock.api.tunings import TRIAL_SUFFIX
from paddock.core.model import Cause, InstanceId, ProfileId
from paddock.daemon.clock import Clock, timestamp
from paddock.daemon.faults import Faults
from paddock.daemon.history.case import LoadCase, measured, together
from paddock.daemon.history.observer import Observer
from paddock.daemon.history.prompt_pace import PromptPace
from paddock.daemon.history.store import HistoryStore
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.records import Records
from paddock.llama.output import Timing

_log = logging.getLogger(__name__)
_MOST_WORK = 2_000  # that may wait for a disk that hangs: then what comes is not written down
_WRITE_EVERY = 1.0  # seconds between speeds written for one load: hundreds may come each second
_JUDGE_EVERY = 10.0  # seconds between judgements of one load that only new speeds can change


class VerdictListener(Protocol):
    """Whoever wants to know of verdicts: the daemon."""

    def verdict_reached(self, instance: Instance, verdict: Verdict) -> None:
        """It is another than the last one of this load."""


class Chronicle:
    """Keeps the history, and a verdict on every load. `run` does the writing, in order."""

    def __init__(
        self,
        history: HistoryStore,
        observer: Observer,
        records: Records,
        listener: VerdictListener,
        clock: Clock,
        faults: Faults,
    ) -> None:
        self.history = history
        self._observer, self._records, self._listener = observer, records, listener
        self._clock, self._faults = clock, faults
        self._cases: dict[InstanceId, LoadCase] = {}
        self._work: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self.verdicts: dict[ProfileId, Verdict] = {}  # of the last load of each profile
        self.speeds: dict[ProfileId, Speed] = {}  # last measured
        self._latest: dict[InstanceId, Speed] = {}  # the same of what is loaded
        self._paces: dict[ProfileId, PromptPace] = {}

    # ---- looking up ----

    def verdict_of(self, instance: InstanceId) -> Verdict | None:
        case = self._cases.get(instance)
        return case.verdict if case else None

    def speed_of(self, instance: InstanceId) -> Speed | None:
        """Of its last request that had its devices for itself."""
        return self._latest.get(instance)

    def prompt_speed(self, profile: ProfileId) -> float | None:
        """Tokens/s at which its prompts are read; None where none was measured."""
        pace = self._paces.get(profile)
        return pace.speed if pace else None

    async def recall(self, profiles: Iterable[ProfileId]) -> None:
        """What the history knows of these, for lists before anything is loaded."""
        known = await self.history.last_found()
        for profile in profiles:
            found, speed = known.get(profile, (None, Speed()))
            if found:
                self.verdicts[profile] = found
            if speed.generation or speed.prompt:
                self.speeds[profile] = speed
                self._paces[profile] = PromptPace(speed.prompt)

    # ---- writing ----

    async def run(self) -> None:
        """Write what there is to write, one after another, for ever."""
        while True:
            work = await self._work.get()
            try:
                with self._faults.caught("history"):  # a full disk stops no model
                    await work()
            finally:
                self._work.task_done()

    def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        """After all that waits already; not at all where the disk has been hanging for long."""
        if self._work.qsize() == _MOST_WORK - 1:
            _log.error("the history cannot be written as fast as it happens: the rest is left out")
        if self._work.qsize() < _MOST_WORK:
            self._work.put_nowait(work)

    def write_later(self, work: Callable[[], Awaitable[None]]) -> None:
        """In its turn: of whoever else keeps something in this history."""
        self._do(work)

    async def finish(self) -> None:
        """Return when everything is written down."""
        await self._work.join()

    async def close(self) -> None:
        """Let go of the history."""
        await self.history.close()

    # ---- loads ----

    def load_ended(
        self, instance: Instance, outcome: str, seconds: float, cause: Cause | None
    ) -> None:
        """A load came to its end: `ready`, `failed` or `cancelled`, so many seconds after its start."""
        entry = self._observer.entry(instance, outcome, seconds, cause)
        if outcome == "ready":
            case = self._open(instance)
            self._do(lambda: self._begin(case, entry))
            self._do(lambda: self._compare(case))
        else:
            self._do(lambda: self._write(entry))

    def adopted(self, instance: Instance) -> None:
        """A ready instance of an earlier daemon: its load is in the history already."""
        if instance.id in self._cases:
            return  # it was still loading then, and its load has just ended
        case = self._open(instance)
        case.load_id = instance.record.load_id
        self._do(lambda: self._compare(case))

    def _open(self, instance: Instance) -> LoadCase:
        case = self._cases[instance.id] = self._observer.case(instance)
        return case

    def ended(self, instance: InstanceId) -> None:
        self._cases.pop(instance, None)
        self._latest.pop(instance, None)

    async def _write(self, entry: LoadEntry) -> None:
        await self.history.add_load(entry)

    async def _begin(self, case: LoadCase, entry: LoadEntry) -> None:
        record = case.instance.record
        case.load_id = record.load_id = await self.history.add_load(entry) or None
        if not record.ended:
            self._records.save(record)

    async def _compare(self, case: LoadCase) -> None:
        record = case.instance.record
        if not record.profile.endswith(TRIAL_SUFFIX):  # each trial is to differ from the last
            case.last = await self.history.last_ready(record.profile, before=case.load_id)
        case.comparable = await self.history.comparable(
            record.profile,
            record.recipe or record.fingerprint,
            record.engine_version,
            case.load.devices,
            before=case.load_id,
        )
        await self._judge(case)

    # ---- speeds ----

    def began(self, instance: InstanceId) -> None:
        """A request begins. Those that it overlaps may be over when its speed is known."""
        for case in self._cases.values():
            if not self._observer.is_alone(case.instance):
                case.is_crowded = True
            elif case.instance.id == instance:
                case.is_crowded = False
                if case.needs_look(now := self._clock.now()):
                    case.asked(now, self._observer.waited(case.instance))

    def timed(
        self, instance: Instance, prompt: Timing | None, answer: Timing, *, is_probe: bool
    ) -> Speed | None:
        """A request has ended: the speeds as they are now known, None where it says nothing of them.

        It was too short, or others worked beside it. What the history leaves out is shown nowhere.
        """
        case, speed = self._cases.get(instance.id), measured(prompt, answer)
        if (case and case.is_crowded) or not self._observer.is_alone(instance):
            if case and speed:
                case.was_shared = True
            return None
        if speed is None:
            return None
        if case:
            self._measured(case, speed, prompt, answer, is_probe=is_probe)
        latest = together(self._latest.get(instance.id), speed)
        self.speeds[instance.profile] = self._latest[instance.id] = latest
        return latest

    def _measured(
        self, case: LoadCase, speed: Speed, prompt: Timing | None, answer: Timing, *, is_probe: bool
    ) -> None:
        now = self._clock.now()
        waited = self._observer.waited(case.instance) if case.needs_look(now) else None
        case.take(speed, now, waited)
        if prompt and speed.prompt:
            self._paces.setdefault(case.instance.profile, PromptPace()).note(prompt)
        self._note(case, speed, prompt, answer, is_probe=is_probe)

    def _note(
        self, case: LoadCase, speed: Speed, prompt: Timing | None, answer: Timing, *, is_probe: bool
    ) -> None:
        """Write it and judge anew, but neither for each of many."""
        now = self._clock.now()
        if now - case.written_at >= _WRITE_EVERY:
            case.written_at = now
            tokens = prompt.tokens if prompt else 0
            self._do(
                lambda: self._write_speed(case, speed, tokens, answer.tokens, is_probe=is_probe)
            )
        if now - case.judged_at >= _JUDGE_EVERY:
            case.judged_at = now
            self._do(lambda: self._judge(case))

    async def _write_speed(
        self, case: LoadCase, speed: Speed, prompt: int, generated: int, *, is_probe: bool
    ) -> None:
        if case.load_id is not None:
            await self.history.add_speed(
                case.load_id,
                at=timestamp(),
                prompt=speed.prompt,
                generation=speed.generation,
                prompt_tokens=prompt,
                generated_tokens=generated,
                source="probe" if is_probe else "traffic",
            )

    # ---- judging ----

    async def _judge(self, case: LoadCase) -> None:
        instance = case.instance
        if self._cases.get(instance.id) is not case:
            return  # it has ended meanwhile
        self._observer.note_throttling(case)
        found = case.judged(self._observer.swapped(case))
        if found == case.verdict:
            return
        is_news = case.verdict is None or case.verdict.state != found.state
        case.verdict = self.verdicts[instance.profile] = found
        if is_news:
            reasons = "; ".join(reason.message for reason in found.reasons)
            _log.info("%s is %s%s", instance.id, found.state, f": {reasons}" if reasons else "")
        self._listener.verdict_reached(instance, found)
        if case.load_id is not None:
            await self.history.set_verdict(case.load_id, found)
