"""One live llama-server: its record, its phase, what it reported, and where it is reached."""

import asyncio
from datetime import UTC, datetime
from signal import SIGKILL
from typing import Protocol

from paddock.core.model import Cause, InstanceId, ProfileId
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.endings import hung
from paddock.daemon.instances.endpoint import Endpoint
from paddock.daemon.instances.load_report import LoadReport
from paddock.daemon.instances.output import Output
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.slot_store import SlotStore
from paddock.daemon.instances.stop_order import StopOrder
from paddock.daemon.instances.timings import Timings
from paddock.llama.output import (
    TaskLine,
    Timing,
    parse_state,
)
from paddock.llama.placement_log import PlacementReader
from paddock.llama.process import Child
from paddock.llama.samplers import samplers_in

_SILENT_AT_FIRST = 30.0  # seconds in which a starting server need not listen yet (CUDA's start)


class Listener(Protocol):
    """Whoever wants to know about an instance: the daemon."""

    def phase_changed(self, instance: "Instance") -> None: ...
    def progressed(self, instance: "Instance") -> None: ...
    def saving_changed(self, instance: "Instance") -> None: ...
    def got_ready(self, instance: "Instance") -> None:
        """It serves from now on."""

    def taken_over(self, instance: "Instance") -> None:
        """It served already when this daemon began."""

    def task_reported(self, instance: "Instance", line: TaskLine) -> None: ...
    def request_timed(
        self, instance: "Instance", prompt: Timing | None, answer: Timing
    ) -> None: ...
    def ended(self, instance: "Instance", cause: Cause | None) -> None: ...


class Instance:
    """All that is known of one. What happens to it goes to its listener; `life.Life` runs it."""

    def __init__(
        self,
        record: Record,
        records: Records,
        listener: Listener,
        slots: SlotStore | None,
        *,
        log_limit: int,
        faults: Faults,
        clock: Clock,
    ) -> None:
        self.id = InstanceId(record.instance)
        self.profile = ProfileId(record.profile)
        self.record = record
        self.phase: ph.Phase = ph.Starting()
        self.phase_since = clock.now()
        self.started_at = clock.now()
        self.adopted = False
        self.child: Child | None = None
        self.mib_done: int | None = None
        self._records, self._listener, self._clock = records, listener, clock
        self._faults = faults
        self.output = Output(records.plumbing(record.number), log_limit=log_limit)
        self.report = LoadReport(record.replay, record.load_mode, record.argv)
        self.timings = Timings()
        # Its plan's flags do not serve: the memory is another, or they place it otherwise than fit chose.
        self.must_search = False
        self.is_early = False  # its process was begun before its turn
        self.failed_early = False  # and it failed before it was ready: once more, in its turn
        self.restored_tokens = 0
        self.refusal = ""  # llama.cpp's words, where it ended because it cannot load a file
        self.is_saving = False
        self.is_restoring = False  # it reads back what its predecessor saved, and serves after that
        self.slots = slots  # None: nothing is kept of what it reads
        self.order = StopOrder()
        self.exited = asyncio.Event()  # once the scheduler knows
        self._endpoint: Endpoint | None = None

    # ---- what others may look at ----

    @property
    def phase_name(self) -> ph.Name:
        return ph.name(self.phase)

    @property
    def placement(self) -> PlacementReader:
        """Where it lies, as its log says it."""
        return self.report.reader

    @property
    def n_ctx(self) -> int | None:
        """Tokens of its context; None: it has not reported them yet."""
        return self.report.n_ctx

    @property
    def log_offset(self) -> int:
        """How much of its log was read."""
        return self.output.offset

    @property
    def is_placed(self) -> bool:
        """Whether its log says where it lies."""
        return bool(self.report.placement.buffers)

    @property
    def goes_on(self) -> bool:
        """Whether its load goes on with another process."""
        return self.must_search or self.failed_early

    @property
    def endpoint(self) -> Endpoint:
        if self._endpoint is None:
            own = samplers_in(self.record.argv)
            self._endpoint = Endpoint(self.id, self.profile, self.record.socket, own)
        return self._endpoint

    # ---- orders ----

    def stop(self, why: str) -> None:
        """End it: our connections to it first, as it waits for open requests for ever."""
        self.order.stop(why)

    def end_hung(self, seconds: float) -> None:
        """It gave no sign of life for so long: kill it, as it would not obey."""
        self.order.end_hung(hung(self.profile, seconds, list(self.output.tail)))

    def note_rest_over(self, *, leaves: bool) -> None:
        """It is asked something, or leaves for another."""
        if self.slots:
            self.slots.rhythm.note_end(self._clock.now(), leaves=leaves)

    def kill(self) -> None:
        """The last resort, where its run can no longer end it."""
        if self.child:
            self.child.signal(SIGKILL)

    # ---- taking over from an earlier daemon ----

    async def catch_up(self) -> None:
        """Read what it wrote before this daemon; its old requests are not counted."""
        self.adopted = True
        self.report.speaks_protocol = self.record.speaks_protocol
        known = self.record.placement  # its lines may have been trimmed from the log long ago
        async for line in self.output.past_log_lines(ends_only=known is not None):
            self.report.read_log(line)
        for line in self.output.past_state_lines():
            if state := parse_state(line):
                self.report.read_past_state(state)
        self.report.recall(known)

    def may_be_silent(self) -> bool:
        """Whether it may simply not listen yet: it has never been ready, and was started a moment ago."""
        if self.record.load_seconds is not None:
            return False
        age = datetime.now(UTC) - datetime.fromisoformat(self.record.created)
        return age.total_seconds() < _SILENT_AT_FIRST

    def note_ready(self) -> None:
        """It answers already."""
        self.phase = ph.Ready()

    # ---- what its life does ----

    async def hang_up(self) -> None:
        """Close our connections to it, and with them whatever it still serves."""
        if self._endpoint is not None:
            endpoint, self._endpoint = self._endpoint, None
            hang = self.order.hang
            await endpoint.hang_up(self.order.why, hung=hang.message if hang else "")

    def move(self, phase: ph.Phase) -> None:
        """It is in this phase now, if that may follow the one before."""
        if phase == self.phase or not ph.may_follow(self.phase, phase):
            return
        before, self.phase = self.phase, phase
        if type(phase) is type(before):
            self._listener.progressed(self)
            return
        self.phase_since = self._clock.now()
        self._listener.phase_changed(self)

    def save_record(self) -> None:
        """Write it down. Where that fails, the next daemon searches for it; this instance goes on."""
        with self._faults.caught("records"):
            self._records.save(self.record)
