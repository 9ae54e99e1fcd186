"""The saved contexts of one instance: written while it is idle or when it leaves, read by the next one.

To save a slot is one task in llama-server's queue: while it runs, nobody is served. So ahead of time
one slot at a time is saved, and none that takes longer than `_QUICK`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp

from paddock.api.contexts import KeptContext
from paddock.daemon.instances.context_folders import HALF, ContextFolders, saved_at, size_of
from paddock.daemon.instances.load_report import LoadReport
from paddock.daemon.instances.thrift import Thrift, Weighing
from paddock.llama import client, slots
from paddock.llama.slots import Chosen, Held, Moved, Reused

_log = logging.getLogger(__name__)
_QUICK = 2.0  # seconds that a request may have to wait for a slot that is saved ahead
_PATIENCE = 30.0  # seconds for all slots of an instance; some GB on an SSD
_ANSWERS = 3.0  # seconds in which a server answers that it lives, whatever it works on
_MIB = 1 << 20
_GOES_ON = 0.5  # of a slot's tokens that a prompt begins with, if it is the same conversation
# A server that hangs, is gone or answers as none does; a disk that cannot be written.
_TROUBLE = (TimeoutError, OSError, aiohttp.ClientError, ValueError, LookupError, TypeError)


class SlotStore:
    """What is kept of one instance, whose server was given this folder."""

    def __init__(self, folder: Path, folders: ContextFolders, thrift: Thrift) -> None:
        self._folder, self._folders, self.thrift = folder, folders, thrift
        self._lock = asyncio.Lock()  # one save at a time: leaving waits for one that is under way
        self._saved: dict[int, Held] = {}  # as each slot was when its file was written
        self._restored: dict[int, Moved] = {}  # slots that nobody has gone on with yet
        self._chosen: Chosen | None = None
        self.has_news = True  # something may be there that was not saved
        self.note = ""  # why nothing was kept, at the last look
        self.reused_tokens = 0  # of what was restored, by the conversation that went on
        self.saved_seconds = 0.0  # that this took less than reading them again

    @property
    def saves_ahead(self) -> bool:
        """Whether it is saved while it is idle: only into RAM, as that wears no disk."""
        return self.thrift.place == "ram"

    @property
    def is_empty(self) -> bool:
        return not self._files()

    def report(self) -> KeptContext:
        """What is saved now, as far as this daemon saved or restored it, and what it has brought."""
        there = self._files()
        size = sum(map(size_of, there.values()))
        return KeptContext(
            place=self.thrift.place,
            kept_tokens=sum(held.tokens for slot, held in self._saved.items() if slot in there),
            kept_mib=round(size / _MIB),
            reused_tokens=self.reused_tokens,
            saved_seconds=round(self.saved_seconds, 3),
            note=self.note,
        )

    # ---- back into a server ----

    async def restore(self, session: aiohttp.ClientSession) -> int:
        """Give them to the server, the newest first; tokens. What goes wrong costs only time."""
        if self.thrift.is_futile:
            self.note = _FUTILE
            for file in self._files().values():
                file.unlink(missing_ok=True)
            return 0
        with suppress(*_TROUBLE):
            async with asyncio.timeout(_PATIENCE):
                for slot, file in self._files().items():
                    await self._restore(session, slot, file)
        return sum(moved.tokens for moved in self._restored.values())

    async def _restore(self, session: aiohttp.ClientSession, slot: int, file: Path) -> None:
        with _partial(_put_aside(file)) as partial:
            moved = await slots.restore(session, slot, partial.name)
            if moved is None:
                _log.warning("%s does not fit any more and goes", file)
                return
            partial.replace(file)
        self._restored[slot] = moved
        self._saved[slot] = Held(moved.tokens, task=-1)  # no task of this server has touched it
        self.thrift.note_restored(moved)

    def hear(self, line: str) -> None:
        """A line of its log: whether a slot may have changed, and what a conversation that goes on
        had of what was restored."""
        self.has_news = self.has_news or "stop processing" in line
        if not self._restored:
            return
        match slots.parse_reuse(line):
            case None:
                pass
            case Chosen() as chosen:
                self._chosen = chosen
            case Reused() as reused:
                self._judge(reused)

    def _judge(self, reused: Reused) -> None:
        """Only a conversation that goes on proves anything: what begins otherwise reuses nothing."""
        moved, chosen = self._restored.pop(reused.slot, None), self._chosen
        if moved is None or chosen is None or chosen.slot != reused.slot:
            return
        if chosen.kept >= _GOES_ON:
            self._note_reused(moved, round(chosen.kept * moved.tokens), reused.tokens)

    def _note_reused(self, moved: Moved, expected: int, tokens: int) -> None:
        _log.info("of about %d restored tokens in common, %d were reused", expected, tokens)
        self.reused_tokens += tokens
        self.saved_seconds += self.thrift.note_reused(
            expected=expected, reused=tokens, restore_seconds=moved.seconds
        )

    # ---- out of a server ----

    async def save(self, socket: str, report: LoadReport) -> int:
        """When it leaves: have the server that listens there write what is new in its slots; tokens."""
        tokens = 0
        with suppress(*_TROUBLE):
            async with asyncio.timeout(_PATIENCE), self._lock, client.connect(socket) as session:
                if await client.health(session, within=_ANSWERS) == "silent":
                    _log.warning("contexts are not saved: the server of %s hangs", self._folder)
                    return 0
                async for slot, held, weighing in self._worthwhile(session, report):
                    if await self._has_room(weighing):
                        tokens += await self._save(session, slot, held)
        return tokens

    async def save_one(self, socket: str, report: LoadReport) -> None:
        """While it is idle: have it write one slot, if one is new, is worth it and takes but a moment.

        `has_news` stays set as long as there may be another.
        """
        self.has_news = False
        with suppress(*_TROUBLE):
            async with asyncio.timeout(_PATIENCE), self._lock, client.connect(socket) as session:
                async for slot, held, weighing in self._worthwhile(session, report):
                    if weighing.save > _QUICK:
                        self.note = f"saved only when it leaves: takes {weighing.save:.1f} s"
                        continue
                    if not await self._has_room(weighing):
                        continue
                    await self._save(session, slot, held)
                    self.has_news = True
                    return

    async def _worthwhile(
        self, session: aiohttp.ClientSession, report: LoadReport
    ) -> AsyncIterator[tuple[int, Held, Weighing]]:
        """The slots that changed since they were saved, and that it pays to save."""
        for slot, held in (await slots.used(session)).items():
            if held == self._saved.get(slot) and slot in self._files():
                continue
            weighing = self.thrift.weigh(held.tokens, report)
            if not self.thrift.is_worth(weighing):
                self.note = _FUTILE if self.thrift.is_futile else f"not worth it: {weighing}"
            else:
                yield slot, held, weighing

    async def _has_room(self, weighing: Weighing) -> bool:
        """Whether it may be saved now. In RAM, older contexts of others go for it."""
        if await self._folders.make_room(self._folder, max(weighing.size, 1)):
            return True
        self.note = "not enough room to keep it"
        _log.warning("contexts are not saved: no room in %s", self._folder)
        return False

    async def _save(self, session: aiohttp.ClientSession, slot: int, held: Held) -> int:
        with _partial(self._folder / f"slot-{slot}{HALF}") as partial:
            moved = await slots.save(session, slot, partial.name)
            if moved is None or not moved.tokens:
                return 0
            partial.chmod(0o600)
            partial.replace(partial.with_suffix(".bin"))
        self._saved[slot], self.note = held, ""
        self.thrift.note_saved(moved)
        return moved.tokens

    def _files(self) -> dict[int, Path]:
        """By slot, the newest first; none where the folder cannot be looked at."""
        with suppress(OSError):
            found = sorted(self._folder.glob("slot-*.bin"), key=saved_at, reverse=True)
            return {int(file.stem.removeprefix("slot-")): file for file in found}
        return {}


_FUTILE = "this build reuses nothing of what it restores for this model"


@contextmanager
def _partial(file: Path) -> Iterator[Path]:
    """The place of a file that is being written; whatever is there at the end of the block goes."""
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def _put_aside(file: Path) -> Path:
    """Its place while it is tried: a file on which a server dies is not tried a second time."""
    return file.replace(file.with_suffix(HALF))
