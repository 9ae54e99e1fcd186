"""One process started before its `Spawn`: it begins, is held before it opens its model, and is then taken
over or ended."""

import asyncio
from collections.abc import Mapping
from signal import SIGKILL
from typing import Literal

from paddock.core.upcoming import Upcoming
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.registry import Registry
from paddock.llama.gate import Gate
from paddock.llama.process import Child, spawn
from paddock.llama.signs import MARK

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
        self,
        record: Record,
        gate: Gate,
        environ: Mapping[str, str],
        records: Records,
        registry: Registry,
    ) -> None:
        """Start it behind this gate, wait for the decision. Raises OSError where it cannot be started."""
        self.record = record
        plumbing = records.plumbing(record.number)
        child = spawn(record.argv, {**environ, MARK: record.mark}, plumbing)
        try:
            registry.note_early(self.upcoming.instance, child.pid)
            _note_identity(record, child)
            records.save(record)
            if await self._is_taken(child) and await gate.open(child):
                self.child = child
        finally:
            if self.child is None:
                child.signal(SIGKILL)  # also where this is cancelled: nothing is left behind
        if self.child is None:
            await child.wait()
            child.close()

    async def _is_taken(self, child: Child) -> bool:
        """The decision; no, where it has ended by itself before, or has been held for long enough."""
        ending = asyncio.create_task(child.wait())
        deciding = asyncio.create_task(self._decided.wait())
        try:
            await asyncio.wait(
                {ending, deciding}, timeout=_HELD_AT_MOST, return_when=asyncio.FIRST_COMPLETED
            )
            return self.decision == "take" and not ending.done()
        finally:
            ending.cancel()
            deciding.cancel()

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
