"""What kept contexts have cost and brought on this machine, by kind of instance; outlives the daemon.

A *kind* is an architecture with its flags on one build: what a restored slot brings depends on these.
Figures of build 11434 (`llama/slots.py` parses them): a gemma3 with its window restores everything and
reuses nothing, as do mamba and jamba in a chat; build 11549 reuses nearly all of it.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from paddock.api.contexts import Spared
from paddock.atomic_write import atomic_write

_log = logging.getLogger(__name__)
Place = Literal["ram", "disk"]
Way = Literal["save", "restore"]
_LAST = 8  # moves and tries that are remembered of each kind
_TRIES = 2  # in vain, after which a kind is given up: one may have been no exact extension
_NOTHING = (
    0.05  # of what was restored: llama-server may find the same first words in a cache of its own
)
_KINDS = 500  # remembered
# Bytes/s until one was measured, as a first guess: an H200 writes a slot of 4.2 GB to a tmpfs in
# 1.44 s and reads it in 1.05 to 1.36 s; a disk's page cache takes it as fast, the disk does not.
_GUESS = {"ram": 2.5e9, "disk": 1e9}


class Move(msgspec.Struct, array_like=True):
    """A slot written or read."""

    size: int  # bytes
    seconds: float


class Try(msgspec.Struct, array_like=True):
    """A conversation that went on in a restored slot."""

    expected: int  # tokens that its prompt had in common with the slot
    reused: int


class KindRecord(msgspec.Struct, omit_defaults=True):
    """What is known of one kind."""

    moves: dict[str, list[Move]] = {}  # by place and way
    bytes_per_token: float = 0.0  # 0: none was saved yet
    tries: list[Try] = []


class _File(msgspec.Struct, omit_defaults=True):
    kinds: dict[str, KindRecord] = {}
    spared: dict[str, Spared] = {}  # by profile


class Experience:
    """Noted by whoever moves a slot, or sees one used again; read by whoever decides."""

    def __init__(self, file: Path) -> None:
        """`file`: where it is kept; one that cannot be read counts as empty."""
        self._file, self._known = file, _File()
        self._has_news = False
        with suppress(OSError, msgspec.MsgspecError):
            self._known = msgspec.json.decode(file.read_bytes(), type=_File)

    # ---- looking up ----

    def rate(self, kind: str, place: Place, way: Way) -> tuple[float, bool]:
        """Bytes/s, and whether that was measured: of this kind, else of all, else a first guess."""
        key = f"{place} {way}"
        own = self._known.kinds.get(kind, KindRecord()).moves.get(key)
        every = (m for record in self._known.kinds.values() for m in record.moves.get(key, ()))
        measured = _rate(own or every)
        return (measured, True) if measured else (_GUESS[place], False)

    def bytes_per_token(self, kind: str) -> float:
        """As saved last; 0 where none was saved yet."""
        return self._known.kinds.get(kind, KindRecord()).bytes_per_token

    def is_futile(self, kind: str) -> bool:
        """Whether what was restored of this kind has never been used again, though it was asked for."""
        tries = self._known.kinds.get(kind, KindRecord()).tries
        return len(tries) >= _TRIES and all(t.reused <= _NOTHING * t.expected for t in tries)

    def spared(self, profile: str) -> Spared:
        """What contexts that were kept have saved this profile."""
        return self._known.spared.get(profile, Spared())

    # ---- writing ----

    def note_move(
        self, kind: str, place: Place, way: Way, *, tokens: int, size: int, seconds: float
    ) -> None:
        """A slot was written or read."""
        if not size or not tokens:
            return
        record = self._record(kind)
        moves = record.moves.setdefault(f"{place} {way}", [])
        moves.append(Move(size, seconds))
        del moves[:-_LAST]
        record.bytes_per_token = size / tokens
        self._has_news = True

    def note_try(self, kind: str, *, expected: int, reused: int) -> None:
        """A conversation went on in a restored slot."""
        record = self._record(kind)
        record.tries.append(Try(expected, reused))
        del record.tries[:-_LAST]
        self._has_news = True

    def note_spared(self, profile: str, *, tokens: int, seconds: float) -> None:
        """So much was not read again."""
        spared = self._known.spared.setdefault(profile, Spared())
        spared.tokens += tokens
        spared.seconds += seconds
        spared.times += 1
        self._has_news = True

    def _record(self, kind: str) -> KindRecord:
        """The newest last, as the oldest are forgotten."""
        record = self._known.kinds.pop(kind, None) or KindRecord()
        self._known.kinds[kind] = record
        while len(self._known.kinds) > _KINDS:
            del self._known.kinds[next(iter(self._known.kinds))]
        return record

    # ---- writing down ----

    async def write_down(self) -> None:
        """What is new, if anything is; the disk is waited for in a thread."""
        if self._has_news:
            self._has_news = False
            await asyncio.to_thread(self._write, msgspec.json.encode(self._known))

    def close(self) -> None:
        """The same at once: nothing is noted after it."""
        if self._has_news:
            self._has_news = False
            self._write(msgspec.json.encode(self._known))

    def _write(self, text: bytes) -> None:
        """A file that cannot be written costs what the next daemon would know, and no context."""
        try:
            atomic_write(self._file, text)
        except OSError as error:
            _log.warning("what kept contexts bring is not written down: %s", error)


def _rate(moves: Iterable[Move]) -> float:
    """Of all together, so that large ones count more than small ones, which take no time to speak of."""
    seen = list(moves)
    seconds = sum(move.seconds for move in seen)
    return sum(move.size for move in seen) / seconds if seconds else 0.0
