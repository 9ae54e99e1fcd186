"""One instance's run: its process, what it tells, how far its load is, and its end, as one task."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL
from typing import Protocol

from paddock.api.placement import Speed
from paddock.core.model import Cause, InstanceId, ProfileId
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.contexts import SlotStore
from paddock.daemon.instances.endings import CAUSE_LINES, failed, hung, not_started, stalled
from paddock.daemon.instances.endpoint import Endpoint
from paddock.daemon.instances.load_report import LoadReport
from paddock.daemon.instances.output import Output
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.stop_order import StopOrder
from paddock.daemon.instances.timings import Timings
from paddock.llama import client
from paddock.llama.follow import Watch
from paddock.llama.output import (
    StateLine,
    TaskLine,
    Timing,
    parse_server,
    parse_state,
    parse_task,
    parse_timing,
    unloadable,
)
from paddock.llama.placement_log import PlacementReader
from paddock.llama.process import Child
from paddock.llama.vitals import Vitals

_log = logging.getLogger(__name__)
# Seconds between looks at /proc while loading, as nothing tells of memory or bytes: soon at first,
# since a small model is loaded in a moment, then less often.
_FIRST_LOOK, _LOOK_EVERY = 0.04, 0.2
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
    """A live llama-server and all that is known of it. `run` is its life."""

    def __init__(
        self,
        record: Record,
        records: Records,
        listener: Listener,
        *,
        stall_timeout: float,
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
        self._stall_timeout, self._faults = stall_timeout, faults
        self._output = Output(records.plumbing(record.number), log_limit=log_limit)
        self._report = LoadReport()
        self._timings = Timings()
        self.restored_tokens = 0
        self.refusal = ""  # llama.cpp's words, where it ended because it cannot load a file
        self.is_saving = False
        self._slots = SlotStore(Path(record.contexts)) if record.contexts else None
        self._is_loaded = asyncio.Event()  # it would serve, if nothing were to be restored first
        self._order = StopOrder()
        self.exited = asyncio.Event()  # and the scheduler knows
        self._endpoint: Endpoint | None = None

    # ---- what others may look at ----

    @property
    def phase_name(self) -> ph.Name:
        return ph.name(self.phase)

    @property
    def placement(self) -> PlacementReader:
        """Where it lies, as its log says it."""
        return self._report.reader

    @property
    def n_ctx(self) -> int | None:
        """Tokens of its context; None: it has not reported them yet."""
        return self._report.n_ctx

    @property
    def speed(self) -> Speed | None:
        """Of its last request that was long enough."""
        return self._timings.speed

    @property
    def log_offset(self) -> int:
        """How much of its log was read."""
        return self._output.offset

    @property
    def is_placed(self) -> bool:
        """Whether its log says where it lies."""
        return bool(self._report.placement.buffers)

    @property
    def endpoint(self) -> Endpoint:
        if self._endpoint is None:
            self._endpoint = Endpoint(self.id, self.profile, self.record.socket)
        return self._endpoint

    # ---- orders ----

    def stop(self, why: str) -> None:
        """End it: our connections to it first, as it waits for open requests for ever."""
        self._order.stop(why)

    def end_hung(self, seconds: float) -> None:
        """It gave no sign of life for so long: end it, with nothing that it would have to do for that."""
        self._order.end_hung(hung(self.profile, seconds, list(self._output.tail)))

    def kill(self) -> None:
        """The last resort, where its run can no longer end it."""
        if self.child:
            self.child.signal(SIGKILL)

    # ---- taking over from an earlier daemon ----

    async def catch_up(self) -> None:
        """Take over what its files tell from before this daemon; its old requests are not counted."""
        self.adopted = True
        self._report.speaks_protocol = self.record.speaks_protocol
        known = self.record.placement  # its lines may have been trimmed from the log long ago
        async for line in self._output.past_log_lines(ends_only=known is not None):
            self._report.read_log(line)
        for line in self._output.past_state_lines():
            if state := parse_state(line):
                self._report.read_past_state(state)
        self._report.recall(known)

    def is_young(self) -> bool:
        """Whether it may simply not listen yet: it was started less than a moment ago."""
        age = datetime.now(UTC) - datetime.fromisoformat(self.record.created)
        return age.total_seconds() < _SILENT_AT_FIRST

    def note_ready(self) -> None:
        """It answers already."""
        self.phase = ph.Ready()

    async def close(self) -> None:
        """Let go of it without having run it."""
        await self._hang_up()

    # ---- life ----

    async def run(self, start: Callable[[], Child]) -> Cause:
        """Start it (or take it over) and see it through to its end; why it ended.

        Cancelled, it leaves the process alive: the next daemon will take it over.
        """
        try:
            self._output.open()
            self.child = start()
            self._vitals = Vitals(self.record.server or self.child.pid)
        except OSError as error:
            return self._over(not_started(self.record.argv[0], error))
        if not self.adopted:
            self._save_identity(self.child)
        watch = self._output.watch()
        try:
            code = await self._see_through(self.child, watch)
        finally:
            watch.close()
            self.child.close()
            await self._hang_up()
        await self._read_on()
        if rest := self._output.unfinished_line():
            self._hear_log(rest)
        self._output.close()
        with self._faults.caught("records"):
            self._records.close(self.record)
        return self._over(self._why_it_ended(code))

    async def _see_through(self, child: Child, watch: Watch) -> int | None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._listen(watch)),
                group.create_task(self._look(self._vitals)),
                group.create_task(self._probe()),
                group.create_task(self._resume()),
                group.create_task(self._obey(child)),
            ]
            code = await child.wait()
            for helper in helpers:
                helper.cancel()
        child.signal(SIGKILL)  # a wrapper script may have left others behind
        return code

    async def _listen(self, watch: Watch) -> None:
        await self._read_on()
        while True:
            await watch.changed()
            await self._read_on()

    async def _read_on(self) -> None:
        """Read what was written; a flood in pieces, between which others have their turn."""
        self._read_some()
        while self._output.is_behind:
            await asyncio.sleep(0)
            self._read_some()

    def _read_some(self) -> None:
        """Hear what its files say. What cannot be read or understood now is no reason to end it."""
        with self._faults.caught("logs"):
            for line in self._output.log_lines():
                self._hear_log(line)
        with self._faults.caught("states"):
            for line in self._output.state_lines():
                if state := parse_state(line):
                    self._hear_state(state)
                elif server := parse_server(line):
                    self._note_server(server)

    def _note_server(self, pid: int) -> None:
        """Our process only runs it: this is the one to look at."""
        self.record.server = pid
        self._save_record()
        self._vitals.follow(pid)

    def _hear_state(self, state: StateLine) -> None:
        self._report.speaks_protocol = True
        if state.state == "loading":
            for phase in self._report.after_state(self.phase, state):
                self._move(phase)
        elif state.state == "ready":
            self._report.note_context(state.n_ctx)
            self._become_ready()

    def _hear_log(self, line: str) -> None:
        if ph.is_loading(self.phase):
            self._move(self._report.after_log(self.phase, line))
        elif task := parse_task(line):
            self._listener.task_reported(self, task)
        elif (timing := parse_timing(line)) and (both := self._timings.take(timing)):
            self._listener.request_timed(self, *both)

    def _become_ready(self) -> None:
        if not ph.is_loading(self.phase):
            return
        if self.record.load_seconds is None:
            self.record.load_seconds = self._clock.now() - self.started_at
            self.record.placement = self._report.placement
            self.record.speaks_protocol = self._report.speaks_protocol
            self._save_record()
        if self._slots and not self._slots.is_empty:
            self._is_loaded.set()
        else:
            self._serve()

    async def _resume(self) -> None:
        """Give it what its predecessor's slots held, before anybody asks it."""
        await self._is_loaded.wait()
        with self._faults.caught("contexts"):
            if self._slots:
                self.restored_tokens = await self._slots.restore(self.endpoint.session)
                _log.info("%s goes on with %d saved tokens", self.id, self.restored_tokens)
        self._serve()

    def _serve(self) -> None:
        if ph.is_loading(self.phase):
            self._move(ph.Ready())
            self._listener.got_ready(self)

    async def _probe(self) -> None:
        """Ask an engine that does not speak the protocol whether it is ready."""
        pause = 0.05
        while ph.is_loading(self.phase):
            await asyncio.sleep(pause)
            if self._report.speaks_protocol and not self.adopted:
                return
            if await client.health(self.endpoint.session) == "ready":
                self._become_ready()
            pause = min(pause * 1.2, 0.5)

    async def _look(self, vitals: Vitals) -> None:
        """Watch bytes and memory while it loads: progress where it tells none, and signs of life."""
        last_sign, seen_log = self._clock.now(), -1
        pause = _FIRST_LOOK
        while ph.is_loading(self.phase):
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, _LOOK_EVERY)
            if vitals.look() or self._output.offset != seen_log:
                last_sign, seen_log = self._clock.now(), self._output.offset
            self.mib_done = vitals.mib_loaded
            self.phase = self._report.after_look(
                self.phase, mib_done=vitals.mib_loaded, mib_total=self.record.size_mib
            )
            if self._clock.now() - last_sign > self._stall_timeout:
                self._order.end_stalled()
            if ph.is_loading(self.phase):
                self._listener.progressed(self)

    async def _obey(self, child: Child) -> None:
        await self._order.wait()
        serves = isinstance(self.phase, ph.Ready)
        listens = self._report.speaks_protocol and serves
        self._move(ph.Stopping(self._order.why or ""))
        await self._hang_up()
        if self._order.hang:
            self.kill()
            return
        with self._faults.caught("contexts"):
            if serves and self._slots:
                await self._save(self._slots)
        await child.stop(self.record.stop_timeout, by_command=listens)

    async def _save(self, slot_store: SlotStore) -> None:
        self.is_saving = True
        self._listener.saving_changed(self)
        saved = await slot_store.save(self.record.socket, needs=self._report.context_mib)
        _log.info("%d tokens of %s were saved", saved, self.id)
        self.is_saving = False
        self._listener.saving_changed(self)

    async def _hang_up(self) -> None:
        if self._endpoint is not None:
            endpoint, self._endpoint = self._endpoint, None
            hang = self._order.hang
            await endpoint.hang_up(self._order.why, hung=hang.message if hang else "")

    def _move(self, phase: ph.Phase) -> None:
        if phase == self.phase or not ph.may_follow(self.phase, phase):
            return
        before, self.phase = self.phase, phase
        if isinstance(phase, ph.Loading) and isinstance(before, ph.Starting | ph.Fitting):
            self._vitals.rebase()  # what came before was the program itself, and fit's trials
        if type(phase) is type(before):
            self._listener.progressed(self)
            return
        self.phase_since = self._clock.now()
        self._listener.phase_changed(self)

    def _over(self, cause: Cause) -> Cause:
        self._move(ph.Stopped() if self._order.is_meant else ph.Failed(cause))
        return cause

    def _save_identity(self, child: Child) -> None:
        identity = child.identity
        record = self.record
        record.pid, record.started, record.boot = identity.pid, identity.started, identity.boot
        self._save_record()

    def _save_record(self) -> None:
        """A record that cannot be written costs the next daemon a search, never this instance."""
        with self._faults.caught("records"):
            self._records.save(self.record)

    def _why_it_ended(self, code: int | None) -> Cause:
        lines, order = self._output.last_lines(CAUSE_LINES), self._order
        if order.hang:
            return order.hang
        if order.why is not None:
            return Cause("stopped", f"stopped: {order.why}", exit_code=code)
        if order.is_stalled:
            return stalled(self.profile, self._stall_timeout, code, lines)
        if code and code > 0 and self.record.load_seconds is None:
            self.refusal = unloadable(lines)
        return failed(self.profile, self.id, code, lines)
