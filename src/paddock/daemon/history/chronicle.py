"""What each load was like: written down, measured by its requests, compared with before, judged."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from paddock.api.placement import LoadEntry, Plan, Speed, Verdict
from paddock.config.profile import Profile
from paddock.core.books import Serving
from paddock.core.model import HOST, Cause, DeviceId, InstanceId, ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.clock import Clock, timestamp
from paddock.daemon.faults import Faults
from paddock.daemon.history.store import History
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.records import Records
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.plans import Plans
from paddock.daemon.profiles.roster import Roster
from paddock.llama.output import Timing
from paddock.placement.devices import held_by, ids_of
from paddock.placement.sizes import streams_of
from paddock.placement.verify import Load, Pace, verdict

_log = logging.getLogger(__name__)
# A shorter answer or prompt tells more of its start than of the speed.
_LEAST_GENERATED, _LEAST_PROMPT = 24, 128  # tokens
_SAMPLES = 50  # the last ones count
_MOST_WORK = 2_000  # that may wait for a disk that hangs: then what comes is not written down
_WRITE_EVERY = 1.0  # seconds between speeds written for one load: hundreds may come each second
_JUDGE_EVERY = 10.0  # seconds between judgements of one load that only new speeds can change


@dataclass(slots=True)
class _Case:
    """One load under observation."""

    instance: Instance
    load: Load
    plan: Plan | None
    expected: float | None  # the profile's SPEED, tokens/s
    load_id: int | None = None
    last: LoadEntry | None = None
    comparable: list[LoadEntry] = field(default_factory=list)
    generation: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    prompt: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    throttled: set[str] = field(default_factory=set)
    swapped_before: int | None = None  # the machine's counter of pages when it got ready
    was_shared: bool = False
    is_crowded: bool = False  # since its requests began, others work on its devices too
    written_at: float = float("-inf")
    judged_at: float = float("-inf")
    verdict: Verdict | None = None


class Listener(Protocol):
    """Whoever wants to know of verdicts: the daemon."""

    def verdict_reached(self, instance: Instance, verdict: Verdict) -> None:
        """It is another than the last one of this load."""


class Chronicle:
    """Keeps the history, and a verdict on every load. `run` does the writing, in order."""

    def __init__(
        self,
        history: History,
        ledger: Ledger,
        scheduler: Scheduler,
        records: Records,
        roster: Roster,
        plans: Plans,
        listener: Listener,
        clock: Clock,
        faults: Faults,
    ) -> None:
        self.history = history
        self._ledger, self._scheduler, self._records = ledger, scheduler, records
        self._roster, self._plans, self._listener = roster, plans, listener
        self._clock, self._faults = clock, faults
        self._cases: dict[InstanceId, _Case] = {}
        self._work: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self.verdicts: dict[ProfileId, Verdict] = {}  # of the last load of each profile
        self.speeds: dict[ProfileId, Speed] = {}  # last measured

    # ---- looking up ----

    def verdict_of(self, instance: InstanceId) -> Verdict | None:
        case = self._cases.get(instance)
        return case.verdict if case else None

    async def recall(self, profiles: Iterable[ProfileId]) -> None:
        """What the history knows of these, for lists before anything is loaded."""
        known = await self.history.last_found()
        for profile in profiles:
            found, speed = known.get(profile, (None, Speed()))
            if found:
                self.verdicts[profile] = found
            if speed.generation or speed.prompt:
                self.speeds[profile] = speed

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
        entry = self._entry(instance, outcome, seconds, cause)
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

    def ended(self, instance: InstanceId) -> None:
        self._cases.pop(instance, None)

    def _entry(
        self, instance: Instance, outcome: str, seconds: float, cause: Cause | None
    ) -> LoadEntry:
        record = instance.record
        return LoadEntry(
            instance=record.instance,
            profile=record.profile,
            fingerprint=record.recipe or record.fingerprint,
            engine=record.engine,
            engine_version=record.engine_version,
            devices=self._ledger.device_set,
            ended_at=timestamp(),
            seconds=seconds,
            outcome=outcome,
            cause=cause.message if cause else "",
            placement=record.placement or instance.placement.placement,
        )

    def _open(self, instance: Instance) -> _Case:
        profile = self._roster.stable.find(instance.profile)
        case = self._cases[instance.id] = _Case(
            instance=instance,
            load=self._load(instance, profile),
            plan=self._plans.engine_plan(instance.record.fingerprint),
            expected=profile.expected_speed if profile else None,
            swapped_before=self._ledger.memory.pages_swapped_in,
        )
        return case

    def _load(self, instance: Instance, profile: Profile | None) -> Load:
        record, reader = instance.record, instance.placement
        placement = reader.placement
        known = self._ledger.readings
        ids = ids_of(list(reader.devices.values()), known)
        readings = {name: known[id_] for name, id_ in ids.items() if id_ in known}
        is_same = profile is not None and profile.fingerprint == record.fingerprint
        own = profile if is_same else None
        return Load(
            profile=record.profile,
            fingerprint=record.recipe or record.fingerprint,
            engine_version=record.engine_version,
            devices=self._ledger.device_set,
            placement=placement,
            ctx_asked=own.ctx_size if own else None,
            streams=streams_of(own) if own else 1,
            has_projector=own is not None and own.mmproj is not None,
            foreign={name: (r.foreign_mib or 0, held_by(r.takers)) for name, r in readings.items()},
            beside={
                name: who for name, r in readings.items() if (who := self._beside(instance, r.id))
            },
        )

    def _beside(self, instance: Instance, device: DeviceId) -> str:
        """Who else of ours lies on this device."""
        others = [x for x in self._scheduler.live.values() if x.id != instance.id]
        return ", ".join(sorted(x.profile for x in others if x.demand.get(device)))

    async def _write(self, entry: LoadEntry) -> None:
        await self.history.add_load(entry)

    async def _begin(self, case: _Case, entry: LoadEntry) -> None:
        record = case.instance.record
        case.load_id = record.load_id = await self.history.add_load(entry) or None
        if not record.ended:
            self._records.save(record)

    async def _compare(self, case: _Case) -> None:
        record = case.instance.record
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
        """A request was let in. Whoever it overlaps may be gone when a speed is told."""
        for case in self._cases.values():
            if not self._is_alone(case.instance):
                case.is_crowded = True
            elif case.instance.id == instance:
                case.is_crowded = False

    def timed(
        self, instance: Instance, prompt: Timing | None, answer: Timing, *, is_probe: bool
    ) -> None:
        """A request has ended."""
        if instance.speed:
            self.speeds[instance.profile] = instance.speed
        case = self._cases.get(instance.id)
        if case is None or (answer.tokens < _LEAST_GENERATED and not _is_long(prompt)):
            return
        if case.is_crowded or not self._is_alone(instance):
            case.was_shared = True
            return
        speed = Speed(
            prompt=prompt.speed if prompt and _is_long(prompt) else None,
            generation=answer.speed if answer.tokens >= _LEAST_GENERATED else None,
        )
        if speed.generation:
            case.generation.append(speed.generation)
        if speed.prompt:
            case.prompt.append(speed.prompt)
        self._note(case, speed, prompt, answer, is_probe=is_probe)

    def _note(
        self, case: _Case, speed: Speed, prompt: Timing | None, answer: Timing, *, is_probe: bool
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
        self, case: _Case, speed: Speed, prompt: int, generated: int, *, is_probe: bool
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

    def _is_alone(self, instance: Instance) -> bool:
        """Whether nobody else works on its devices, and it on nothing else: then the speed is its own."""
        own = self._scheduler.live.get(instance.id)
        if own is None:
            return False
        devices = {d for d, mib in own.demand.items() if mib} - {HOST} or {HOST}
        for live in self._scheduler.live.values():
            limit = 1 if live is own else 0
            works = isinstance(live.state, Serving) and len(live.state.leases) > limit
            loads = live is not own and not isinstance(live.state, Serving)
            if (works or loads) and any(live.demand.get(device) for device in devices):
                return False
        return True

    # ---- judging ----

    async def _judge(self, case: _Case) -> None:
        instance = case.instance
        if self._cases.get(instance.id) is not case:
            return  # it has ended meanwhile
        self._look(case)
        found = verdict(
            case.load,
            case.plan,
            Pace(
                generation=tuple(case.generation),
                prompt=tuple(case.prompt),
                throttled=frozenset(case.throttled),
                pages_swapped_in=self._swapped(case),
                was_shared=case.was_shared,
            ),
            last=case.last,
            comparable=case.comparable,
            expected=case.expected,
        )
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

    def _look(self, case: _Case) -> None:
        """Whether its GPUs are held down just now, as they are right after a request."""
        own = self._scheduler.live.get(case.instance.id)
        if own is None or not case.generation:
            return
        for device, what in self._ledger.telemetry().items():
            if own.demand.get(device):
                case.throttled.update(what.throttled)

    def _swapped(self, case: _Case) -> int:
        """Pages that the machine read from swap since it got ready."""
        now = self._ledger.memory.pages_swapped_in
        return 0 if now is None or case.swapped_before is None else now - case.swapped_before


def _is_long(prompt: Timing | None) -> bool:
    return prompt is not None and prompt.tokens >= _LEAST_PROMPT
