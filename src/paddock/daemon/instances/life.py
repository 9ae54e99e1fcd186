"""One instance's run: its process from the start to the end, as one task."""

import asyncio
import logging
from collections.abc import Callable
from signal import SIGKILL

from paddock.core.model import Cause
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.endings import CAUSE_LINES, failed, not_started, stalled
from paddock.daemon.instances.instance import Instance, Listener
from paddock.daemon.instances.records import Records
from paddock.daemon.instances.slot_store import SlotStore
from paddock.llama import client
from paddock.llama.follow import Watch
from paddock.llama.output import (
    StateLine,
    lacked_memory,
    parse_server,
    parse_state,
    parse_task,
    parse_timing,
    unloadable,
)
from paddock.llama.process import Child
from paddock.llama.vitals import Vitals

_log = logging.getLogger(__name__)
# Seconds between looks at /proc while loading, as nothing reports memory or bytes: soon at first,
# since a small model is loaded in a moment, then less often.
_FIRST_LOOK, _LOOK_EVERY = 0.04, 0.2


class Life:
    """Listens to an instance, looks at its process, obeys its stop order. `run` is called once."""

    def __init__(
        self,
        instance: Instance,
        records: Records,
        listener: Listener,
        faults: Faults,
        clock: Clock,
        *,
        stall_timeout: float,
    ) -> None:
        """`stall_timeout`: seconds without a sign of life after which a load is given up."""
        self._instance, self._records, self._listener = instance, records, listener
        self._faults, self._clock, self._stall_timeout = faults, clock, stall_timeout
        self._output, self._report = instance.output, instance.report
        self._order, self._slots = instance.order, instance.slots
        self._given_up = ""  # why its plan's flags do not serve: see `_compare`
        self._is_loaded = asyncio.Event()  # it would serve, if nothing were to be restored first

    async def run(self, start: Callable[[], Child]) -> Cause:
        """Start it (or take it over) and see it through to its end; why it ended.

        Cancelled, it leaves the process alive: the next daemon will take it over.
        """
        try:
            self._output.open()
            self._instance.child = start()
            self._vitals = Vitals(self._instance.record.server or self._instance.child.pid)
        except OSError as error:
            return self._over(not_started(self._instance.record.argv[0], error))
        if not self._instance.adopted:
            self._save_identity(self._instance.child)
        watch = self._output.watch()
        try:
            code = await self._see_through(self._instance.child, watch)
        except Exception:
            self._instance.kill()
            await self._instance.child.wait()  # nobody else would: it stayed in the process table
            raise
        finally:
            watch.close()
            self._instance.child.close()
            await self._instance.hang_up()
        await self._read_on()
        if rest := self._output.unfinished_line():
            self._hear_log(rest)
        self._output.close()
        cause = self._over(self._why_it_ended(code))
        if not self._instance.goes_on:
            with self._faults.caught("records"):
                self._records.close(self._instance.record)
        return cause

    async def _see_through(self, child: Child, watch: Watch) -> int | None:
        keep_running = self._faults.keep_running  # no failing look at it ends it
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(keep_running("logs", lambda: self._listen(watch))),
                group.create_task(keep_running("vitals", lambda: self._look(self._vitals))),
                group.create_task(keep_running("vitals", self._probe)),
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
        self._instance.record.server = pid
        self._instance.save_record()
        self._vitals.follow(pid)

    def _hear_state(self, state: StateLine) -> None:
        self._report.speaks_protocol = True
        if state.state == "loading":
            for phase in self._report.after_state(self._instance.phase, state):
                self._move(phase)
        elif state.state == "ready":
            self._report.note_context(state.n_ctx)
            self._become_ready()

    def _hear_log(self, line: str) -> None:
        if ph.is_loading(self._instance.phase):
            self._move(self._report.after_log(self._instance.phase, line))
            self._compare()
            return
        if self._slots:
            self._slots.hear(line)
        if task := parse_task(line):
            self._listener.task_reported(self._instance, task)
        elif (timing := parse_timing(line)) and (both := self._instance.timings.take(timing)):
            self._listener.request_timed(self._instance, *both)

    def _compare(self) -> None:
        """End a replayed load that lies otherwise than its plan says, or would.

        Where its engine sees less than its plan needs, or far more, it has taken nothing yet.
        """
        instance = self._instance
        if self._given_up or instance.adopted:
            return
        if misfit := self._report.misfit:
            self._given_up = f"not the memory of its plan: {misfit}"
        elif difference := self._report.difference:
            self._given_up = f"not the placement of its plan: {difference}"
        if self._given_up and instance.child:
            instance.child.end_quietly()

    def _become_ready(self) -> None:
        if not ph.is_loading(self._instance.phase) or self._is_loaded.is_set():
            return  # where something is restored, that is waited for, however often it says so
        if self._instance.record.load_seconds is None:
            self._instance.record.load_seconds = self._clock.now() - self._instance.started_at
            self._instance.record.placement = self._report.placement
            self._instance.record.speaks_protocol = self._report.speaks_protocol
            self._instance.record.architecture = self._report.architecture
            self._instance.save_record()
        has_kept = False
        with self._faults.caught("contexts"):  # that it is ready is said once
            has_kept = self._slots is not None and not self._slots.is_empty
        if has_kept:
            self._is_loaded.set()
            self._instance.is_restoring = True
            self._listener.progressed(self._instance)
        else:
            self._serve()

    async def _resume(self) -> None:
        """Give it what its predecessor's slots held, before anybody asks it."""
        await self._is_loaded.wait()
        with self._faults.caught("contexts"):
            if self._slots:
                self._instance.restored_tokens = await self._slots.restore(
                    self._instance.endpoint.session
                )
                _log.info(
                    "%s goes on with %d saved tokens",
                    self._instance.id,
                    self._instance.restored_tokens,
                )
        self._serve()

    def _serve(self) -> None:
        self._instance.is_restoring = False
        if ph.is_loading(self._instance.phase):
            self._move(ph.Ready())
            self._listener.got_ready(self._instance)

    async def _probe(self) -> None:
        """Ask an engine that does not speak the protocol whether it is ready."""
        pause = 0.05
        while ph.is_loading(self._instance.phase):
            await asyncio.sleep(pause)
            if self._report.speaks_protocol and not self._instance.adopted:
                return
            if await client.health(self._instance.endpoint.session) == "ready":
                self._become_ready()
            pause = min(pause * 1.2, 0.5)

    async def _look(self, vitals: Vitals) -> None:
        """Watch bytes and memory while it loads: progress where it reports none, and signs of life."""
        last_sign, seen_log = self._clock.now(), -1
        pause = _FIRST_LOOK
        while ph.is_loading(self._instance.phase):
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, _LOOK_EVERY)
            if vitals.look() or self._output.offset != seen_log:
                last_sign, seen_log = self._clock.now(), self._output.offset
            self._instance.mib_done = vitals.mib_loaded
            self._instance.phase = self._report.after_look(
                self._instance.phase,
                mib_done=vitals.mib_loaded,
                mib_total=self._instance.record.size_mib,
            )
            if self._clock.now() - last_sign > self._stall_timeout:
                self._order.end_stalled()
            if ph.is_loading(self._instance.phase):
                self._listener.progressed(self._instance)

    async def _obey(self, child: Child) -> None:
        await self._order.wait()
        serves = isinstance(self._instance.phase, ph.Ready)
        listens = self._report.speaks_protocol and serves
        self._move(ph.Stopping(self._order.why or ""))
        await self._instance.hang_up()
        if self._order.hang:
            self._instance.kill()
            return
        with self._faults.caught("contexts"):
            if serves and self._slots:
                await self._save(self._slots)
        await child.stop(self._instance.record.stop_timeout, by_command=listens)

    async def _save(self, slot_store: SlotStore) -> None:
        self._instance.is_saving = True
        self._listener.saving_changed(self._instance)
        saved = await slot_store.save(self._instance.record.socket, self._report)
        if saved:
            _log.info("%d tokens of %s were saved", saved, self._instance.id)
        self._instance.is_saving = False
        self._listener.saving_changed(self._instance)

    def _over(self, cause: Cause) -> Cause:
        instance, is_meant = self._instance, self._order.is_meant
        instance.must_search = not is_meant and self._is_to_search(cause)
        instance.failed_early = (
            instance.is_early
            and ph.is_loading(instance.phase)
            and not (is_meant or instance.goes_on)
        )
        if not instance.goes_on:  # see `Supervisor`
            self._move(ph.Stopped() if self._order.is_meant else ph.Failed(cause))
        return cause

    def _is_to_search(self, cause: Cause) -> bool:
        """Whether a load of ours ended because its plan does not hold: fit has to search."""
        instance = self._instance
        was_replayed = instance.record.replay is not None and not instance.adopted
        if not was_replayed or not ph.is_loading(instance.phase):
            return False
        return bool(self._given_up) or lacked_memory(cause.log)

    def _save_identity(self, child: Child) -> None:
        identity = child.identity
        record = self._instance.record
        record.pid, record.started, record.boot = identity.pid, identity.started, identity.boot
        self._instance.save_record()

    def _why_it_ended(self, code: int | None) -> Cause:
        lines, order = self._output.last_lines(CAUSE_LINES), self._order
        if order.hang:
            return order.hang
        if order.why is not None:
            return Cause("stopped", f"stopped: {order.why}", exit_code=code)
        if order.is_stalled:
            return stalled(self._instance.profile, self._stall_timeout, code, lines)
        if self._given_up:
            return Cause("load_failed", self._given_up)
        if code and code > 0 and self._instance.record.load_seconds is None:
            self._instance.refusal = unloadable(lines)
        return failed(self._instance.profile, self._instance.id, code, lines)

    def _move(self, phase: ph.Phase) -> None:
        before = self._instance.phase
        if isinstance(phase, ph.Loading) and isinstance(before, ph.Starting | ph.Fitting):
            self._vitals.rebase()  # what came before was the program itself, and fit's trials
        self._instance.move(phase)
