"""Tells when a file was written, replaced or removed, as editors do it, without polling (inotify)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from asyncinotify import Inotify, Mask

_CHANGES = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE | Mask.CREATE
_SETTLE = 0.1  # seconds without a further change: editors write in several steps


async def written(path: Path) -> AsyncIterator[None]:
    """Yields after each change of the file, once it has come to rest.

    Its folder is watched, as most editors put a new file in the old one's place; where the file is
    a link, so is the folder of what it points to.
    """
    with Inotify() as inotify:
        watched: set[Path] = set()
        while True:
            names = _watch(inotify, path, watched)
            await _next_of(inotify, names)
            with suppress(TimeoutError):
                while True:
                    async with asyncio.timeout(_SETTLE):
                        await _next_of(inotify, names)
            yield


def _watch(inotify: Inotify, path: Path, watched: set[Path]) -> set[str]:
    """Watch the folders of the file and of what it points to now; the names to look for in them."""
    target = path.resolve()
    for folder in {path.parent, target.parent} - watched:
        if folder.is_dir():  # a link may lead nowhere
            inotify.add_watch(folder, _CHANGES)
            watched.add(folder)
    return {path.name, target.name}


async def _next_of(inotify: Inotify, names: set[str]) -> None:
    async for event in inotify:
        if event.name and event.name.name in names:
            return
