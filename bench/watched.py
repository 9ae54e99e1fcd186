"""A daemon whose event loop is watched: how long one turn of it took, of the processor and of the clock.

    python bench/watched.py FILE serve …       as `paddock serve …`; FILE: where the longest turns go

Runs on asyncio's own loop, whose turns can be timed; the code in them is the same as on uvloop. FILE
holds, as JSON, the longest turn and whose it was; SIGUSR1 writes it and begins anew.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from paddock.atomic_write import atomic_write

_SHOWN = 5  # of the longest turns


class Watch:
    """Times each turn of the event loop, that is each callback, and each look of the garbage collector."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._turns: list[tuple[float, float, str]] = []
        self._collecting = self._collected = 0.0

    def begin(self) -> None:
        run, watch = asyncio.Handle._run, self

        def timed(handle: asyncio.Handle) -> None:
            clock, cpu = time.perf_counter(), time.thread_time()
            run(handle)
            watch.note(time.thread_time() - cpu, time.perf_counter() - clock, handle)

        asyncio.Handle._run = timed  # type: ignore[method-assign]
        gc.callbacks.append(self._garbage)

    def note(self, cpu: float, clock: float, handle: asyncio.Handle) -> None:
        if len(self._turns) < _SHOWN or cpu > self._turns[-1][0]:
            self._turns.append((cpu, clock, _whose(handle)))
            self._turns.sort(reverse=True)
            del self._turns[_SHOWN:]

    def _garbage(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._collected = max(self._collected, time.thread_time() - self._collecting)

    def tell(self) -> None:
        turns = [{"cpu": cpu, "clock": clock, "whose": whose} for cpu, clock, whose in self._turns]
        measured = {"turns": turns, "collector": self._collected}
        self._turns, self._collected = [], 0.0
        atomic_write(self._file, json.dumps(measured).encode())


def _whose(handle: asyncio.Handle) -> str:
    task = getattr(handle._callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return getattr(task.get_coro(), "__qualname__", "task")
    return getattr(handle._callback, "__qualname__", "callback")


def main() -> None:
    watch = Watch(Path(sys.argv.pop(1)))
    watch.begin()

    async def watched(serving: Coroutine[Any, Any, None]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, watch.tell)
        await serving

    import uvloop

    uvloop.run = lambda serving: asyncio.run(watched(serving))
    from paddock.cli.main import run as paddock

    paddock()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
