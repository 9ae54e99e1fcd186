"""The saved contexts of one instance: written while it is idle or when it leaves, read by the next one.

To save a slot is one task in llama-server's queue: while it runs, nobody is served. So ahead of time
one slot at a time is saved, when that is least likely to keep anybody waiting (`rhythm`).
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
from paddock.daemon.instances.rhythm import LEAST, Rhythm
from paddock.daemon.instances.thrift import Thrift, Weighing
from paddock.llama import client, slots
from paddock.llama.slots import Chosen, Held, Moved, Reused

_log = logging.getLogger(__name__)
_PATIENCE = 30.0  # seconds for all slots of an instance; some GB on an SSD
_ANSWERS = 3.0  # seconds in which a server answers that it lives, whatever it works on
_MIB = 1 << 20
_GOES_ON = 0.5  # of a slot's tokens that a prompt begins with, if it is the same conversation
# A server that hangs, is gone or answers as none does; a disk that cannot be written.
_TROUBLE = (TimeoutError, OSError, aiohttp.ClientError, ValueError, LookupError, TypeError)


class SlotStore:
    """What is kept of one instance, whose server was given this folder."""

    def __init__(
        self, folder: Path, folders: ContextFolders, thrift: Thrift, rhythm: Rhythm | None = None
    ) -> None:
        """`rhythm`: of its model; None: nothing is known of that."""
        self._folder, self._folders, self.thrift = folder, folders, thrift
        self.rhythm = rhythm or Rhythm()
        self._lock = asyncio.Lock()  # one save at a time: leaving waits for one that is under way
        self._saved: dict[int, Held] = {}  # as each slot was when its file was written
        self._kept: dict[
            int, Held
        ] = {}  # what each slot has of its file since a task that was heard of
        self._restored: dict[int, Moved] = {}  # slots that nobody has gone on with yet
        self._chosen: Chosen | None = None
        self._has_news = True  # something may be there that was not saved
        self._not_before = 0.0  # idle seconds: what is new is better saved later
        self.note = ""  # why nothing was kept, at the last look
        self.reused_tokens = 0  # of what was restored, by the conversation that went on
        self.saved_seconds = 0.0  # that this took less than reading them again

    @property
    def saves_ahead(self) -> bool:
        """Whether it is saved while it is idle: only into RAM, as that wears no disk."""
        return self.thrift.place == "ram"

    def wants_look(self, rested: float) -> bool:
        """Whether something may be saved ahead, after so many idle seconds."""
        return self.saves_ahead and self._has_news and rested >= max(LEAST, self._not_before)

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
        self._kept[slot] = self._saved[slot]
        self.thrift.note_restored(moved)

    def hear(self, line: str) -> None:
        """A line of its log: whether a slot may have changed, how much of what is kept it still begins
        with, and what a conversation that goes on had of what was restored."""
        if "stop processing" in line:
            self._has_news, self._not_before = True, 0.0
        if not self._kept:
            return
        found = slots.parse_reuse(line)
        if isinstance(found, Reused):
            self._judge(found)
        elif found or "selected slot by" in line:
            self._chosen = found

    def _judge(self, reused: Reused) -> None:
        """Only a conversation that goes on proves anything: what begins otherwise reuses nothing."""
        moved, chosen = self._restored.pop(reused.slot, None), self._chosen
        if chosen is None or chosen.slot != reused.slot or chosen.kept < _GOES_ON:
            self._kept.pop(reused.slot, None)
            return
        if kept := self._kept.get(reused.slot):
            self._kept[reused.slot] = Held(min(kept.tokens, reused.tokens), reused.task)
        if moved:
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
                    if await self._has_room(slot, weighing):
                        tokens += await self._save(session, slot, held)
        return tokens

    async def save_one(self, socket: str, report: LoadReport, *, rested: float) -> None:
        """After so many idle seconds: have it write one slot, if one is new, is worth it and it is time."""
        self._has_news, later = False, list[float]()
        with suppress(*_TROUBLE):
            async with asyncio.timeout(_PATIENCE), self._lock, client.connect(socket) as session:
                async for slot, held, weighing in self._worthwhile(session, report):
                    moment = self.rhythm.moment(weighing.save)
                    if moment is None:
                        self.note = f"saved only when it leaves: takes {weighing.save:.1f} s"
                    elif moment > rested:
                        later.append(moment)
                    elif await self._has_room(slot, weighing):
                        await self._save(session, slot, held)
                        self._has_news = True  # there may be another
                        return
        if later:
            self._has_news, self._not_before = True, min(later)

    async def _worthwhile(
        self, session: aiohttp.ClientSession, report: LoadReport
    ) -> AsyncIterator[tuple[int, Held, Weighing]]:
        """The slots that changed since they were saved, and that it pays to save."""
        for slot, held in (await slots.used(session)).items():
            is_kept = slot in self._files()
            if held == self._saved.get(slot) and is_kept:
                continue
            weighing = self.thrift.weigh(held.tokens, report)
            begins = self._kept.get(slot)
            kept = begins.tokens if is_kept and begins and begins.task == held.task else 0
            if self.thrift.is_worth(weighing, kept=kept):
                yield slot, held, weighing
            elif not kept:
                self.note = _FUTILE if self.thrift.is_futile else f"not worth it: {weighing}"

    async def _has_room(self, slot: int, weighing: Weighing) -> bool:
        """Whether it may be saved now. In RAM, older contexts of others go for it."""
        old = self._folder / f"slot-{slot}.bin"
        if await self._folders.make_room(self._folder, max(weighing.size, 1), replaces=old):
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
        self._kept[slot] = Held(moved.tokens, held.task)
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
