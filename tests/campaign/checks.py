"""What must hold when a round is over and everybody has gone home."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.campaign.ground import Ground

_CALM = 60.0  # seconds within which nothing may be left waiting
_TRACEBACK = "Traceback (most recent call last)"
_FILES, _MIB = 24, 40  # by which one daemon may grow from its first calm to its last


@dataclass
class Checks:
    """Looks at the daemon between rounds, and at its logs at the end."""

    ground: Ground
    first: dict[int, tuple[int, int]] = field(default_factory=dict)  # by generation: files, MiB
    seen: list[tuple[int, int]] = field(default_factory=list)

    async def calm(self) -> list[str]:
        """What is wrong when nobody asks any more."""
        end, found = time.monotonic() + _CALM, ["it does not answer"]
        while found and time.monotonic() < end:
            await asyncio.sleep(0.1)
            found = await self._leftovers()
        return found + self._growth()

    async def _leftovers(self) -> list[str]:
        try:
            async with (
                asyncio.timeout(10),
                aiohttp.ClientSession() as http,
                http.get(self.ground.url + "/status") as reply,
            ):
                return list(self._wrong(await reply.json()))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return [f"it does not answer: {error!r}"]

    def _wrong(self, status: dict[str, Any]) -> Iterator[str]:
        for instance in status["instances"]:
            if instance.get("leases"):
                yield f"a leaked lease: {instance['id']} has {instance['leases']}"
            if instance["phase"] != "ready":
                yield f"{instance['id']} is {instance['phase']} for ever"
        if any(status["queue"].values()):
            yield f"somebody waits for ever: {status['queue']}"
        if status.get("requests"):
            yield f"a request in flight that nobody makes: {status['requests'][0]}"
        known = {instance.get("pid") for instance in status["instances"]}
        if status.get("yielded"):
            yield "the GPUs stay yielded"
        yield from self._left_behind(len(status["instances"]))
        if orphans := set(self.ground.servers()) - known:
            yield f"orphans: {sorted(orphans)} beside {known}"

    def _left_behind(self, living: int) -> Iterator[str]:
        """What saves and plans that were cut off would leave for ever; a living server may have one."""
        for folder in self.ground.temporary.glob("paddock-*"):
            if not Path(f"/proc/{folder.name.split('-')[2]}").exists():
                yield f"a folder of a daemon that is gone: {folder.name}"
        disks = [disk for disk in (self.ground.ram, self.ground.disk) if disk]
        halves = [file for disk in disks for file in disk.rglob("contexts/*/*.part")]
        if len(halves) > living:
            yield f"halves of contexts: {[str(half) for half in halves]}"

    def _growth(self) -> list[str]:
        pid, generation = self.ground.pid, self.ground.generation
        files, mib = _files(pid), _mib(pid)
        self.seen.append((files, mib))
        before = self.first.setdefault(generation, (files, mib))
        grown = []
        if files - before[0] > _FILES:
            grown.append(f"descriptors grow: {before[0]} -> {files}")
        if mib - before[1] > _MIB:
            grown.append(f"memory grows: {before[1]} -> {mib} MiB")
        return grown

    def tracebacks(self) -> list[str]:
        """Of all daemons; none is right, whatever happened to them."""
        texts = [log.read_text(errors="replace") for log in self.ground.logs]
        parts = [part for text in texts for part in text.split(_TRACEBACK)[1:]]
        return sorted({_last_words(part) for part in parts})


def _last_words(traceback: str) -> str:
    """The line that names the error, and the last place in the code before it."""
    place = ""
    for line in traceback.splitlines()[1:]:
        if line.lstrip().startswith("File "):
            place = line.strip()
        elif line and not line.startswith((" ", "|", "+")):
            return f"a traceback: {line} at {place}"
    return f"a traceback without an end at {place}"


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _mib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) >> 10
    return 0
