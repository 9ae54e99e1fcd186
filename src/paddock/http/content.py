"""The body of a request while it waits to be served: small ones in memory, large ones in files.

A file has no name, belongs to this process alone (0600), and lies in the state folder, so that prompts
are nowhere else than logs and contexts are. Memory and files are bounded, for one body and for all.
"""

import asyncio
import mmap
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from paddock.errors import NoRoomForBody
from paddock.http.outline import Outline, Piece, outline

SMALL = 1 << 16  # bytes; up to here bodies are not counted: the number of connections bounds them
_IN_MEMORY = 1 << 20  # bytes; a larger one goes to a file
_ALL_IN_MEMORY = 32 << 20  # bytes; once all together hold so many, every one that is not small does
_MAPPED = 4 << 20  # bytes; of a larger body its outline is looked at
_WRITTEN = _READ = 1 << 18  # bytes at a time


class Spooled:
    """A body in a file of its own; hashed by what it holds."""

    __slots__ = ("_digest", "_file", "_outline", "_size")

    def __init__(self, file: Any, size: int, digest: int) -> None:
        self._file, self._size, self._digest = file, size, digest
        self._outline: Outline | None = None  # while somebody looks at it

    def __len__(self) -> int:
        return self._size

    def __hash__(self) -> int:
        return self._digest

    def __eq__(self, other: object) -> bool:
        return self is other

    def view(self) -> mmap.mmap:
        """All of it, as bytes to be looked at; only the pages looked at take memory."""
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    async def slices(self, part: range | None = None) -> AsyncIterator[bytes]:
        """All of it, or this part, in order, as often as it is asked for."""
        part = range(self._size) if part is None else part
        for start in part[::_READ]:
            size = min(_READ, part.stop - start)
            yield await asyncio.to_thread(os.pread, self._file.fileno(), size, start)

    def outline(self) -> bytes | None:
        """The JSON without its long strings, until `forget`; None where that would be long, too."""
        number, starts = self._file.fileno(), range(0, self._size, _READ)
        self._outline = outline(os.pread(number, _READ, start) for start in starts)
        return self._outline.text if self._outline else None

    def forget(self) -> None:
        """Nobody looks at its outline any more."""
        self._outline = None

    async def restored(self, pieces: Iterable[Piece]) -> AsyncIterator[Piece]:
        """What these pieces stand for, which were made from what was looked at."""
        for piece in pieces:
            for part in self._outline.restored(piece) if self._outline else (piece,):
                if isinstance(part, range):
                    async for some in self.slices(part):
                        yield some
                else:
                    yield part

    def close(self) -> None:
        """Give its room on the disk back."""
        self._file.close()


Content = bytes | Spooled
Buffer = bytes | mmap.mmap  # what a content can be looked at as


class Store:
    """Where bodies are kept, and how much of them there is."""

    def __init__(self, folder: Path, most: int) -> None:
        """`most`: bytes of all files together."""
        self._folder, self._most = folder, most
        self.in_memory = self.in_files = 0  # bytes
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def opened(self, content: Content) -> AsyncIterator[Buffer]:
        """Look at it inside the block; at large ones one at a time, as their pages are memory."""
        if isinstance(content, bytes):
            yield content
            return
        async with self._turn:
            view = content.view()
            try:
                yield view
            finally:
                with suppress(BufferError):  # an error's traceback still holds a piece of it
                    view.close()

    @asynccontextmanager
    async def outlined(self, content: Content) -> AsyncIterator[Buffer]:
        """Look at a JSON document inside the block, of a large one without its long strings.

        They come back in what is made of it, see `changed`; there no string may be encoded twice.
        """
        if len(content) <= _MAPPED or isinstance(content, bytes):
            async with self.opened(content) as view:
                yield view
            return
        async with self._turn:
            text = await asyncio.to_thread(content.outline)
        if text is None:
            async with self.opened(content) as view:
                yield view
            return
        try:
            yield text
        finally:
            content.forget()

    async def changed(self, content: Content, pieces: Iterable[Piece]) -> Content:
        """One body of these pieces, made from what was seen of another. NoRoomForBody."""
        sink = Sink(self)
        try:
            if isinstance(content, bytes):
                for piece in pieces:
                    await sink.take(piece)
            else:
                async for piece in content.restored(pieces):
                    await sink.take(piece)
            return await sink.whole()
        except BaseException:
            sink.drop()
            raise

    def release(self, content: Content) -> None:
        """It was served, and what it took is free again."""
        if isinstance(content, Spooled):
            content.close()
            self.in_files -= len(content)
        elif len(content) > SMALL:  # a smaller one was never counted
            self.in_memory -= len(content)

    # ---- for sinks ----

    def has_memory(self, size: int) -> bool:
        """Whether there is room for so many bytes; then they are taken."""
        if self.in_memory + size > _ALL_IN_MEMORY:
            return False
        self.in_memory += size
        return True

    def take_disk(self, size: int) -> None:
        if self.in_files + size > self._most:
            raise NoRoomForBody(
                "the requests that wait leave no room for a body as large as this one",
                hint="bodies-size in paddock.toml sets how many MiB all of them may take",
            )
        self.in_files += size

    def new_file(self) -> Any:
        try:
            return TemporaryFile(dir=self._folder, buffering=0)
        except OSError as error:
            raise _not_kept(error) from error


class Sink:
    """One body while it is received: it goes to a file as soon as it is too large for memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = bytearray()  # not in the file, or all of it where there is none
        self._booked = 0  # bytes of the store's memory
        self._written = 0
        self._file: Any = None
        self._digest = blake2b(digest_size=8)

    @property
    def size(self) -> int:
        return self._written + len(self._waiting)

    async def take(self, piece: Piece) -> None:
        """The next bytes, in any number: no more than a few are copied at a time. NoRoomForBody."""
        with memoryview(piece) as view:
            for start in range(0, len(view), _WRITTEN):
                await self._take(view[start : start + _WRITTEN])

    async def _take(self, piece: memoryview) -> None:
        with piece:
            self._waiting += piece
        if self._file is None and not self._fits():
            self._file = self._store.new_file()
            self._forget()
        if self._file is not None and len(self._waiting) >= _WRITTEN:
            await self._write()

    async def whole(self) -> Content:
        """It is complete; its receiver releases it."""
        if self._file is None:
            return bytes(self._waiting)
        await self._write()
        return Spooled(self._file, self._written, int.from_bytes(self._digest.digest()))

    def drop(self) -> None:
        """It never became whole."""
        self._forget()
        if self._file is not None:
            self._file.close()
            self._store.in_files -= self._written

    def _fits(self) -> bool:
        """Whether memory is the place for what has come."""
        size = len(self._waiting)
        if size <= SMALL:
            return True
        if size > _IN_MEMORY or not self._store.has_memory(size - self._booked):
            return False
        self._booked = size
        return True

    def _forget(self) -> None:
        self._store.in_memory -= self._booked
        self._booked = 0

    async def _write(self) -> None:
        piece, self._waiting = self._waiting, bytearray()
        self._store.take_disk(len(piece))
        self._written += len(piece)
        try:
            await asyncio.to_thread(self._put, piece)
        except OSError as error:
            raise _not_kept(error) from error

    def _put(self, piece: bytearray) -> None:
        self._digest.update(piece)
        with memoryview(piece) as rest:
            done = 0
            while done < len(rest):
                done += self._file.write(rest[done:])


def _not_kept(error: OSError) -> NoRoomForBody:
    return NoRoomForBody(
        f"a large body cannot be kept until it is served: {error.strerror}",
        hint="it lies in the state folder while it waits; see that there is room on that disk",
    )
