"""Reads the facts of a model file in a process of its own, once for each state of its files.

The one place for that: the gguf library brings numpy, and neither the daemon nor the command line
should pay for it. What was read is kept in `CACHE_DIR/facts/`, one JSON file for each model; it
holds for as long as path, size and time of change of every shard are the same. A file there that
cannot be read counts as none.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from paddock.llama.gguf import Facts, GgufError, whole
from paddock.whole import write_whole

_FORMAT = 1  # raise it when a fact is added, or found in another way


def read(path: Path, *, cache_dir: Path) -> Facts:
    """The facts of the model of which `path` is a file. GgufError says what is wrong with it."""
    slot = _Slot.of(path, cache_dir)
    if facts := slot.remembered():
        return facts
    done = subprocess.run(
        _command(path), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return slot.remember(_told(path, done.returncode, done.stdout, done.stderr))


async def read_in_child(path: Path, *, cache_dir: Path) -> Facts:
    """The same for a process that must not wait; cancelled, it ends its child."""
    slot = await asyncio.to_thread(_Slot.of, path, cache_dir)
    if facts := await asyncio.to_thread(slot.remembered):
        return facts
    facts = _told(path, *await _run(_command(path)))
    return await asyncio.to_thread(slot.remember, facts)


def _command(path: Path) -> list[str]:
    """-P: what lies in the working directory must not come before the gguf library."""
    return [sys.executable, "-P", "-m", "paddock.llama.gguf", os.fspath(path.absolute())]


async def _run(command: list[str]) -> tuple[int, bytes, bytes]:
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await child.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):  # it has just ended by itself
            child.kill()
        await child.wait()
        raise
    return child.returncode or 0, out, err


class _Complaint(msgspec.Struct):
    """What the child writes on stderr where it fails as it should."""

    message: str
    hint: str = ""


def _told(path: Path, status: int, out: bytes, err: bytes) -> Facts:
    if status:
        raise _error(path, status, err)
    return msgspec.json.decode(out, type=Facts)


def _error(path: Path, status: int, err: bytes) -> GgufError:
    with suppress(msgspec.DecodeError):
        complaint = msgspec.json.decode(err, type=_Complaint)
        return GgufError(complaint.message, hint=complaint.hint)
    last = err.decode(errors="replace").strip().rpartition("\n")[2]  # of a traceback
    return GgufError(f"{path}: reading its header failed ({last or f'status {status}'})")


# ---- what was read before ----


class _Kept(msgspec.Struct):
    """The content of a cache file. `facts` are decoded only where the rest is as it was."""

    format: int
    files: list[tuple[str, int, int]]  # path, bytes, nanoseconds of the last change
    facts: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Slot:
    """The place of one model in the cache."""

    file: Path
    shards: list[tuple[str, int, int]]

    @classmethod
    def of(cls, path: Path, cache_dir: Path) -> Self:
        """GgufError where a shard is missing."""
        files = whole(path.absolute())
        name = hashlib.sha256(os.fsencode(files[0])).hexdigest()[:32]
        return cls(cache_dir / "facts" / f"{name}.json", [_stamp(file) for file in files])

    def remembered(self) -> Facts | None:
        try:
            kept = msgspec.json.decode(self.file.read_bytes(), type=_Kept)
            is_same = (kept.format, kept.files) == (_FORMAT, self.shards)
            return msgspec.json.decode(kept.facts, type=Facts) if is_same else None
        except (OSError, msgspec.DecodeError):
            return None

    def remember(self, facts: Facts) -> Facts:
        """Write it whole or not at all; without a place to write it will be read again."""
        kept = _Kept(_FORMAT, self.shards, msgspec.Raw(msgspec.json.encode(facts)))
        with suppress(OSError):
            write_whole(self.file, msgspec.json.encode(kept))
        return facts


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        facts = file.stat()
    except OSError as error:  # it was there a moment ago
        raise GgufError(f"{file} cannot be read: {error.strerror}") from error
    return str(file), facts.st_size, facts.st_mtime_ns
