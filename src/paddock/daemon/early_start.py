"""One process started before its `Spawn`: it begins, is held before it takes memory, and is then taken
over or ended."""

import asyncio
import logging
from collections.abc import Mapping
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Literal

from paddock.core.upcoming import Upcoming
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.registry import Registry
from paddock.llama.follow import LineFile, Watch
from paddock.llama.output import load_hint
from paddock.llama.process import Child, spawn
from paddock.llama.signs import MARK

_log = logging.getLogger(__name__)
# Seconds after which one that is not needed yet is ended: a long answer is waited for, and its
# context takes memory meanwhile.
_HELD_AT_MOST = 60.0


class EarlyStart:
    """`run` is its life; `decide` ends that."""

    def __init__(self, upcoming: Upcoming) -> None:
        self.upcoming = upcoming
        self.record: Record | None = None
        self.child: Child | None = None  # once `run` is over: alive, and to be taken over
        self.decision: Literal["take", "drop"] | None = None
        self._decided, self._over = asyncio.Event(), asyncio.Event()

    def is_for(self, upcoming: Upcoming | None) -> bool:
        """Whether this is what comes next, whoever still leaves for it."""
        mine = self.upcoming
        return upcoming is not None and (mine.instance, mine.fingerprint) == (
            upcoming.instance,
            upcoming.fingerprint,
        )

    def decide(self, decision: Literal["take", "drop"]) -> None:
        """It is needed now, or not any more."""
        if self.decision is None:
            self.decision = decision
            self._decided.set()

    async def run(
        self, record: Record, environ: Mapping[str, str], records: Records, registry: Registry
    ) -> None:
        """Start it, hold it, wait for the decision. Raises OSError where it cannot be started."""
        self.record = record
        plumbing = records.plumbing(record.number)
        watch = Watch(plumbing.log)
        try:
            child = spawn(record.argv, {**environ, MARK: record.mark}, plumbing)
            registry.note_early(self.upcoming.instance, child.pid)
            _note_identity(record, child)
            records.save(record)
            await self._wait(child, LineFile(plumbing.log), watch)
        finally:
            watch.close()

    async def _wait(self, child: Child, log: LineFile, watch: Watch) -> None:
        """Until it is decided upon, has ended by itself, or has been held for long enough."""
        holding = asyncio.create_task(_hold(child, log, watch))
        ending = asyncio.create_task(child.wait())
        deciding = asyncio.create_task(self._decided.wait())
        try:
            await asyncio.wait(
                {ending, deciding}, timeout=_HELD_AT_MOST, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (holding, deciding):
                task.cancel()
            log.close()
            if self.decision == "take" and not ending.done():
                child.signal(SIGCONT)
                self.child = child
                ending.cancel()
            else:
                child.signal(SIGKILL)  # also where this is cancelled: nothing is left behind
        if self.child is None:
            await ending
            child.close()

    def close(self) -> None:
        """All that is to happen has."""
        self._over.set()

    async def wait_over(self) -> None:
        """Return when it was given up, or can be taken over."""
        await self._over.wait()


def _note_identity(record: Record, child: Child) -> None:
    identity = child.identity
    record.pid, record.started, record.boot = identity.pid, identity.started, identity.boot
    record.is_early = True


async def _hold(child: Child, log: LineFile, watch: Watch) -> None:
    """Stop it when it has read its file's header: before that it takes nothing but a driver's context."""
    while not any(load_hint(line) == "loading" for line in log.read()):
        await watch.changed()
    child.signal(SIGSTOP)
    _log.debug("process %d is held", child.pid)
