"""Reads the facts of model files in a process of its own, once for each state of their files.

The one place for that: the gguf library brings numpy, and neither the daemon nor the command line
should pay for it, or crash on an unforeseen file. One process reads all files that it is
given. What was read is kept in `CACHE_DIR/facts/`, one JSON file for each model; it holds for as
long as path, size and times of change of every shard are the same. A file there that cannot be read
counts as none. Whatever happens to the process, the answer is facts or a GgufError.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from paddock.atomic_write import atomic_write
from paddock.llama.gguf import Facts, GgufError, HeaderAnswer, absent, shards

_FORMAT = 3  # raise it when a fact is added, or found in another way
# -P: what lies in the working directory must not come before the gguf library.
_COMMAND = ("-P", "-m", "paddock.llama.gguf_child")

# Path, bytes, and nanoseconds of the last change of it and of its inode.
Stamp = tuple[str, int, int, int]


def read(path: Path, *, cache_dir: Path) -> Facts:
    """The facts of the model of which `path` is a file. GgufError says what is wrong with it."""
    for _, facts in read_each([path], cache_dir=cache_dir):
        return _or_raise(facts)
    raise AssertionError("each path has its answer")


def read_once(path: Path) -> Facts:
    """As `read`, and kept nowhere."""
    for _, facts in _answers([path]):
        return _or_raise(facts)
    raise AssertionError("each path has its answer")


def read_each(
    paths: Iterable[Path], *, cache_dir: Path
) -> Iterator[tuple[Path, Facts | GgufError]]:
    """Each path once, with its facts or its error; in the order in which the answers are known."""
    unread = dict[Path, _Slot]()
    for path in dict.fromkeys(paths):
        slot = _Slot.of(path, cache_dir)
        if facts := slot.remembered():
            yield path, facts
        else:
            unread[path] = slot
    while unread:
        for path, answer in _answers(list(unread)):
            yield path, unread.pop(path).keep(answer)


async def read_in_child(path: Path, *, cache_dir: Path) -> Facts:
    """As `read`, without blocking the event loop; if cancelled, it ends its child."""
    return _or_raise((await read_all_in_child([path], cache_dir=cache_dir))[path])


async def read_all_in_child(
    paths: Sequence[Path], *, cache_dir: Path
) -> dict[Path, Facts | GgufError]:
    """As `read_each`, without blocking the event loop; if cancelled, it ends its child."""
    slots, found = await asyncio.to_thread(_look_up, paths, cache_dir)
    unread = [path for path in slots if path not in found]
    while unread:
        answers = await _run(unread)
        for path, answer in answers:
            found[path] = await asyncio.to_thread(slots[path].keep, answer)
        unread = unread[len(answers) :]
    return found


def stamps(path: Path) -> list[Stamp]:
    """What changes with the files of the model at `path`: those of them that are there."""
    return [stamp for file in shards(path.absolute()) if (stamp := _stamp(file))]


def file_mark(path: Path) -> str:
    """A digest that changes with the files of the model at `path`."""
    return hashlib.sha256(repr(stamps(path)).encode()).hexdigest()[:16]


def _or_raise(facts: Facts | GgufError) -> Facts:
    if isinstance(facts, GgufError):
        raise facts
    return facts


def _look_up(
    paths: Iterable[Path], cache_dir: Path
) -> tuple[dict[Path, "_Slot"], dict[Path, Facts | GgufError]]:
    slots = {path: _Slot.of(path, cache_dir) for path in dict.fromkeys(paths)}
    known = ((path, slot.remembered()) for path, slot in slots.items())
    return slots, {path: facts for path, facts in known if facts}


# ---- the child ----


def _answers(paths: Sequence[Path]) -> Iterator[tuple[Path, Facts | GgufError]]:
    """Of the first of these paths, at least one; each as soon as it is there."""
    try:
        child = subprocess.Popen(
            _command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        yield paths[0], _failed(paths[0], str(error))
        return
    with child:
        yield from _talk(child, paths)


def _command() -> list[str]:
    return [sys.executable, *_COMMAND]


def _talk(
    child: "subprocess.Popen[bytes]", paths: Sequence[Path]
) -> Iterator[tuple[Path, Facts | GgufError]]:
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(_question(paths))
        child.stdin.close()
    ear = _Ear(paths)
    for line in child.stdout:
        yield from ear.hear(line)
    yield from ear.end(child.wait())


async def _run(paths: Sequence[Path]) -> list[tuple[Path, Facts | GgufError]]:
    """Of the first of these paths, at least one."""
    try:
        child = await asyncio.create_subprocess_exec(
            *_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        return [(paths[0], _failed(paths[0], str(error)))]
    try:
        out, _ = await child.communicate(_question(paths))
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):  # it has just ended by itself
            child.kill()
        await child.wait()
        raise
    ear = _Ear(paths)
    answers = [answer for line in out.splitlines() for answer in ear.hear(line)]
    return [*answers, *ear.end(child.returncode or 0)]


def _question(paths: Sequence[Path]) -> bytes:
    return b"".join(os.fsencode(path.absolute()) + b"\0" for path in paths)


class _Ear:
    """Reads the child's output: its answers, in the order of the paths, and its last other line."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = iter(paths)
        self._last = ""

    def hear(self, line: bytes) -> Iterator[tuple[Path, Facts | GgufError]]:
        try:
            answer = msgspec.json.decode(line, type=HeaderAnswer)
        except msgspec.MsgspecError:
            self._last = line.decode(errors="replace").strip() or self._last
            return
        error = GgufError(answer.message, hint=answer.hint, kind=answer.kind)
        yield next(self._paths), answer.facts or error

    def end(self, status: int) -> Iterator[tuple[Path, Facts | GgufError]]:
        """The child has ended; if it failed, the first path without an answer is to blame."""
        if (path := next(self._paths, None)) is not None:
            yield path, _failed(path, self._last or f"status {status}")


def _failed(path: Path, why: str) -> GgufError:
    return GgufError(f"{path}: reading its header failed ({why})", kind="odd")


# ---- what was read before ----


class _CachedFacts(msgspec.Struct):
    """The content of a cache file. `facts` are decoded only where the rest is as it was."""

    format: int
    files: list[Stamp]
    facts: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Slot:
    """The place of one model in the cache."""

    path: Path
    file: Path
    shards: list[Stamp]

    @classmethod
    def of(cls, path: Path, cache_dir: Path) -> Self:
        first = shards(path.absolute())[0]
        name = hashlib.sha256(os.fsencode(first)).hexdigest()[:32]
        return cls(path, cache_dir / "facts" / f"{name}.json", stamps(path))

    def remembered(self) -> Facts | GgufError | None:
        """The facts, or the error, that can be given without a child; None where one must read the file."""
        if not self.shards:
            return absent([self.path])
        try:
            kept = msgspec.json.decode(self.file.read_bytes(), type=_CachedFacts)
            is_same = (kept.format, kept.files) == (_FORMAT, self.shards)
            return msgspec.json.decode(kept.facts, type=Facts) if is_same else None
        except (OSError, msgspec.MsgspecError):
            return None

    def keep(self, facts: Facts | GgufError) -> Facts | GgufError:
        """Write the facts atomically; where that fails they will be read again."""
        if isinstance(facts, Facts):
            kept = _CachedFacts(_FORMAT, self.shards, msgspec.Raw(msgspec.json.encode(facts)))
            with suppress(OSError):
                atomic_write(self.file, msgspec.json.encode(kept))
        return facts


def _stamp(file: Path) -> Stamp | None:
    try:
        facts = file.stat()
    except (OSError, ValueError):
        return None
    return str(file), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
