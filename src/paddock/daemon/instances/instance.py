"""One instance's run: its process, what it tells, how far its load is, and its end, as one task."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL
from typing import Protocol

from paddock import excerpt
from paddock.api.placement import Speed
from paddock.core.model import Cause, InstanceId, ProfileId
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.contexts import SlotStore
from paddock.daemon.instances.endings import TOLD_LINES, failed, hung, not_started, stalled
from paddock.daemon.instances.endpoint import Endpoint
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.stages import Stages
from paddock.llama import client
from paddock.llama.follow import LineFile, Watch, last_lines
from paddock.llama.output import (
    StateLine,
    TaskLine,
    Timing,
    load_hint,
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
_TAIL_LINES, _TAIL = 200, 64_000  # of its log, to say why it ended: at most so many, and characters
_STATE_LIMIT = 1 << 20  # bytes: its standard output, which nobody reads again
# Bytes of the beginning and of the end of the log of one that is taken over: where it lies, how it is.
_HEAD, _END = 1 << 20, 1 << 16


class Listener(Protocol):
    """Whoever wants to know about an instance: the daemon."""

    def phase_changed(self, instance: "Instance") -> None: ...
    def progressed(self, instance: "Instance") -> None: ...
    def saving_changed(self, instance: "Instance") -> None: ...
    def got_ready(self, instance: "Instance") -> None: ...
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
        self.speed: Speed | None = None
        self.n_ctx: int | None = None
        self.child: Child | None = None
        self.mib_done: int | None = None
        self._records, self._listener, self._clock = records, listener, clock
        self._stall_timeout, self._faults = stall_timeout, faults
        plumbing = records.plumbing(record.number)
        self._state_file = LineFile(plumbing.state, limit=_STATE_LIMIT)
        self._log_file = LineFile(plumbing.log, limit=log_limit)
        self._tail = excerpt.LogTail(_TAIL_LINES, _TAIL)
        self._placement = PlacementReader()
        self._stages = Stages()
        self._prompts: dict[int, Timing] = {}  # by task, until its generation's line comes
        self._speaks_protocol = False
        self.restored_tokens = 0
        self.refusal = ""  # llama.cpp's words, where it ended because it cannot load a file
        self.is_saving = False
        self._slots = SlotStore(Path(record.contexts)) if record.contexts else None
        self._is_loaded = asyncio.Event()  # it would serve, if nothing were to be restored first
        self._stop_why: str | None = None
        self._told_to_stop = asyncio.Event()
        self.exited = asyncio.Event()  # and the scheduler knows
        self._stalled = False
        self._hung: Cause | None = None
        self._endpoint: Endpoint | None = None

    # ---- what others may look at ----

    @property
    def phase_name(self) -> ph.Name:
        return ph.name(self.phase)

    @property
    def placement(self) -> PlacementReader:
        return self._placement

    @property
    def log_offset(self) -> int:
        """How much of its log was read."""
        return self._log_file.offset

    @property
    def is_placed(self) -> bool:
        """Whether its log told where it lies."""
        return bool(self._placement.placement.buffers)

    @property
    def endpoint(self) -> Endpoint:
        if self._endpoint is None:
            self._endpoint = Endpoint(self.id, self.profile, self.record.socket)
        return self._endpoint

    @property
    def log_paths(self) -> list[Path]:
        path = self._log_file.path
        return [path.with_name("log.1"), path]

    # ---- orders ----

    def stop(self, why: str) -> None:
        """End it: our connections to it first, as it waits for open requests for ever."""
        self._stop_why = why
        self._told_to_stop.set()

    def end_hung(self, seconds: float) -> None:
        """It gave no sign of life for so long: end it, with nothing that it would have to do for that."""
        self._hung = hung(self.profile, seconds, list(self._tail))
        self._told_to_stop.set()

    def kill(self) -> None:
        """The last resort, where its run can no longer end it."""
        if self.child:
            self.child.signal(SIGKILL)

    # ---- taking over from an earlier daemon ----

    async def catch_up(self) -> None:
        """Take over what its files tell from before this daemon; its old requests are not counted."""
        self.adopted = True
        self._speaks_protocol = self.record.speaks_protocol
        if self.record.placement:
            self.n_ctx = self.record.placement.n_ctx
        async for line in self._past_lines():
            self._tail.append(line)
            self._read_placement(line)
        for line in self._state_file.read_all():
            if state := parse_state(line):
                self._speaks_protocol = True
                self.n_ctx = state.n_ctx or self.n_ctx
        if self.record.placement:  # its lines may have been trimmed from the log long ago
            self._placement.placement = self.record.placement
        self._note_context(self.n_ctx)

    async def _past_lines(self) -> AsyncIterator[str]:
        """Of one that was ready long ago, only the beginning and the end; others have turns meanwhile."""
        is_behind = True
        while is_behind:
            for line in self._log_file.read():
                yield line
            is_behind = self._log_file.is_behind
            if self.record.placement and self._log_file.offset >= _HEAD:
                self._log_file.skip_to_last(_END)
            await asyncio.sleep(0)

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

    async def run(self, start: Callable[[], Child], *, ready: Callable[[], None]) -> Cause:
        """Start it (or take it over) and see it through to its end; why it ended.

        `ready` is called once, when it can serve. Cancelled, it leaves the process alive: the next
        daemon will take it over.
        """
        try:
            self._log_file.open()  # while there are descriptors: a model is no reason to lack any
            self._state_file.open()
            self.child = start()
            self._vitals = Vitals(self.record.server or self.child.pid)
        except OSError as error:
            return self._over(not_started(self.record.argv[0], error))
        if not self.adopted:
            self._save_identity(self.child)
        watch = Watch(self._state_file.path, self._log_file.path)
        try:
            code = await self._see_through(self.child, watch, ready)
        finally:
            watch.close()
            self.child.close()
            await self._hang_up()
        await self._read_on(ready)
        if rest := self._log_file.rest():
            self._hear_log(rest)
        self._log_file.close()
        self._state_file.close()
        with self._faults.caught("records"):
            self._records.close(self.record)
        return self._over(self._why_it_ended(code))

    async def _see_through(
        self, child: Child, watch: Watch, ready: Callable[[], None]
    ) -> int | None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._listen(watch, ready)),
                group.create_task(self._look(self._vitals)),
                group.create_task(self._probe(ready)),
                group.create_task(self._resume(ready)),
                group.create_task(self._obey(child)),
            ]
            code = await child.wait()
            for helper in helpers:
                helper.cancel()
        child.signal(SIGKILL)  # a wrapper script may have left others behind
        return code

    async def _listen(self, watch: Watch, ready: Callable[[], None]) -> None:
        await self._read_on(ready)
        while True:
            await watch.changed()
            await self._read_on(ready)

    async def _read_on(self, ready: Callable[[], None]) -> None:
        """Read what was written; a flood in pieces, between which others have their turn."""
        self._read_some(ready)
        while self._log_file.is_behind or self._state_file.is_behind:
            await asyncio.sleep(0)
            self._read_some(ready)

    def _read_some(self, ready: Callable[[], None]) -> None:
        """Hear what its files say. What cannot be read or understood now is no reason to end it."""
        with self._faults.caught("logs"):
            for line in self._log_file.read():
                self._hear_log(line)
        with self._faults.caught("states"):
            for line in self._state_file.read():
                if state := parse_state(line):
                    self._hear_state(state, ready)
                elif server := parse_server(line):
                    self._note_server(server)

    def _note_server(self, pid: int) -> None:
        """Our process only runs it: this is the one to look at."""
        self.record.server = pid
        self._save_record()
        self._vitals.follow(pid)

    def _hear_state(self, state: StateLine, ready: Callable[[], None]) -> None:
        self._speaks_protocol = True
        if state.state == "loading":
            after = self._stages.after_state(self.phase, state)
            if isinstance(after, ph.Warming) and isinstance(self.phase, ph.Starting | ph.Fitting):
                self._move(ph.Loading(state.part, 1.0))  # the log tells of its begin too late
            self._move(after)
        elif state.state == "ready":
            self._note_context(state.n_ctx)
            self._become_ready(ready)

    def _hear_log(self, line: str) -> None:
        self._tail.append(line)
        if ph.is_loading(self.phase):
            self._read_placement(line)
            self._move(self._stages.after_hint(self.phase, load_hint(line)))
        elif task := parse_task(line):
            self._listener.task_reported(self, task)
        elif timing := parse_timing(line):
            self._note_timing(timing)

    def _read_placement(self, line: str) -> None:
        self._placement.feed(line)
        self._note_context(self.n_ctx)

    def _note_context(self, tokens: int | None) -> None:
        """The server's own word on its context's size counts more than what its log says of it."""
        self.n_ctx = tokens
        if tokens:
            self._placement.placement.n_ctx = tokens

    def _note_timing(self, timing: Timing) -> None:
        if timing.kind == "prompt":
            if len(self._prompts) > 64:  # their generations never came: cancelled requests
                self._prompts.clear()
            self._prompts[timing.task] = timing
            return
        prompt = self._prompts.pop(timing.task, None)
        if timing.speed is not None:  # an answer of one token tells no speed
            self.speed = Speed(prompt=prompt.speed if prompt else None, generation=timing.speed)
        self._listener.request_timed(self, prompt, timing)

    def _become_ready(self, ready: Callable[[], None]) -> None:
        if not ph.is_loading(self.phase):
            return
        if self.record.load_seconds is None:
            self.record.load_seconds = self._clock.now() - self.started_at
            self.record.placement = self._placement.placement
            self.record.speaks_protocol = self._speaks_protocol
            self._save_record()
        if self._slots and not self._slots.is_empty:
            self._is_loaded.set()
        else:
            self._serve(ready)

    async def _resume(self, ready: Callable[[], None]) -> None:
        """Give it what its predecessor's slots held, before anybody asks it."""
        await self._is_loaded.wait()
        with self._faults.caught("contexts"):
            if self._slots:
                self.restored_tokens = await self._slots.restore(self.endpoint.session)
                _log.info("%s goes on with %d saved tokens", self.id, self.restored_tokens)
        self._serve(ready)

    def _serve(self, ready: Callable[[], None]) -> None:
        if ph.is_loading(self.phase):
            self._move(ph.Ready())
            ready()

    async def _probe(self, ready: Callable[[], None]) -> None:
        """Ask an engine that does not speak the protocol whether it is ready."""
        pause = 0.05
        while ph.is_loading(self.phase):
            await asyncio.sleep(pause)
            if self._speaks_protocol and not self.adopted:
                return
            if await client.health(self.endpoint.session) == "ready":
                self._become_ready(ready)
            pause = min(pause * 1.2, 0.5)

    async def _look(self, vitals: Vitals) -> None:
        """Watch bytes and memory while it loads: progress where it tells none, and signs of life."""
        last_sign, seen_log = self._clock.now(), -1
        pause = _FIRST_LOOK
        while ph.is_loading(self.phase):
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, _LOOK_EVERY)
            if vitals.look() or self._log_file.offset != seen_log:
                last_sign, seen_log = self._clock.now(), self._log_file.offset
            self.mib_done = vitals.mib_loaded
            self.phase = self._stages.after_look(
                self.phase, mib_done=vitals.mib_loaded, mib_total=self.record.size_mib
            )
            if self._clock.now() - last_sign > self._stall_timeout:
                self._stalled = True
                self._told_to_stop.set()
            if ph.is_loading(self.phase):
                self._listener.progressed(self)

    async def _obey(self, child: Child) -> None:
        await self._told_to_stop.wait()
        serves = isinstance(self.phase, ph.Ready)
        listens = self._speaks_protocol and serves
        self._move(ph.Stopping(self._stop_why or ""))
        await self._hang_up()
        if self._hung:
            self.kill()
            return
        with self._faults.caught("contexts"):
            if serves and self._slots:
                await self._save(self._slots)
        await child.stop(self.record.stop_timeout, by_command=listens)

    async def _save(self, slot_store: SlotStore) -> None:
        self.is_saving = True
        self._listener.saving_changed(self)
        saved = await slot_store.save(self.record.socket, needs=self._context_mib)
        _log.info("%d tokens of %s were saved", saved, self.id)
        self.is_saving = False
        self._listener.saving_changed(self)

    @property
    def _context_mib(self) -> float:
        return sum(b.mib for b in self._placement.placement.buffers if b.kind == "context")

    async def _hang_up(self) -> None:
        if self._endpoint is not None:
            endpoint, self._endpoint = self._endpoint, None
            hung = self._hung.message if self._hung else ""
            await endpoint.hang_up(self._stop_why, hung=hung)

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
        meant = self._stop_why is not None and not self._stalled
        self._move(ph.Stopped() if meant else ph.Failed(cause))
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
        lines = list(self._tail) or last_lines(self.log_paths, TOLD_LINES)
        if self._hung:
            return self._hung
        if self._stop_why is not None:
            return Cause("stopped", f"stopped: {self._stop_why}", exit_code=code)
        if self._stalled:
            return stalled(self.profile, self._stall_timeout, code, lines)
        if code and code > 0 and self.record.load_seconds is None:
            self.refusal = unloadable(lines)
        return failed(self.profile, self.id, code, lines)
